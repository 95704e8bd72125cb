// The answer in words: the card, its doubts, the command and the tables.

import { element } from "./chart.js";

const byId = (id) => document.getElementById(id);

function warning({ code, weight, message }) {
  return element("li", {}, element("span", { class: `weight ${weight}` }, weight),
    element("span", { class: "message" }, message, " ", element("code", {}, code)));
}

function warnings(all) {
  const heavy = all.filter((w) => w.weight === "serious" || w.weight === "caution").slice(0, 3);
  const rest = all.filter((w) => !heavy.includes(w));
  const parts = [];
  if (heavy.length) parts.push(element("ul", { "aria-label": "Warnings" }, ...heavy.map(warning)));
  if (rest.length) {
    const said = `${rest.length} ${heavy.length ? "lesser " : ""}${rest.length === 1 ? "warning" : "warnings"}`;
    parts.push(element("details", {}, element("summary", {}, said), element("ul", {}, ...rest.map(warning))));
  }
  byId("warnings").replaceChildren(...parts);
}

function table({ title, columns, rows }) {
  const head = element("tr", {}, ...columns.map((c) => element("th", { scope: "col" }, c)));
  // A name that is set in belongs to the row above.
  const body = rows.map(([first, ...cells]) => element("tr", first.startsWith(" ") ? { class: "below" } : {}, element("th", { scope: "row" }, first.trim()), ...cells.map((c) => element("td", {}, c))));
  const made = element("table", {}, element("caption", {}, title), element("thead", {}, head), element("tbody", {}, ...body));
  return element("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": title }, made);
}

/** Shows everything of a view but its charts. */
export function showAnswer(view) {
  const notes = view.dropped.map(({ field, text, why }) => element("p", {}, element("b", {}, `${field} = ${text}`), ` was left out: ${why}`));
  byId("notice").replaceChildren(...notes);
  byId("command").textContent = view.command.join("\n");
  if (!view.answer) {
    byId("headline").textContent = "There is no such plan";
    byId("under").textContent = view.problem;
    for (const id of ["facts", "says", "warnings", "tables"]) byId(id).replaceChildren();
    return;
  }
  const { card, warnings: doubts, tables } = view.answer;
  if (byId("headline").textContent !== card.headline) byId("headline").textContent = card.headline;
  byId("under").textContent = card.under;
  byId("sticky").textContent = [card.headline, ...card.facts.slice(2).map(({ label, value }) => `${label.toLowerCase()} ${value}`)].join(" · ");
  byId("facts").replaceChildren(...card.facts.map(({ label, value, interval }) => element("div", {},
    element("dt", {}, label), element("dd", { class: "value" }, value), element("dd", { class: "interval" }, interval))));
  byId("says").replaceChildren(...card.says.filter(([label]) => label !== "train").map(([label, text]) => element("div", {},
    element("dt", {}, label), element("dd", {}, text))));
  warnings(doubts);
  byId("tables").replaceChildren(...tables.map(table));
}
