// One chart: drawn by uPlot, read by pointer, keyboard and screen reader. Its numbers and their texts
// come with it; nothing is computed here but places on the screen.

import { linearTicks, logTicks, tickText } from "./ticks.js";

const COLOURS = 6;
const DASHES = { solid: [], dashed: [7, 5], dotted: [2, 4] };

function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

function variable(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

function colour(law) {
  return variable(`--law-${law % COLOURS}`);
}

const FONT = '12px system-ui, "Segoe UI", Roboto, "Noto Sans", sans-serif';

export class ChartView {
  constructor(id, onCsv) {
    this.id = id;
    this.onCsv = onCsv;
    this.title = element("h2", { id: `${id}-title` });
    this.caption = element("figcaption");
    this.plot = element("div", {
      class: "plot", role: "slider", tabindex: "0", "aria-labelledby": `${id}-title`,
      "aria-valuemin": "0", "aria-valuemax": "0", "aria-valuenow": "0", "aria-valuetext": "",
    });
    this.legend = element("ul", { class: "legend" });
    this.readout = element("div", { class: "readout" });
    const csv = element("button", { type: "button" }, "CSV");
    const png = element("button", { type: "button" }, "PNG");
    csv.setAttribute("aria-label", "Save the rows of this chart as CSV");
    png.setAttribute("aria-label", "Save this chart as PNG");
    csv.addEventListener("click", () => onCsv(id));
    png.addEventListener("click", () => this.savePng());
    this.figure = element("figure", { id: `chart-${id}` },
      element("div", { class: "top" }, this.title, element("p", { class: "buttons" }, csv, png)),
      this.caption, this.plot, this.legend, this.readout);
    this.plot.addEventListener("keydown", (event) => this.onKey(event));
    this.plot.addEventListener("mouseleave", () => this.read(this.home()));
    new ResizeObserver(() => this.resize()).observe(this.plot);
  }

  show(chart) {
    const shape = (c) => JSON.stringify([c.lines.map((l) => [l.law, l.dash, !!l.band]), c.x.scale, c.y.scale]);
    const same = this.chart && this.uplot && shape(this.chart) === shape(chart);
    this.chart = chart;
    this.title.textContent = chart.title;
    this.caption.textContent = chart.caption;
    this.plot.setAttribute("aria-valuemax", String(chart.places.length - 1));
    this.drawLegend();
    if (same) {
      this.uplot.batch(() => {
        this.uplot.setData(this.data(), false);
        this.uplot.setScale("x", { min: chart.x.range[0], max: chart.x.range[1] });
        this.uplot.setScale("y", { min: chart.y.range[0], max: chart.y.range[1] });
      });
    } else {
      this.make();
    }
    this.read(this.home());
  }

  /** The place of the plan, where nothing else is pointed at. */
  home() {
    const plan = this.chart.marks.find((mark) => mark.kind === "plan");
    const at = Math.log(plan ? plan.at[0] : this.chart.places[0]);
    let best = 0;
    this.chart.places.forEach((x, i) => {
      if (Math.abs(Math.log(x) - at) < Math.abs(Math.log(this.chart.places[best]) - at)) best = i;
    });
    return best;
  }

  data() {
    const columns = [this.chart.places];
    for (const line of this.chart.lines) {
      if (line.band) columns.push(line.band.low, line.band.high);
      columns.push(line.values);
    }
    return columns;
  }

  make() {
    this.uplot?.destroy();
    const chart = this.chart;
    const series = [{}];
    const bands = [];
    for (const line of chart.lines) {
      const stroke = () => colour(line.law);
      if (line.band) {
        const edge = { stroke: "transparent", width: 0, points: { show: false }, spanGaps: true };
        series.push({ ...edge }, { ...edge });
        bands.push({ series: [series.length - 1, series.length - 2], fill: () => colour(line.law) + "2b" });
      }
      series.push({ stroke, width: 2, dash: DASHES[line.dash], points: { show: false }, spanGaps: true });
    }
    const axis = (name, side, spec) => ({
      scale: name, side, font: FONT, labelFont: FONT, labelSize: 22, size: side === 3 ? 62 : 38,
      stroke: () => variable("--quiet"), label: spec().title, gap: 4,
      grid: { stroke: () => variable("--grid"), width: 1 }, ticks: { stroke: () => variable("--rule"), width: 1, size: 5 },
      splits: (u) => {
        const { min, max } = u.scales[name];
        const most = Math.max(3, Math.floor((side === 3 ? u.height / 42 : u.width / 78)));
        return spec().scale === "loss" ? linearTicks(min, max, most) : logTicks(min, max, most);
      },
      filter: (u, splits) => splits,
      values: (u, splits) => splits.map((x) => tickText(spec().scale, x, splits[1] - splits[0])),
    });
    const scale = (spec) => ({
      time: false, distr: spec().scale === "loss" ? 1 : 3, auto: false, range: () => spec().range,
    });
    this.uplot = new window.uPlot({
      width: this.plot.clientWidth || 400, height: this.plot.clientHeight || 320, series, bands,
      scales: { x: scale(() => this.chart.x), y: scale(() => this.chart.y) },
      axes: [axis("x", 2, () => this.chart.x), axis("y", 3, () => this.chart.y)],
      pxAlign: 0, padding: [12, 14, 0, 0], legend: { show: false },
      cursor: {
        y: false, drag: { x: false, y: false }, points: { size: 7 },
        bind: { dblclick: () => null },
      },
      hooks: {
        draw: [(u) => this.drawMarks(u)],
        setCursor: [(u) => u.cursor.idx != null && u.cursor.left >= 0 && this.read(u.cursor.idx)],
      },
    }, this.data(), this.plot);
  }

  resize() {
    const { clientWidth: width, clientHeight: height } = this.plot;
    if (this.uplot && width && (width !== this.uplot.width || height !== this.uplot.height)) {
      this.uplot.setSize({ width, height });
    }
  }

  redraw() {
    this.drawLegend();
    this.uplot?.redraw(false, true);
  }

  drawMarks(u) {
    const { ctx } = u;
    const ratio = window.devicePixelRatio || 1;
    const box = u.bbox;
    const taken = [];
    ctx.save();
    ctx.beginPath();
    ctx.rect(box.left, box.top, box.width, box.height);
    ctx.clip();
    ctx.font = FONT.replace("12px", `${12 * ratio}px`);
    ctx.textBaseline = "middle";
    ctx.textAlign = "left";
    for (const wall of this.chart.walls) {
      const x = u.valToPos(wall.at, "x", true);
      ctx.strokeStyle = colour(wall.law);
      ctx.lineWidth = ratio;
      ctx.setLineDash([5 * ratio, 4 * ratio]);
      ctx.beginPath();
      ctx.moveTo(x, box.top);
      ctx.lineTo(x, box.top + box.height);
      ctx.stroke();
      ctx.setLineDash([]);
      this.label(ctx, box, taken, wall.label, [x, box.top + box.height * 0.94], ratio);
    }
    const marks = this.chart.marks.map((mark) => (
      { ...mark, x: u.valToPos(mark.at[0], "x", true), y: u.valToPos(mark.at[1], "y", true) }));
    for (const mark of marks) {
      const r = (mark.kind === "model" ? 3.5 : 5) * ratio;
      taken.push([mark.x - r, mark.y - r, mark.x + r, mark.y + r]);
    }
    // The plan is drawn last, over what it meets.
    const order = { model: 0, optimum: 1, plan: 2 };
    for (const mark of marks.toSorted((a, b) => order[a.kind] - order[b.kind])) {
      const own = colour(mark.law);
      const r = (mark.kind === "model" ? 3.5 : 5) * ratio;
      ctx.lineWidth = 1.6 * ratio;
      ctx.beginPath();
      if (mark.kind === "optimum") {
        ctx.moveTo(mark.x, mark.y - r * 1.2);
        ctx.lineTo(mark.x + r * 1.2, mark.y);
        ctx.lineTo(mark.x, mark.y + r * 1.2);
        ctx.lineTo(mark.x - r * 1.2, mark.y);
        ctx.closePath();
      } else {
        ctx.arc(mark.x, mark.y, r, 0, 2 * Math.PI);
      }
      ctx.fillStyle = mark.kind === "plan" ? own : variable("--card");
      ctx.strokeStyle = mark.kind === "plan" ? variable("--card") : mark.kind === "model" ? variable("--quiet") : own;
      ctx.fill();
      ctx.stroke();
    }
    for (const mark of marks.toSorted((a, b) => order[b.kind] - order[a.kind])) {
      this.label(ctx, box, taken, mark.label, [mark.x, mark.y], ratio);
    }
    ctx.restore();
  }

  /** Writes a label beside a point where nothing else is; where there is no such place, not at all. */
  label(ctx, box, taken, text, [x, y], ratio) {
    const width = ctx.measureText(text).width;
    const [half, gap] = [8 * ratio, 9 * ratio];
    const sides = [
      [x + gap, y], [x - gap - width, y], [x + gap * 0.6, y - 2 * half], [x - width - gap * 0.6, y - 2 * half],
      [x + gap * 0.6, y + 2 * half], [x - width - gap * 0.6, y + 2 * half], [x - width / 2, y - 2.2 * half], [x - width / 2, y + 2.2 * half],
    ];
    const free = ([left, middle]) => {
      const own = [left - 2, middle - half, left + width + 2, middle + half];
      const inside = own[0] > box.left && own[2] < box.left + box.width && own[1] > box.top && own[3] < box.top + box.height;
      return inside && taken.every((o) => own[2] < o[0] || own[0] > o[2] || own[3] < o[1] || own[1] > o[3]) && own;
    };
    const place = sides.find(free);
    if (!place) return;
    taken.push(free(place));
    ctx.lineWidth = 4 * ratio;
    ctx.lineJoin = "round";
    ctx.strokeStyle = variable("--card");
    ctx.strokeText(text, ...place);
    ctx.fillStyle = variable("--ink");
    ctx.fillText(text, ...place);
  }

  drawLegend() {
    const key = (line) => {
      const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
      const stroke = document.createElementNS("http://www.w3.org/2000/svg", "line");
      svg.setAttribute("class", "key");
      svg.setAttribute("aria-hidden", "true");
      for (const [name, value] of Object.entries({ x1: 0, x2: 22, y1: 5, y2: 5, stroke: colour(line.law), "stroke-width": 2.5, "stroke-dasharray": DASHES[line.dash].map((d) => d / 1.6).join(" ") })) {
        stroke.setAttribute(name, value);
      }
      svg.append(stroke);
      return svg;
    };
    const lines = this.chart.lines.map((line) => element("li", {}, key(line),
      line.band ? `${line.label}, ${line.band.text}` : line.label));
    this.legend.replaceChildren(...lines);
  }

  /** Says what is at one place of the chart. */
  read(index) {
    this.index = index;
    const [place, lines] = this.chart.texts[index];
    const several = this.chart.lines.length === lines.length;
    const items = lines.map((text, i) => {
      const law = several ? this.chart.lines[i].law : i;
      return element("li", {}, element("span", { class: `swatch law-${law % COLOURS}`, "aria-hidden": "true" }), element("span", {}, text));
    });
    this.readout.replaceChildren(element("strong", {}, place), element("ul", {}, ...items));
    this.plot.setAttribute("aria-valuenow", String(index));
    this.plot.setAttribute("aria-valuetext", [place, ...lines].join("; "));
  }

  onKey(event) {
    const last = this.chart.places.length - 1;
    const to = {
      ArrowRight: this.index + 1, ArrowUp: this.index + 1, ArrowLeft: this.index - 1, ArrowDown: this.index - 1,
      PageUp: this.index + 5, PageDown: this.index - 5, Home: 0, End: last, Escape: this.home(),
    }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    const index = Math.min(last, Math.max(0, to));
    const value = this.chart.lines[0].values[index];
    this.uplot.setCursor({
      left: this.uplot.valToPos(this.chart.places[index], "x"),
      top: value == null ? 0 : this.uplot.valToPos(value, "y"),
    });
    this.read(index);
  }

  /** What is seen, with its title and its key. */
  savePng() {
    const from = this.uplot.ctx.canvas;
    const ratio = window.devicePixelRatio || 1;
    const [pad, head, foot] = [16 * ratio, 62 * ratio, (20 + 20 * this.chart.lines.length) * ratio];
    const to = element("canvas", { width: from.width + 2 * pad, height: from.height + head + foot });
    const ctx = to.getContext("2d");
    ctx.fillStyle = variable("--card");
    ctx.fillRect(0, 0, to.width, to.height);
    ctx.drawImage(from, pad, head);
    const write = (text, x, y, font, ink) => {
      ctx.font = font.replace(/(\d+)px/, (_, size) => `${size * ratio}px`);
      ctx.fillStyle = ink;
      ctx.fillText(text, x, y, to.width - x - pad);
    };
    write(this.chart.title, pad, 28 * ratio, FONT.replace("12px", "600 17px"), variable("--ink"));
    write(document.getElementById("headline").textContent, pad, 50 * ratio, FONT.replace("12px", "13px"), variable("--quiet"));
    this.chart.lines.forEach((line, i) => {
      const y = head + from.height + (18 + 20 * i) * ratio;
      ctx.strokeStyle = colour(line.law);
      ctx.lineWidth = 2.5 * ratio;
      ctx.setLineDash(DASHES[line.dash].map((d) => d * ratio));
      ctx.beginPath();
      ctx.moveTo(pad, y - 4 * ratio);
      ctx.lineTo(pad + 26 * ratio, y - 4 * ratio);
      ctx.stroke();
      write(line.label, pad + 34 * ratio, y, FONT, variable("--ink"));
    });
    to.toBlob((blob) => save(blob, `${this.id}.png`), "image/png");
  }
}

/** Hands a file to the reader. */
export function save(blob, name) {
  const url = URL.createObjectURL(blob);
  const link = element("a", { href: url, download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

export { element };
