// The pages, the address bar, and what the header shows.
'use strict';

const pages = ['query', 'targets', 'status'];
const byId = (id) => document.getElementById(id);
let panels = [];

// --- The address: g0.expr=up&g0.tab=graph&g0.range_input=1h, as Prometheus' links have it.

function readAddress() {
  const states = [];
  for (const [key, value] of new URLSearchParams(location.search)) {
    const m = /^g(\d{1,2})\.(\w+)$/.exec(key);
    if (!m) continue;
    const state = states[m[1]] ??= {};
    if (m[2] === 'expr') state.expr = value;
    if (m[2] === 'tab') state.tab = value === '0' || value === 'graph' ? 'graph' : 'table';
    if (m[2] === 'range_input') state.range = parseDuration(value) ?? 3600;
    if (m[2] === 'step_input' || m[2] === 'res_step') state.step = parseDuration(value);
    if (m[2] === 'end_input') state.end = parseTime(value.endsWith('Z') || !value ? value : `${value}Z`);
    if (m[2] === 'moment_input') state.moment = parseTime(value.endsWith('Z') || !value ? value : `${value}Z`);
    if (m[2] === 'from_zero') state.zero = value === '1';
  }
  return Object.values(states).filter((s) => s.expr !== undefined);
}

const utcText = (t) => new Date(t * 1000).toISOString().slice(0, 19).replace('T', ' ');

function writeAddress(replace = false) {
  const params = new URLSearchParams();
  panels.forEach((panel, i) => {
    const s = panel.state;
    params.set(`g${i}.expr`, s.expr);
    params.set(`g${i}.tab`, s.tab);
    params.set(`g${i}.range_input`, formatDuration(s.range));
    if (s.step !== null) params.set(`g${i}.step_input`, formatDuration(s.step));
    if (s.end !== null) params.set(`g${i}.end_input`, utcText(s.end));
    if (s.moment !== null) params.set(`g${i}.moment_input`, utcText(s.moment));
    if (s.zero) params.set(`g${i}.from_zero`, '1');
  });
  const address = `query?${params}`;
  if (replace) history.replaceState(null, '', address);
  else if (!location.href.endsWith(address)) history.pushState(null, '', address);
}

// --- Query page.

function addPanel(state) {
  const panel = new Panel(state, () => writeAddress(), (gone) => {
    panels = panels.filter((p) => p !== gone);
    gone.root.remove();
    if (!panels.length) addPanel({});
    writeAddress();
  });
  panels.push(panel);
  byId('panels').append(panel.root);
  return panel;
}

function showQuery() {
  panels.forEach((p) => { p.cancel(); p.clear(); p.root.remove(); });
  panels = [];
  const states = readAddress();
  (states.length ? states : [{}]).forEach(addPanel);
  panels.forEach((p) => p.run());
  panels[0].expr.focus();
}

// --- Targets page.

const GO_ZERO = '0001-01-01T00:00:00Z';
const age = (iso) => iso === GO_ZERO ? 'never' : `${formatDuration(Math.max(0, (Date.now() - Date.parse(iso)) / 1000))} ago`;
const labelList = (labels) => seriesElement(Object.fromEntries(Object.entries(labels).filter(([k]) => !k.startsWith('__'))));

async function showTargets() {
  const place = byId('page-targets');
  const filter = place.querySelector('input')?.value ?? '';
  let data;
  try {
    data = (await ask('targets', {state: 'active'})).data;
  } catch (e) {
    return place.replaceChildren(element('div', {class: 'box bad', role: 'alert'}, e.message));
  }
  const list = element('div');
  const draw = (text) => list.replaceChildren(...targetPools(data.activeTargets, text.toLowerCase()));
  const input = element('input', {type: 'search', placeholder: 'Filter by label, address, error', 'aria-label': 'Filter targets',
    size: 40, oninput: (e) => draw(e.target.value)});
  input.value = filter;
  const up = data.activeTargets.filter((t) => t.health === 'up').length;
  place.replaceChildren(element('div', {class: 'filter'}, input, element('span', {class: 'summary', role: 'status'},
    `${up} of ${data.activeTargets.length} up`), element('button', {type: 'button', onclick: showTargets}, 'Refresh')), list);
  draw(filter);
}

function targetPools(targets, text) {
  const pools = new Map();
  for (const t of targets) {
    const words = `${t.scrapeUrl} ${t.scrapePool} ${t.health} ${t.lastError} ${seriesText(t.labels)}`.toLowerCase();
    if (!words.includes(text)) continue;
    pools.set(t.scrapePool, [...(pools.get(t.scrapePool) ?? []), t]);
  }
  if (!pools.size) return [element('div', {class: 'empty'}, targets.length ? 'No target matches.' : 'No targets are configured.')];
  return [...pools].map(([name, list]) => {
    const up = list.filter((t) => t.health === 'up').length;
    return element('div', {class: 'card pool'}, element('h2', {}, name,
      element('span', {class: `badge ${up === list.length ? 'up' : 'down'}`}, `${up} / ${list.length} up`)),
      element('div', {class: 'scroll'}, element('table', {}, element('thead', {}, element('tr', {},
        ...['Endpoint', 'Health', 'Labels', 'Last scrape', 'Duration', 'Error'].map((h) => element('th', {}, h)))),
        element('tbody', {}, ...list.map(targetRow)))));
  });
}

function targetRow(t) {
  const safe = /^https?:\/\//.test(t.globalUrl);
  return element('tr', {},
    element('td', {class: 'series'}, safe ? element('a', {href: t.globalUrl, rel: 'noreferrer'}, t.scrapeUrl) : t.scrapeUrl),
    element('td', {}, element('span', {class: `badge ${t.health}`}, t.health)),
    element('td', {}, labelList(t.labels)),
    element('td', {}, age(t.lastScrape)),
    element('td', {class: 'number'}, `${(t.lastScrapeDuration * 1000).toFixed(1)} ms`),
    element('td', {class: 'series'}, t.lastError));
}

// --- Status page.

const rows = (pairs) => element('div', {class: 'scroll'}, element('table', {}, element('tbody', {},
  ...pairs.map(([k, v]) => element('tr', {}, element('th', {}, k), element('td', {class: 'series'}, String(v)))))));
const card = (title, ...content) => element('div', {class: 'card'}, element('h2', {}, title), ...content);

async function section(title, path, draw) {
  try {
    return card(title, ...draw((await ask(path)).data));
  } catch (e) {
    return card(title, element('div', {class: 'box bad'}, e.message));
  }
}

async function showStatus() {
  const place = byId('page-status');
  if (!place.children.length) place.replaceChildren(element('div', {class: 'empty'}, 'Loading…'));
  const top = (title, list) => [element('h3', {}, title), list.length ? rows(list.map((e) => [e.name, e.value]))
    : element('div', {class: 'empty'}, 'None')];
  const cards = await Promise.all([
    section('Runtime', 'status/runtimeinfo', (d) => [rows(Object.entries(d))]),
    section('Build', 'status/buildinfo', (d) => [rows(Object.entries(d))]),
    section('Head', 'status/tsdb', (d) => [rows(Object.entries(d.headStats)),
      ...top('Series by metric', d.seriesCountByMetricName), ...top('Values by label', d.labelValueCountByLabelName),
      ...top('Series by pair', d.seriesCountByLabelValuePair)]),
    section('Blocks', 'status/tsdb/blocks', (d) => [d.blocks.length ? rows(d.blocks.map((b) => [b.ulid,
      `level ${b.compaction.level}, ${formatTime(b.minTime / 1000)} to ${formatTime(b.maxTime / 1000)}, ` +
      `${b.stats.numSeries ?? 0} series, ${b.stats.numSamples ?? 0} samples`])) : element('div', {class: 'empty'}, 'None yet')]),
    section('Configuration', 'status/config', (d) => [element('pre', {tabindex: '0'}, d.yaml)]),
    section('Flags', 'status/flags', (d) => [rows(Object.entries(d))]),
  ]);
  place.replaceChildren(element('div', {class: 'columns'}, ...cards));
}

// --- Which page.

function pageOf(path) {
  const name = path.replace(/\/+$/, '').split('/').pop();
  if (['targets', 'service-discovery'].includes(name)) return 'targets';
  if (['status', 'flags', 'config', 'tsdb-status', 'rules', 'alerts'].includes(name)) return 'status';
  return 'query';
}

function show() {
  const page = pageOf(location.pathname);
  for (const name of pages) byId(`page-${name}`).hidden = name !== page;
  for (const link of document.querySelectorAll('nav a')) {
    if (link.dataset.page === page) link.setAttribute('aria-current', 'page');
    else link.removeAttribute('aria-current');
  }
  ({query: showQuery, targets: showTargets, status: showStatus})[page]();
}

let logRead = false;  // It is read once, after the start.

async function showReplay(badge) {
  const replay = (await (await fetch('api/v1/status/walreplay')).json()).data;
  logRead = replay.done;
  if (replay.done || !replay.totalBytes) return;
  const left = replay.secondsLeft ? `, ${formatDuration(Math.ceil(replay.secondsLeft))} left` : '';
  badge.textContent = `reading the log: ${replay.percent} %${left}`;
  setTimeout(checkHealth, 1000);
}

async function checkHealth() {
  const badge = byId('health');
  try {
    const response = await fetch('-/ready');
    badge.textContent = response.ok ? 'ready' : 'starting';
    badge.className = `health ${response.ok ? 'up' : ''}`;
    if (!logRead) await showReplay(badge);
  } catch {
    badge.textContent = 'unreachable';
    badge.className = 'health down';
  }
}

document.addEventListener('click', (e) => {
  const link = e.target.closest('nav a, a.brand');
  if (!link || e.ctrlKey || e.metaKey || e.shiftKey || e.button !== 0) return;
  e.preventDefault();
  history.pushState(null, '', link.href);
  show();
  byId('main').focus({preventScroll: true});
});
document.addEventListener('keydown', (e) => {
  if (e.key !== '/' || e.target.closest('input, textarea') || !panels.length) return;
  e.preventDefault();
  panels[0].expr.focus();
});
byId('add-panel').addEventListener('click', () => addPanel({}).expr.focus());
byId('utc').checked = inUtc;
byId('utc').addEventListener('change', (e) => {
  inUtc = e.target.checked;
  localStorage.setItem('utc', inUtc ? '1' : '0');
  panels.forEach((p) => p.run());
});
addEventListener('popstate', show);
show();
checkHealth();
setInterval(checkHealth, 15000);
setInterval(() => { if (!byId('page-targets').hidden && !document.hidden) showTargets(); }, 15000);
