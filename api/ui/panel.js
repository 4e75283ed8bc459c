// One query: its expression, its time, its result as table or graph.
'use strict';

const MAX_ROWS = 2000;
const RANGES = [10, 60, 300, 900, 1800, 3600, 7200, 21600, 43200, 86400, 172800, 604800, 1209600, 2419200, 4838400,
  15724800, 31536000, 63072000];

class Panel {
  // state: {expr, tab, range, end, step, moment}; onChange is told when it changed.
  constructor(state, onChange, onRemove) {
    this.state = {expr: '', tab: 'table', range: 3600, end: null, step: null, moment: null, zero: false, ...state};
    this.onChange = onChange;
    this.root = document.getElementById('panel-template').content.firstElementChild.cloneNode(true);
    this.get = (selector) => this.root.querySelector(selector);
    this.expr = this.get('.expr');
    this.expr.value = this.state.expr;
    this.completer = new Completer(this.expr, this.get('.suggestions'), () => this.fit());
    this.get('form').addEventListener('submit', (e) => { e.preventDefault(); this.submit(); });
    this.get('.remove').addEventListener('click', () => { this.cancel(); onRemove(this); });
    this.expr.addEventListener('input', () => this.fit());
    this.expr.addEventListener('keydown', (e) => this.key(e));
    for (const button of this.root.querySelectorAll('[role=tab]')) {
      button.addEventListener('click', () => this.change({tab: button.dataset.tab}));
      button.addEventListener('keydown', (e) => {
        if (e.key !== 'ArrowLeft' && e.key !== 'ArrowRight') return;
        this.change({tab: this.state.tab === 'table' ? 'graph' : 'table'});
        this.get('[role=tab][aria-selected=true]').focus();
      });
    }
    this.listenToTimes();
    this.show();
  }

  listenToTimes() {
    const on = (selector, event, handler) => this.get(selector).addEventListener(event, handler);
    const input = (selector, parse, field, bad) => on(selector, 'change', (e) => {
      const text = e.target.value.trim(), value = text === '' ? null : parse(text);
      if ((text !== '' && value === null) || (text === '' && field === 'range')) return this.complain(bad);
      this.change({[field]: value});
    });
    input('.range', parseDuration, 'range', 'A range is a duration such as 15m, 1h30m or 2d.');
    input('.step', parseDuration, 'step', 'A step is a duration such as 15s or 5m.');
    input('.end', parseTime, 'end', 'A time is such as 2026-01-31 12:00:00.');
    input('.moment', parseTime, 'moment', 'A time is such as 2026-01-31 12:00:00.');
    on('.zero', 'change', (e) => this.change({zero: e.target.checked}));
    const range = () => this.state.range, now = () => Date.now() / 1000;
    on('.range-less', 'click', () => this.change({range: RANGES.findLast((r) => r < range()) ?? range()}));
    on('.range-more', 'click', () => this.change({range: RANGES.find((r) => r > range()) ?? range()}));
    on('.earlier', 'click', () => this.change({end: (this.state.end ?? now()) - range() / 2}));
    on('.later', 'click', () => this.change({end: (this.state.end ?? now()) + range() / 2}));
    on('.moment-earlier', 'click', () => this.change({moment: (this.state.moment ?? now()) - 300}));
    on('.moment-later', 'click', () => this.change({moment: (this.state.moment ?? now()) + 300}));
  }

  key(e) {
    if (this.completer.key(e)) return;
    if (e.key === 'Enter' && !e.shiftKey) { e.preventDefault(); this.submit(); }
    if (e.key === 'Escape') this.cancel();
  }

  fit() {
    this.expr.style.height = 'auto';
    this.expr.style.height = `${this.expr.scrollHeight + 2}px`;
  }

  change(part) {
    Object.assign(this.state, part);
    this.onChange();
    this.run();
  }

  submit() {
    this.completer.close();
    if (this.busy && this.expr.value === this.state.expr) return this.cancel();
    this.change({expr: this.expr.value});
  }

  // Puts the state into the controls.
  show() {
    const {tab, range, end, step, moment, zero} = this.state;
    for (const button of this.root.querySelectorAll('[role=tab]')) {
      button.setAttribute('aria-selected', String(button.dataset.tab === tab));
      button.tabIndex = button.dataset.tab === tab ? 0 : -1;
    }
    this.get('.graph-controls').hidden = tab !== 'graph';
    this.get('.table-controls').hidden = tab !== 'table';
    this.get('.range').value = formatDuration(range);
    this.get('.end').value = end === null ? '' : formatTime(end);
    this.get('.step').value = step === null ? '' : formatDuration(step);
    this.get('.moment').value = moment === null ? '' : formatTime(moment);
    this.get('.zero').checked = zero;
  }

  cancel() { this.abort?.abort(); }
  set busy(on) {
    this.root.classList.toggle('busy', on);
    this.get('.run').textContent = on ? 'Cancel' : 'Execute';
  }
  get busy() { return this.root.classList.contains('busy'); }

  complain(message) {
    this.get('.notes').replaceChildren(element('div', {class: 'box bad', role: 'alert'}, message));
  }

  async run() {
    this.cancel();
    this.show();
    this.fit();
    const {expr, tab} = this.state;
    if (expr.trim() === '') {
      this.clear();
      this.get('.notes').replaceChildren();
      this.get('.summary').textContent = '';
      return;
    }
    const abort = this.abort = new AbortController();
    this.busy = true;
    const began = performance.now();
    try {
      const json = tab === 'graph' ? await this.askRange(abort.signal) : await this.askNow(abort.signal);
      if (abort.signal.aborted) return;
      const took = Math.round(performance.now() - began);
      this.clear();
      this.get('.notes').replaceChildren(
        ...(json.warnings ?? []).map((w) => element('div', {class: 'box warn'}, w)),
        ...(json.infos ?? []).map((w) => element('div', {class: 'box info'}, w)));
      const n = this.draw(json.data);
      this.get('.summary').textContent = `${n} · ${took} ms` + (tab === 'graph' ? ` · step ${formatDuration(this.step)}` : '');
    } catch (e) {
      if (e.name === 'AbortError' || abort.signal.aborted) {
        if (this.abort === abort) this.get('.summary').textContent = 'Cancelled';
        return;
      }
      this.clear();
      this.get('.summary').textContent = '';
      this.complain(e.message);
    } finally {
      if (this.abort === abort) this.busy = false;
    }
  }

  askNow(signal) {
    const params = {query: this.state.expr};
    if (this.state.moment !== null) params.time = this.state.moment;
    return ask('query', params, signal);
  }

  askRange(signal) {
    const {expr, range, end, step} = this.state;
    this.end = end ?? Date.now() / 1000;
    this.start = this.end - range;
    // About one point for every four pixels, and never more than the server allows.
    const points = Math.min(1000, Math.max(100, Math.floor(this.root.clientWidth / 4)));
    this.step = step ?? Math.max(range / points, 1);
    if (step === null) this.step = this.step >= 5 ? Math.ceil(this.step) : Math.ceil(this.step * 10) / 10;
    return ask('query_range', {query: expr, start: this.start.toFixed(3), end: this.end.toFixed(3), step: this.step}, signal);
  }

  clear() {
    this.chart?.destroy();
    this.chart = null;
    this.get('.result').replaceChildren();
  }

  // Returns what the summary says about it.
  draw(data) {
    const place = this.get('.result');
    if (data.resultType === 'matrix' && this.state.tab === 'graph') {
      if (!data.result.length) return this.nothing();
      this.chart = new Chart(data.result, {start: this.start, end: this.end, step: this.step, fromZero: this.state.zero,
        onZoom: (start, end) => this.change({range: Math.max(1, Math.round(end - start)), end})});
      place.replaceChildren(this.chart.root);
      return `${data.result.length} series`;
    }
    if (data.resultType === 'scalar' || data.resultType === 'string') {
      place.replaceChildren(this.table([[element('i', {class: 'series'}, data.resultType), data.result[1]]]));
      return '1 result';
    }
    if (!data.result.length) return this.nothing();
    const rows = data.result.slice(0, MAX_ROWS).map((s) => [seriesElement(s.metric), this.cell(s)]);
    place.replaceChildren(this.table(rows));
    if (data.result.length > MAX_ROWS) {
      place.prepend(element('div', {class: 'box warn'}, `Showing the first ${MAX_ROWS} of ${data.result.length} series.`));
    }
    return `${data.result.length} series`;
  }

  nothing() {
    this.get('.result').replaceChildren(element('div', {class: 'empty'}, 'No series match this expression at this time.'));
    return 'Empty result';
  }

  cell(s) {
    if (s.value) return s.value[1];
    if (s.histogram) return `count ${s.histogram[1].count}, sum ${s.histogram[1].sum}`;
    const points = [...(s.values ?? []).map(([t, v]) => `${v} @${t}`),
      ...(s.histograms ?? []).map(([t, h]) => `count ${h.count}, sum ${h.sum} @${t}`)];
    return element('pre', {}, points.join('\n'));
  }

  table(rows) {
    return element('div', {class: 'scroll'}, element('table', {}, element('thead', {}, element('tr', {},
      element('th', {}, 'Series'), element('th', {class: 'number'}, 'Value'))),
      element('tbody', {}, ...rows.map(([a, b]) => element('tr', {}, element('td', {}, a), element('td', {class: 'number'}, b))))));
  }
}
