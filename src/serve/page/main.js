// The address is the question. Whatever changes it is sent as it stands; one question at a time, the
// newest last, and what was understood comes back.

import { showAnswer } from "./answer.js";
import { ChartView, save } from "./chart.js";
import { Controls } from "./controls.js";
import { Files } from "./files.js";

const byId = (id) => document.getElementById(id);
const charts = new Map();
let controls;
let waiting = null;
let busy = false;

async function post(path, body) {
  const answer = await fetch(`api/${path}`, { method: "POST", body });
  if (!answer.ok) throw new Error((await answer.json()).error);
  return answer;
}

/** Asks the newest question as soon as the one before is answered. */
async function ask(address) {
  waiting = address;
  if (busy) return;
  busy = true;
  const slow = setTimeout(() => byId("main").setAttribute("aria-busy", "true"), 250);
  try {
    while (waiting !== null) {
      const asked = waiting;
      waiting = null;
      const view = await (await post("view", asked)).json();
      if (waiting === null) show(view);
    }
  } catch (error) {
    waiting = null;
    const gone = error instanceof TypeError;
    byId("headline").textContent = gone ? "The explorer does not answer" : "This could not be asked";
    byId("under").textContent = gone
      ? "It has ended, or was started anew under another address. Start it again and open the address it prints."
      : error.message;
  } finally {
    clearTimeout(slow);
    byId("main").removeAttribute("aria-busy");
    busy = false;
  }
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
      byId("charts").append(made.figure);
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
await ask(location.hash.length > 1 ? location.hash.slice(1) : start.address);
