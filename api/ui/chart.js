// A line chart on a canvas: axes, hover, drag to zoom, legend that hides and shows.
'use strict';

const COLORS = ['#0b84c6', '#e0632e', '#2a9d5c', '#9b5de5', '#c9a100', '#d6336c', '#12a5a5', '#7d6b5a',
  '#5c7cfa', '#a0522d', '#66a80f', '#e64980'];
const DASHES = [[], [7, 4], [2, 3], [9, 3, 2, 3]];
const MAX_DRAWN = 300;

// Round steps of 1, 2, 5; for time those of a clock.
function niceStep(span, count) {
  const raw = span / Math.max(1, count), power = 10 ** Math.floor(Math.log10(raw));
  return power * [1, 2, 5, 10].find((m) => m * power >= raw * 0.999);
}
const CLOCK = [0.001, 0.01, 0.1, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200,
  86400, 172800, 604800, 1209600, 2592000, 7776000, 31536000];
const clockStep = (span, count) => CLOCK.find((s) => s >= span / count) ?? niceStep(span, count);

function timeLabel(t, step) {
  const text = formatTime(t, true);
  if (step >= 86400) return text.slice(0, 10);
  if (step >= 60) return text.endsWith(' 00:00:00') ? text.slice(5, 10) : text.slice(11, 16);
  return text.slice(11);
}

class Chart {
  // matrix: as /query_range answers. options: {start, end, step, fromZero, onZoom(start, end)}
  constructor(matrix, options) {
    this.options = options;
    this.series = matrix.slice(0, MAX_DRAWN).map((s, i) => ({
      metric: s.metric,
      text: seriesText(s.metric),
      color: COLORS[i % COLORS.length],
      dash: DASHES[Math.floor(i / COLORS.length) % DASHES.length],
      shown: true,
      times: (s.values ?? []).map((p) => p[0]),
      values: (s.values ?? []).map((p) => toNumber(p[1])),
    }));
    this.canvas = element('canvas', {role: 'img', tabindex: '0'});
    this.tip = element('div', {class: 'tip', hidden: true});
    this.box = element('div', {class: 'chart'}, this.canvas, this.tip);
    this.root = element('div', {}, this.box, this.makeLegend());
    if (matrix.length > MAX_DRAWN) {
      this.root.prepend(element('div', {class: 'box warn'},
        `Drawing the first ${MAX_DRAWN} of ${matrix.length} series.`));
    }
    this.canvas.setAttribute('aria-label', this.describe());
    this.hover = null;
    this.listen();
    this.observer = new ResizeObserver(() => this.draw());
    this.observer.observe(this.canvas);
    this.scheme = matchMedia('(prefers-color-scheme: dark)');
    this.redraw = () => this.draw();
    this.scheme.addEventListener('change', this.redraw);
  }

  destroy() {
    this.observer.disconnect();
    this.scheme.removeEventListener('change', this.redraw);
  }

  describe() {
    const {start, end} = this.options;
    return `Line chart of ${this.series.length} series from ${formatTime(start)} to ${formatTime(end)}. ` +
      'Arrow keys move from point to point; the table view has the values.';
  }

  makeLegend() {
    const list = element('ul', {class: 'legend'});
    this.series.forEach((s) => {
      const last = s.values.length ? formatValue(s.values[s.values.length - 1]) : '–';
      s.button = element('button', {type: 'button', 'aria-pressed': 'true',
        title: 'Click: only this one. Ctrl or Shift: hide or show.',
        onclick: (e) => this.toggle(s, e.ctrlKey || e.metaKey || e.shiftKey)},
        element('span', {class: 'swatch', style: `background:${s.color}`}), seriesElement(s.metric),
        element('span', {class: 'value'}, last));
      s.button.addEventListener('mouseenter', () => { this.marked = s; this.draw(); });
      s.button.addEventListener('mouseleave', () => { this.marked = null; this.draw(); });
      list.append(element('li', {}, s.button));
    });
    return list;
  }

  toggle(series, single) {
    if (single) {
      series.shown = !series.shown;
    } else {
      const alone = this.series.every((s) => s.shown === (s === series));
      this.series.forEach((s) => { s.shown = alone || s === series; });
    }
    this.series.forEach((s) => s.button.setAttribute('aria-pressed', String(s.shown)));
    this.draw();
  }

  valueRange() {
    let low = Infinity, high = -Infinity;
    for (const s of this.series) {
      if (!s.shown) continue;
      for (const v of s.values) {
        if (!Number.isFinite(v)) continue;
        if (v < low) low = v;
        if (v > high) high = v;
      }
    }
    if (low > high) return [0, 1];
    if (this.options.fromZero) { low = Math.min(low, 0); high = Math.max(high, 0); }
    if (low === high) {
      const room = Math.abs(low) / 2 || 1;
      return [low - room, high + room];
    }
    const room = (high - low) * 0.05;
    return [low >= 0 && low - room < 0 ? 0 : low - room, high + room];
  }

  draw() {
    const width = this.canvas.clientWidth, height = this.canvas.clientHeight;
    if (!width) return;
    const scale = window.devicePixelRatio || 1;
    this.canvas.width = Math.round(width * scale);
    this.canvas.height = Math.round(height * scale);
    const c = this.canvas.getContext('2d');
    c.scale(scale, scale);
    const style = getComputedStyle(document.documentElement);
    const soft = style.getPropertyValue('--soft'), grid = style.getPropertyValue('--grid');
    c.font = '12px system-ui, sans-serif';
    const [low, high] = this.valueRange();
    const {start, end} = this.options;
    const step = niceStep(high - low, height / 60);
    const ticks = [];
    for (let v = Math.ceil(low / step) * step; v <= high && ticks.length < 50; v += step) {
      ticks.push(Math.abs(v) < step / 1e6 ? 0 : v);
    }
    const left = 14 + Math.max(...ticks.map((v) => c.measureText(formatTick(v, step)).width), 20);
    const area = this.area = {left, right: width - 12, top: 8, bottom: height - 24, low, high};
    const x = this.x = (t) => left + (t - start) / (end - start || 1) * (area.right - left);
    const y = this.y = (v) => area.bottom - (v - low) / (high - low) * (area.bottom - area.top);

    c.lineWidth = 1;
    c.strokeStyle = grid;
    c.fillStyle = soft;
    c.textBaseline = 'middle';
    c.textAlign = 'right';
    for (const v of ticks) {
      line(c, left, y(v), area.right, y(v));
      c.fillText(formatTick(v, step), left - 7, y(v));
    }
    c.textBaseline = 'top';
    c.textAlign = 'center';
    const each = clockStep(end - start, (area.right - left) / 90);
    const shift = inUtc ? 0 : new Date(end * 1000).getTimezoneOffset() * 60;
    for (let t = Math.ceil((start - shift) / each) * each + shift; t <= end; t += each) {
      line(c, x(t), area.top, x(t), area.bottom);
      c.fillText(timeLabel(t, each), Math.min(Math.max(x(t), left + 12), area.right - 18), area.bottom + 7);
    }

    c.save();
    c.beginPath();
    c.rect(left, area.top - 2, area.right - left, area.bottom - area.top + 4);
    c.clip();
    for (const s of this.series) {
      if (s.shown && s !== this.marked) this.drawSeries(c, s, this.marked ? 0.25 : 1);
    }
    if (this.marked?.shown) this.drawSeries(c, this.marked, 1, 2.6);
    c.restore();
    this.drawHover(c, soft);
  }

  // Lines break where a step is missing, and at NaN and infinities; a point alone is a dot.
  drawSeries(c, s, alpha, width = 1.6) {
    const gap = this.options.step * 1.5;
    c.globalAlpha = alpha;
    c.strokeStyle = c.fillStyle = s.color;
    c.lineWidth = width;
    c.setLineDash(s.dash);
    c.lineJoin = 'round';
    c.beginPath();
    let run = 0, lastTime = 0, lastX = 0, lastY = 0;
    const dots = [];
    const finish = () => { if (run === 1) dots.push([lastX, lastY]); run = 0; };
    for (let i = 0; i < s.times.length; ++i) {
      if (!Number.isFinite(s.values[i])) { finish(); continue; }
      if (run > 0 && s.times[i] - lastTime > gap) finish();
      lastX = this.x(s.times[i]);
      lastY = this.y(s.values[i]);
      if (run++ === 0) c.moveTo(lastX, lastY); else c.lineTo(lastX, lastY);
      lastTime = s.times[i];
    }
    finish();
    c.stroke();
    c.setLineDash([]);
    for (const [px, py] of dots) {
      c.beginPath();
      c.arc(px, py, 2.2, 0, 7);
      c.fill();
    }
    c.globalAlpha = 1;
  }

  drawHover(c, soft) {
    if (this.drag) {
      c.fillStyle = soft;
      c.globalAlpha = 0.2;
      c.fillRect(this.drag.from, this.area.top, this.drag.to - this.drag.from, this.area.bottom - this.area.top);
      c.globalAlpha = 1;
    }
    if (!this.hover) { this.tip.hidden = true; return; }
    const {series, index} = this.hover;
    const px = this.x(series.times[index]), py = this.y(series.values[index]);
    c.strokeStyle = soft;
    c.setLineDash([3, 3]);
    line(c, px, this.area.top, px, this.area.bottom);
    c.setLineDash([]);
    c.fillStyle = series.color;
    c.beginPath();
    c.arc(px, py, 4, 0, 7);
    c.fill();
    this.tip.replaceChildren(element('div', {}, formatTime(series.times[index], true)),
      element('strong', {}, formatValue(series.values[index])), ' ', seriesElement(series.metric));
    this.tip.hidden = false;
    const onRight = px > this.canvas.clientWidth / 2;
    this.tip.style.left = onRight ? '' : `${px + 14}px`;
    this.tip.style.right = onRight ? `${this.canvas.clientWidth - px + 14}px` : '';
    this.tip.style.top = `${Math.max(4, Math.min(py - 20, this.canvas.clientHeight - 90))}px`;
  }

  // The point nearest to a place on the canvas.
  nearest(px, py) {
    let best = null, bestDistance = Infinity;
    for (const s of this.series) {
      if (!s.shown) continue;
      let low = 0, high = s.times.length - 1;
      while (low < high) {  // The first point right of px.
        const mid = (low + high) >> 1;
        if (this.x(s.times[mid]) < px) low = mid + 1; else high = mid;
      }
      for (const i of [low - 1, low]) {
        if (i < 0 || i >= s.times.length || !Number.isFinite(s.values[i])) continue;
        const distance = Math.abs(this.x(s.times[i]) - px) * 2 + Math.abs(this.y(s.values[i]) - py);
        if (distance < bestDistance) { bestDistance = distance; best = {series: s, index: i}; }
      }
    }
    return best;
  }

  listen() {
    const at = (e) => {
      const r = this.canvas.getBoundingClientRect();
      return [e.clientX - r.left, e.clientY - r.top];
    };
    this.canvas.addEventListener('pointermove', (e) => {
      if (!this.area) return;
      const [px, py] = at(e);
      if (this.drag) { this.drag.to = px; this.hover = null; } else this.hover = this.nearest(px, py);
      this.draw();
    });
    this.canvas.addEventListener('pointerleave', () => { if (!this.drag) { this.hover = null; this.draw(); } });
    this.canvas.addEventListener('pointerdown', (e) => {
      if (e.button !== 0 || !this.area) return;
      const [px] = at(e);
      this.drag = {from: px, to: px};
      this.canvas.setPointerCapture(e.pointerId);
    });
    this.canvas.addEventListener('pointerup', () => {
      const drag = this.drag;
      this.drag = null;
      if (drag && Math.abs(drag.to - drag.from) > 8) {
        const {start, end} = this.options, {left, right} = this.area;
        const time = (px) => start + (Math.max(left, Math.min(right, px)) - left) / (right - left) * (end - start);
        this.options.onZoom(time(Math.min(drag.from, drag.to)), time(Math.max(drag.from, drag.to)));
      } else {
        this.draw();
      }
    });
    this.canvas.addEventListener('keydown', (e) => this.key(e));
    this.canvas.addEventListener('blur', () => { this.hover = null; this.draw(); });
  }

  key(e) {
    const shown = this.series.filter((s) => s.shown && s.values.some(Number.isFinite));
    if (!shown.length || !['ArrowLeft', 'ArrowRight', 'ArrowUp', 'ArrowDown', 'Escape'].includes(e.key)) return;
    e.preventDefault();
    if (e.key === 'Escape') { this.hover = null; return this.draw(); }
    let {series, index} = this.hover ?? {series: shown[0], index: shown[0].times.length};
    if (e.key === 'ArrowUp' || e.key === 'ArrowDown') {
      const move = e.key === 'ArrowUp' ? shown.length - 1 : 1, t = series.times[index] ?? Infinity;
      series = shown[(shown.indexOf(series) + move) % shown.length];
      index = series.times.findIndex((other) => other >= t);
      if (index < 0) index = series.times.length;
    }
    const direction = e.key === 'ArrowRight' ? 1 : -1;
    if (e.key === 'ArrowLeft' || e.key === 'ArrowRight' || index === series.times.length) index += direction;
    while (index >= 0 && index < series.times.length && !Number.isFinite(series.values[index])) index += direction;
    if (index < 0 || index >= series.times.length) return;
    this.hover = {series, index};
    this.draw();
    this.canvas.setAttribute('aria-label',
      `${formatTime(series.times[index])}: ${formatValue(series.values[index])}, ${series.text}`);
  }
}

function line(c, x1, y1, x2, y2) {
  c.beginPath();
  c.moveTo(Math.round(x1) + 0.5, Math.round(y1) + 0.5);
  c.lineTo(Math.round(x2) + 0.5, Math.round(y2) + 0.5);
  c.stroke();
}
