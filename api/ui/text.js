// Words and numbers: durations, times, values, labels; and asking the server.
'use strict';

const UNITS = {ms: 0.001, s: 1, m: 60, h: 3600, d: 86400, w: 604800, y: 31536000};

// "1h30m" or "90" to seconds; null for anything else.
function parseDuration(text) {
  text = text.trim();
  if (/^\d+(\.\d+)?$/.test(text)) return Number(text) || null;
  if (!/^(\d+(ms|[smhdwy]))+$/.test(text)) return null;
  let seconds = 0;
  for (const [, n, unit] of text.matchAll(/(\d+)(ms|[smhdwy])/g)) seconds += n * UNITS[unit];
  return seconds || null;
}

function formatDuration(seconds) {
  if (seconds < 1) return `${Math.max(1, Math.round(seconds * 1000))}ms`;
  let rest = Math.round(seconds), out = '';
  for (const unit of ['w', 'd', 'h', 'm', 's']) {
    const n = Math.floor(rest / UNITS[unit]);
    if (unit === 'w' && rest % UNITS.w !== 0) continue;
    if (n > 0) out += n + unit;
    rest -= n * UNITS[unit];
  }
  return out;
}

let inUtc = localStorage.getItem('utc') === '1';
const pad = (n, width = 2) => String(n).padStart(width, '0');

function formatTime(seconds, withMs = false) {
  const d = new Date(seconds * 1000);
  const p = inUtc
    ? [d.getUTCFullYear(), d.getUTCMonth() + 1, d.getUTCDate(), d.getUTCHours(), d.getUTCMinutes(), d.getUTCSeconds()]
    : [d.getFullYear(), d.getMonth() + 1, d.getDate(), d.getHours(), d.getMinutes(), d.getSeconds()];
  if (!Number.isFinite(p[0])) return String(seconds);
  const ms = withMs && d.getMilliseconds() ? `.${pad(d.getMilliseconds(), 3)}` : '';
  return `${p[0]}-${pad(p[1])}-${pad(p[2])} ${pad(p[3])}:${pad(p[4])}:${pad(p[5])}${ms}`;
}

// What formatTime writes, parts left out at the end, or Unix seconds. Null for "" and nonsense.
function parseTime(text) {
  text = text.trim();
  if (/^\d{9,}(\.\d+)?$/.test(text)) return Number(text);
  const m = /^(\d{4})-(\d\d?)-(\d\d?)(?:[ T](\d\d?):(\d\d)(?::(\d\d(?:\.\d+)?))?)?(Z?)$/.exec(text);
  if (!m) return null;
  const s = Number(m[6] || 0);
  const parts = [+m[1], m[2] - 1, +m[3], +(m[4] || 0), +(m[5] || 0), Math.floor(s), (s % 1) * 1000];
  const t = inUtc || m[7] ? Date.UTC(...parts) : new Date(...parts).getTime();
  return Number.isFinite(t) ? t / 1000 : null;
}

function formatValue(v) {
  if (!Number.isFinite(v)) return Number.isNaN(v) ? 'NaN' : v > 0 ? '+Inf' : '-Inf';
  const abs = Math.abs(v);
  if (v !== 0 && (abs < 1e-3 || abs >= 1e15)) return v.toExponential(3);
  return Number(v.toPrecision(6)).toString();
}

// For axes: 1500000 as 1.5M. `step` is the distance of the ticks.
function formatTick(v, step) {
  const abs = Math.max(Math.abs(v), step);
  for (const [size, unit] of [[1e12, 'T'], [1e9, 'G'], [1e6, 'M'], [1e3, 'k']]) {
    if (abs >= size) return trimTick(v / size, step / size) + (v === 0 ? '' : unit);
  }
  if (v !== 0 && abs < 1e-3) return v.toExponential(1);
  return trimTick(v, step);
}
function trimTick(v, step) {
  const digits = Math.max(0, Math.min(6, Math.ceil(-Math.log10(step) + 1e-9)));
  return v.toFixed(digits).replace(/(\.\d*?)0+$/, '$1').replace(/\.$/, '');
}

// Go and JSON write infinities and NaN as strings.
function toNumber(text) {
  if (text === '+Inf' || text === 'Inf') return Infinity;
  return text === '-Inf' ? -Infinity : Number(text);
}

const plainName = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
const plainLabel = /^[a-zA-Z_][a-zA-Z0-9_]*$/;

function seriesText(metric) {
  const name = metric.__name__ ?? '';
  const quotedName = name !== '' && !plainName.test(name);
  const pairs = Object.entries(metric).filter(([k]) => k !== '__name__')
    .map(([k, v]) => `${plainLabel.test(k) ? k : JSON.stringify(k)}=${JSON.stringify(v)}`);
  if (quotedName) pairs.unshift(JSON.stringify(name));
  return (quotedName ? '' : name) + (pairs.length || !name || quotedName ? `{${pairs.join(', ')}}` : '');
}

function element(tag, attributes = {}, ...children) {
  const e = document.createElement(tag);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith('on')) e.addEventListener(key.slice(2), value);
    else if (value === true) e.setAttribute(key, '');
    else if (value !== false && value != null) e.setAttribute(key, value);
  }
  e.append(...children);
  return e;
}

function seriesElement(metric) {
  const e = element('span', {class: 'series'});
  const text = seriesText(metric), brace = text.indexOf('{');
  if (brace < 0) {
    e.append(element('b', {}, text));
  } else {
    e.append(element('b', {}, text.slice(0, brace)), element('i', {}, text.slice(brace)));
  }
  return e;
}

// Throws an Error with the server's own words.
async function ask(path, params = {}, signal = undefined) {
  const body = new URLSearchParams();
  for (const [key, value] of Object.entries(params)) {
    for (const one of Array.isArray(value) ? value : [value]) body.append(key, one);
  }
  let response;
  try {
    const post = path.startsWith('query') || path === 'labels' || path === 'series';
    response = post ? await fetch(`api/v1/${path}`, {method: 'POST', body, signal})
      : await fetch(`api/v1/${path}${body.size === 0 || String(body) === '' ? '' : `?${body}`}`, {signal});
  } catch (e) {
    if (e.name === 'AbortError') throw e;
    throw new Error('The server does not answer.');
  }
  const text = await response.text();
  let json;
  try {
    json = JSON.parse(text);
  } catch {
    throw new Error(`HTTP ${response.status}: ${text.slice(0, 500) || response.statusText}`);
  }
  if (json.status !== 'success') throw new Error(json.error || `HTTP ${response.status}`);
  return json;
}
