// Where an axis has ticks, and how they read.

const SUFFIX = [[1e12, "T"], [1e9, "B"], [1e6, "M"], [1e3, "k"]];

function plain(x) {
  return String(Number(x.toPrecision(3)));
}

function count(x) {
  const step = SUFFIX.find(([unit]) => x >= unit * 0.9995);
  return step && x < 1e16 ? plain(x / step[0]) + step[1] : x >= 1e16 ? power(x) : plain(x);
}

function power(x) {
  const exponent = Math.floor(Math.log10(x) + 1e-9);
  const mantissa = plain(x / 10 ** exponent);
  return `${mantissa}e${exponent}`;
}

/** The text of a tick; on a linear axis with the digits that its step needs. */
export function tickText(scale, x, step) {
  switch (scale) {
    case "count": return count(x);
    case "usd": return "$" + count(x);
    case "flops": return power(x);
    default: return x.toFixed(Math.min(6, Math.max(0, Math.ceil(-Math.log10(step) - 1e-9))));
  }
}

const STEPS = [[1, 1.2, 1.4, 1.6, 1.8, 2, 2.5, 3, 3.5, 4, 5, 6, 7, 8, 9], [1, 1.5, 2, 3, 4, 5, 6, 8], [1, 2, 3, 5, 7], [1, 2, 5], [1, 3], [1]];

/** Places of ticks on a logarithmic axis: as many as there is room for. */
export function logTicks(from, to, most) {
  const of = (steps) => {
    const ticks = [];
    for (let e = Math.floor(Math.log10(from)); e <= Math.ceil(Math.log10(to)); e++) {
      for (const step of steps) {
        const x = Number(`${step}e${e}`);
        if (x >= from * 0.999 && x <= to * 1.001) ticks.push(x);
      }
    }
    return ticks;
  };
  const fits = STEPS.map(of).find((ticks) => ticks.length <= most);
  if (fits) return fits;
  const decades = of([1]);
  const every = Math.ceil(decades.length / most);
  return decades.filter((_, i) => i % every === 0);
}

/** Places of ticks on a linear axis. */
export function linearTicks(from, to, most) {
  const rough = (to - from) / most;
  const unit = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((s) => s * unit).find((s) => s >= rough);
  const ticks = [];
  for (let i = Math.ceil(from / step); i * step <= to; i++) ticks.push(i * step);
  return ticks;
}
