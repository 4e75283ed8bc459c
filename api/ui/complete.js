// Completion in the expression box: metrics, functions; labels and their values inside braces.
'use strict';

const KEYWORDS = ('by without on ignoring group_left group_right offset bool and or unless sum avg min max count ' +
  'group stddev stdvar topk bottomk quantile count_values rate irate increase delta idelta deriv predict_linear ' +
  'resets changes abs ceil floor round clamp clamp_min clamp_max exp ln log2 log10 sqrt sgn sort sort_desc ' +
  'label_replace label_join histogram_quantile histogram_avg histogram_count histogram_sum histogram_fraction ' +
  'avg_over_time min_over_time max_over_time sum_over_time count_over_time quantile_over_time stddev_over_time ' +
  'stdvar_over_time last_over_time present_over_time absent absent_over_time scalar vector time timestamp minute ' +
  'hour day_of_week day_of_month day_of_year days_in_month month year').split(' ');
const MAX_SHOWN = 50;
const known = new Map();  // What was asked for already.

async function list(path, params = {}) {
  const key = path + JSON.stringify(params);
  if (!known.has(key)) {
    const promise = ask(path, params).then((json) => json.data).catch(() => { known.delete(key); return []; });
    known.set(key, promise);
    setTimeout(() => known.delete(key), 60000);
  }
  return known.get(key);
}

// Where the caret stands: in braces or by(...), in a value, or in the open.
function context(text, caret) {
  const before = text.slice(0, caret);
  const value = /([a-zA-Z_][\w]*)\s*(=~|!~|!=|=)\s*"((?:[^"\\]|\\.)*)$/.exec(before);
  const open = before.lastIndexOf('{') > before.lastIndexOf('}');
  const metric = open ? /([a-zA-Z_:][\w:]*)\s*\{[^{}]*$/.exec(before)?.[1] : null;
  const recent = {start: Math.floor(Date.now() / 60000) * 60 - 43200, limit: 2000};
  const scope = metric ? {'match[]': metric, ...recent} : recent;
  if (open && value) return {word: value[3], ask: () => list(`label/${value[1]}/values`, scope), kind: 'value', quote: true};
  if ((before.match(/"/g) ?? []).length % 2) return null;
  const word = /[a-zA-Z_:][\w:]*$/.exec(before)?.[0] ?? '';
  if (open) return {word, ask: () => list('labels', scope), kind: 'label'};
  if (/\b(by|without|on|ignoring|group_left|group_right)\s*\([^()]*$/.test(before)) {
    return {word, ask: () => list('labels', recent), kind: 'label'};
  }
  if (!word || /[\d.]$/.test(before.slice(0, caret - word.length))) return null;
  return {word, ask: () => list('label/__name__/values', {limit: 40000}), kind: 'metric', words: true};
}

class Completer {
  constructor(textarea, listbox, onChange) {
    Object.assign(this, {textarea, listbox, onChange, items: [], at: -1, turn: 0});
    textarea.addEventListener('input', () => this.update());
    textarea.addEventListener('blur', () => setTimeout(() => this.close(), 150));
    textarea.addEventListener('click', () => this.close());
  }

  get open() { return !this.listbox.hidden; }
  close() {
    this.listbox.hidden = true;
    this.at = -1;
    ++this.turn;
    this.textarea.setAttribute('aria-expanded', 'false');
  }

  async update() {
    const turn = ++this.turn, where = context(this.textarea.value, this.textarea.selectionStart);
    if (!where) return this.close();
    const names = await where.ask();
    if (turn !== this.turn) return;
    const word = where.word.toLowerCase();
    const pool = names.map((n) => [n, where.kind]);
    if (where.words) pool.push(...KEYWORDS.map((k) => [k, 'language']));
    const score = (n) => {
      const at = n.toLowerCase().indexOf(word);
      return at < 0 ? -1 : at === 0 ? 2 : 1;
    };
    this.items = pool.map(([n, kind]) => ({n, kind, score: score(n)})).filter((i) => i.score > 0 && i.n !== where.word)
      .sort((a, b) => b.score - a.score || a.n.length - b.n.length || (a.n < b.n ? -1 : 1)).slice(0, MAX_SHOWN);
    if (!this.items.length) return this.close();
    this.where = where;
    this.listbox.replaceChildren(...this.items.map((item, i) => element('li', {role: 'option', id: `o${i}`,
      onmousedown: (e) => { e.preventDefault(); this.take(i); }}, item.n, element('small', {}, item.kind))));
    this.listbox.hidden = false;
    this.textarea.setAttribute('aria-expanded', 'true');
    this.select(0);
  }

  select(i) {
    this.at = (i + this.items.length) % this.items.length;
    [...this.listbox.children].forEach((li, j) => li.setAttribute('aria-selected', String(j === this.at)));
    this.listbox.children[this.at].scrollIntoView({block: 'nearest'});
  }

  take(i) {
    const {word, quote} = this.where, caret = this.textarea.selectionStart;
    let name = this.items[i].n;
    if (quote) name = JSON.stringify(name).slice(1, -1);
    else if (!plainName.test(name)) name = this.where.kind === 'metric' ? `{${JSON.stringify(name)}}` : JSON.stringify(name);
    this.textarea.setRangeText(name, caret - word.length, caret, 'end');
    this.close();
    this.onChange();
    this.textarea.focus();
  }

  // True when the key was for the list.
  key(e) {
    if (!this.open) return false;
    if (e.key === 'ArrowDown') this.select(this.at + 1);
    else if (e.key === 'ArrowUp') this.select(this.at - 1);
    else if (e.key === 'Tab' || (e.key === 'Enter' && !e.shiftKey && !e.ctrlKey)) this.take(this.at);
    else if (e.key === 'Escape') this.close();
    else return false;
    e.preventDefault();
    return true;
  }
}
