// The address is the question. Whatever changes it is sent as it stands; one question at a time, the
// newest last, and what was understood comes back.

import { showAnswer } from "./answer.js";
import { ChartView, save } from "./chart.js";
import { Controls } from "./controls.js";
import { Files } from "./files.js";

const byId = (id) => document.getElementById(id);
const charts = new Map();
/** A full answer that takes longer is asked for when nothing moves; until then the middle is shown. */
const FOLLOWS_MS = 50;
/** How long nothing has moved then. */
const RESTS_MS = 150;
let controls;
let waiting = null;
let busy = false;
let fullMs = 0;
let full = new AbortController();

async function post(path, body, signal) {
  const answer = await fetch(`api/${path}`, { method: "POST", body, signal });
  if (!answer.ok) throw new Error((await answer.json()).error);
  return answer;
}

async function fullView(address, signal) {
  const from = performance.now();
  const view = await (await post("view", address, signal)).json();
  fullMs = performance.now() - from;
  return view;
}

/** Waits until nothing moves, then asks for everything. */
async function rest(address) {
  const mine = full;
  await new Promise((done) => setTimeout(done, RESTS_MS));
  if (mine.signal.aborted) return;
  try {
    const view = await fullView(address, mine.signal);
    if (!mine.signal.aborted) show(view);
  } catch (error) {
    if (!mine.signal.aborted) fail(error);
  }
}

/** Asks the newest question as soon as the one before is answered. */
async function ask(address) {
  waiting = address;
  full.abort();
  if (busy) return;
  busy = true;
  const slow = setTimeout(() => byId("main").setAttribute("aria-busy", "true"), 300);
  try {
    while (waiting !== null) {
      const asked = waiting;
      waiting = null;
      full = new AbortController();
      const quick = fullMs > FOLLOWS_MS;
      const view = quick ? await (await post("view?depth=middle", asked)).json() : await fullView(asked);
      if (waiting !== null) continue;
      show(view);
      if (quick && view.answer) rest(view.address);
    }
  } catch (error) {
    waiting = null;
    fail(error);
  } finally {
    clearTimeout(slow);
    byId("main").removeAttribute("aria-busy");
    busy = false;
  }
}

function fail(error) {
  const gone = error instanceof TypeError;
  byId("headline").textContent = gone ? "The explorer does not answer" : "This could not be asked";
  byId("under").textContent = gone
    ? "It has ended, or was started anew under another address. Start it again and open the address it prints."
    : error.message;
}

function show(view) {
  history.replaceState(null, "", `#${view.address}`);
  controls.understood(view);
  showAnswer(view);
  const known = view.answer?.charts ?? [];
  byId("charts").hidden = known.length === 0;
  for (const chart of known) {
    if (!charts.has(chart.id)) {
      const made = new ChartView(chart.id, saveCsv);
      charts.set(chart.id, made);
      byId("tables").before(made.figure);
    }
    charts.get(chart.id).show(chart);
  }
}

async function saveCsv(id) {
  const answer = await post(`csv?chart=${id}`, location.hash.slice(1));
  save(await answer.blob(), `${id}.csv`);
}

async function copy(text, what) {
  try {
    await navigator.clipboard.writeText(text);
    byId("copied").textContent = `${what} copied`;
  } catch {
    byId("copied").textContent = "The browser does not allow copying; select the text instead";
  }
  setTimeout(() => { byId("copied").textContent = ""; }, 4000);
}

const start = await (await fetch("api/start")).json();
byId("version").textContent = `isoloss ${start.version}`;
controls = new Controls(start, ask);
new Files((law, budget) => controls.take(law, budget));
byId("copy-command").addEventListener("click", () => copy(byId("command").textContent, "Command"));
byId("copy-address").addEventListener("click", () => copy(location.href, "Address"));
// The fragment is the question, so the link cannot lead by it.
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault();
  byId("answer").focus();
});
addEventListener("hashchange", () => ask(location.hash.slice(1)));
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => charts.forEach((chart) => chart.redraw()));
new IntersectionObserver(([seen]) => {
  byId("sticky").hidden = seen.isIntersecting;
}).observe(byId("headline"));
await ask(location.hash.length > 1 ? location.hash.slice(1) : start.address);
