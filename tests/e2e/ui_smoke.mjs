#!/usr/bin/env node
// The built-in pages in a real browser: headless Chromium, driven over its debugging pipe.
//
//   tests/e2e/ui_smoke.mjs http://127.0.0.1:9090
//
// Needs node 18 and chromium, no packages. Prints `ok` or `FAIL` per step; exits 1 when one failed.
import {spawn} from 'node:child_process';
import {mkdtempSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';

const base = (process.argv[2] ?? 'http://127.0.0.1:9090').replace(/\/$/, '');
const profile = mkdtempSync(join(tmpdir(), 'ui-smoke-'));
const chromium = spawn(process.env.CHROMIUM ?? 'chromium', ['--headless=new', '--no-sandbox', '--disable-gpu',
  `--user-data-dir=${profile}`, '--remote-debugging-pipe', '--window-size=1200,900', 'about:blank'],
  {stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe']});
const [toBrowser, fromBrowser] = [chromium.stdio[3], chromium.stdio[4]];

let nextId = 1, pending = '', session, failed = 0;
const waiting = new Map(), problems = [];
fromBrowser.on('data', (chunk) => {
  pending += chunk;
  for (let end; (end = pending.indexOf('\0')) >= 0; pending = pending.slice(end + 1)) {
    const message = JSON.parse(pending.slice(0, end));
    if (message.id) {
      const {resolve, reject} = waiting.get(message.id);
      message.error ? reject(new Error(message.error.message)) : resolve(message.result);
    } else if (message.method === 'Runtime.exceptionThrown') {
      problems.push(message.params.exceptionDetails.exception?.description ?? message.params.exceptionDetails.text);
    } else if (message.method === 'Log.entryAdded' && message.params.entry.level === 'error') {
      problems.push(`${message.params.entry.text} ${message.params.entry.url ?? ''}`);
    }
  }
});

function call(method, params = {}) {
  const id = nextId++;
  toBrowser.write(`${JSON.stringify({id, method, params, sessionId: session})}\0`);
  return new Promise((resolve, reject) => waiting.set(id, {resolve, reject}));
}
async function evaluate(expression) {
  const {result, exceptionDetails} = await call('Runtime.evaluate', {expression, returnByValue: true, awaitPromise: true});
  if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
  return result.value;
}
async function until(expression, what = expression) {
  for (let i = 0; i < 100; ++i) {
    const value = await evaluate(expression);
    if (value) return value;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`never came true: ${what}`);
}
const open = async (path) => {
  await call('Page.navigate', {url: base + path});
  await until('document.readyState === "complete"');
};
const type = (text) => call('Input.insertText', {text});
async function press(key, modifiers = 0) {
  const text = key === 'Enter' ? '\r' : undefined;
  const windowsVirtualKeyCode = {Enter: 13, Escape: 27, Tab: 9, ArrowDown: 40, ArrowLeft: 37}[key];
  await call('Input.dispatchKeyEvent', {type: 'keyDown', key, code: key, text, modifiers, windowsVirtualKeyCode});
  await call('Input.dispatchKeyEvent', {type: 'keyUp', key, code: key, modifiers, windowsVirtualKeyCode});
}
let held = 0;
function mouse(kind, x, y) {
  if (kind !== 'mouseMoved') held = kind === 'mousePressed' ? 1 : 0;
  return call('Input.dispatchMouseEvent',
    {type: kind, x, y, button: kind === 'mouseMoved' ? 'none' : 'left', buttons: held, clickCount: kind === 'mouseMoved' ? 0 : 1});
}
async function step(name, body) {
  try {
    await body();
    if (problems.length) throw new Error(problems.splice(0).join('; '));
    console.log(`ok    ${name}`);
  } catch (error) {
    ++failed;
    console.log(`FAIL  ${name}: ${error.message}`);
  }
}
const summary = `document.querySelector('.summary').textContent`;

const {targetId} = await call('Target.createTarget', {url: 'about:blank'});
session = (await call('Target.attachToTarget', {targetId, flatten: true})).sessionId;
for (const domain of ['Page', 'Runtime', 'Log']) await call(`${domain}.enable`);

await step('an expression is typed and run by Enter', async () => {
  await open('/query');
  await until(`document.activeElement.matches('.expr')`);
  await type('u');
  await type('p');
  await until(`document.querySelector('.expr').value === 'up'`);
  await press('Escape');
  await press('Enter');
  await until(`/series/.test(${summary})`);
  await until(`document.querySelectorAll('.result tbody tr').length > 0`);
  await until(`location.search.includes('g0.expr=up')`);
});
await step('metric names are offered while typing', async () => {
  await open('/query');
  await until(`document.activeElement.matches('.expr')`);
  await type('prometheus_http_requests_t');
  await until(`[...document.querySelectorAll('.suggestions li')].some((li) => li.textContent.startsWith('prometheus_http_requests_total'))`);
  await press('Enter');
  await until(`document.querySelector('.expr').value === 'prometheus_http_requests_total'`);
});
await step('labels are offered inside braces', async () => {
  await open('/query');
  await until(`document.activeElement.matches('.expr')`);
  await type('up{jo');
  await until(`[...document.querySelectorAll('.suggestions li')].some((li) => li.textContent.startsWith('job'))`);
  await press('Tab');
  await until(`document.querySelector('.expr').value === 'up{job'`);
});
await step('a bad expression shows the server\'s words', async () => {
  await press('Enter');
  await until(`/parse error/.test(document.querySelector('.notes').textContent)`);
  problems.length = 0;  // The browser logs the 400.
});
await step('a link from an alert opens the graph', async () => {
  await open('/graph?g0.expr=up&g0.tab=0&g0.range_input=10m');
  await until(`document.querySelector('.chart canvas')`);
  await until(`/series .* step/.test(${summary})`);
  await until(`document.querySelectorAll('.legend li').length > 0`);
});
await step('hovering names the nearest point; dragging zooms', async () => {
  const box = await evaluate(`(() => { const r = document.querySelector('.chart canvas').getBoundingClientRect();
    return [r.left, r.top, r.width, r.height]; })()`);
  const y = box[1] + box[3] / 2;
  await mouse('mouseMoved', box[0] + box[2] - 60, y);
  await until(`!document.querySelector('.tip').hidden`);
  await mouse('mousePressed', box[0] + box[2] * 0.5, y);
  await mouse('mouseMoved', box[0] + box[2] * 0.9, y);
  await mouse('mouseReleased', box[0] + box[2] * 0.9, y);
  await until(`location.search.includes('end_input') && document.querySelector('.range').value !== '10m'`);
});
await step('the chart is read by keyboard', async () => {
  await open('/query?g0.expr=up&g0.tab=graph&g0.range_input=10m');
  await until(`document.querySelector('.legend li')`);
  await evaluate(`document.querySelector('.chart canvas').focus()`);
  await press('ArrowLeft');
  await until(`/: [01], up/.test(document.querySelector('.chart canvas').getAttribute('aria-label'))`);
});
await step('the back button goes back', async () => {
  await evaluate(`document.querySelector('[data-tab=table]').click()`);
  await until(`location.search.includes('g0.tab=table')`);
  await evaluate('history.back()');
  await until(`location.search.includes('g0.tab=graph') && document.querySelector('.chart canvas')`);
});
await step('targets show their health', async () => {
  await evaluate(`document.querySelector('[data-page=targets]').click()`);
  await until(`document.querySelectorAll('#page-targets tbody .badge').length > 0`);
  await until(`location.pathname.endsWith('/targets')`);
});
await step('status shows the build', async () => {
  await evaluate(`document.querySelector('[data-page=status]').click()`);
  await until(`/version/.test(document.querySelector('#page-status').textContent)`);
  await until(`!document.querySelector('#page-status .box.bad')`);
});

await call('Browser.close').catch(() => {});
chromium.kill();
await new Promise((resolve) => setTimeout(resolve, 300));
rmSync(profile, {recursive: true, force: true, maxRetries: 5});
process.exit(failed ? 1 : 0);
