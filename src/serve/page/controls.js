// Fields of the question: each has a text and a slider or a list, built from what the server names.

import { element } from "./chart.js";

/** The name of a law; of a fit, with the digest of its file set back. */
function named(id) {
  const [name, digest] = id.split("~");
  return digest ? [name, " ", element("span", { class: "digest" }, digest)] : [name];
}

export class Controls {
  /** - `onAsk(address)`: called after every change. */
  constructor(start, onAsk) {
    this.start = start;
    this.onAsk = onAsk;
    this.texts = {};
    this.laws = [];
    this.rows = new Map();
    this.mode = document.getElementById("mode");
    for (const { id, label } of start.modes) this.mode.append(element("option", { value: id }, label));
    this.mode.addEventListener("change", () => this.changeMode());
    for (const group of document.querySelectorAll("[data-fields]")) {
      for (const id of group.dataset.fields.split(" ")) {
        const field = start.fields.find((f) => f.id === id);
        const row = this.row(field);
        this.rows.set(id, { field, ...row });
        group.append(row.whole);
      }
    }
    this.add = document.getElementById("add-law");
    this.add.addEventListener("change", () => this.toggle(this.add.value, true));
    document.getElementById("question").addEventListener("submit", (event) => event.preventDefault());
  }

  row(field) {
    const unit = field.unit ? [" ", element("span", {}, field.unit)] : [];
    if (field.choices) {
      const label = element("label", { for: field.id }, field.label, ...unit);
      const select = element("select", { id: field.id }, element("option", { value: "" }, field.empty));
      for (const [value, text] of field.choices) select.append(element("option", { value }, text));
      select.addEventListener("change", () => this.set(field.id, select.value));
      return { whole: element("div", {}, label, select), select };
    }
    const label = element("label", { for: field.id }, field.label, ...unit);
    const first = field.empty === null ? 0 : -1;
    const slider = element("input", {
      type: "range", min: first, max: field.stops.length - 1, step: 1, "aria-label": field.label,
    });
    const text = element("input", { type: "text", id: field.id, autocomplete: "off", spellcheck: "false", placeholder: field.empty ?? "" });
    slider.addEventListener("input", () => {
      const at = Number(slider.value);
      text.value = at < 0 ? "" : field.stops[at];
      this.set(field.id, text.value);
    });
    text.addEventListener("change", () => this.set(field.id, text.value.trim()));
    text.addEventListener("keydown", (event) => {
      if (event.key === "Enter") this.set(field.id, text.value.trim());
    });
    return { whole: element("div", {}, label, element("div", { class: "pair" }, slider, text)), slider, text };
  }

  set(id, text) {
    if ((this.texts[id] ?? "") === text) return;
    if (text) this.texts[id] = text;
    else delete this.texts[id];
    this.ask();
  }

  changeMode() {
    const own = (id) => this.start.modes.find((mode) => mode.id === id).fields;
    for (const mode of this.start.modes) for (const id of mode.fields) delete this.texts[id];
    const usual = { flops: "1e24", usd: "10M", gpus: "1024", days: "30", "quality-of": "70B", loss: "2.00" };
    for (const id of own(this.mode.value)) this.texts[id] = usual[id];
    this.ask();
  }

  toggle(law, on) {
    this.laws = this.laws.filter((known) => known !== law);
    if (on && law) this.laws.push(law);
    this.ask();
  }

  /** A fit that was just loaded stands alone, at a budget that suits it. */
  take(law, budget) {
    if (!this.start.laws.some((known) => known.id === law)) {
      this.start.laws.unshift({ id: law, title: law, loaded: true });
    }
    this.laws = [law];
    if (budget && this.texts.flops !== undefined) this.texts.flops = budget;
    this.ask();
  }

  address() {
    const pairs = new URLSearchParams();
    pairs.set("law", this.laws.join(","));
    for (const { id } of this.start.fields) if (this.texts[id]) pairs.set(id, this.texts[id]);
    // Fields that an address had and the page has no control for.
    for (const [id, text] of Object.entries(this.texts)) if (!pairs.has(id)) pairs.set(id, text);
    return pairs.toString();
  }

  ask() {
    this.arrange();
    this.onAsk(this.address());
  }

  /** Takes over what the server understood. */
  understood(view) {
    this.texts = Object.fromEntries(Object.entries(view.fields).map(([id, { text }]) => [id, text]));
    this.laws = [...view.laws];
    this.mode.value = view.mode;
    for (const [id, { slider, text, select, field }] of this.rows) {
      const known = view.fields[id];
      if (select) {
        if (known && ![...select.options].some((o) => o.value === known.text)) select.append(element("option", { value: known.text }, known.text));
        select.value = known?.text ?? "";
        continue;
      }
      const at = known ? known.stop ?? 0 : -1;
      if (document.activeElement !== slider) slider.value = String(at);
      if (document.activeElement !== text || !known || text.value === "") text.value = known?.text ?? "";
      slider.setAttribute("aria-valuetext", known ? `${known.text} ${field.unit}`.trim() : field.empty ?? "");
    }
    this.arrange();
    this.listLaws();
  }

  /** Shows the fields that say something. */
  arrange() {
    const modes = this.start.modes.find((mode) => mode.id === this.mode.value).fields;
    const inMode = this.start.modes.flatMap((mode) => mode.fields);
    for (const [id, { whole, field }] of this.rows) {
      const hidden = inMode.includes(id) ? !modes.includes(id) : field.needs !== null && !this.texts[field.needs];
      whole.hidden = hidden;
    }
  }

  listLaws() {
    const title = (id) => this.start.laws.find((law) => law.id === id)?.title ?? id;
    const items = this.laws.map((id, i) => {
      const remove = element("button", { type: "button", "aria-label": `Remove ${id}` }, "×");
      remove.disabled = this.laws.length === 1;
      remove.addEventListener("click", () => this.toggle(id, false));
      return element("li", { title: title(id) },
        element("span", { class: `swatch law-${i % 6}`, "aria-hidden": "true" }), element("span", {}, ...named(id)), remove);
    });
    document.getElementById("laws").replaceChildren(...items);
    const rest = this.start.laws.filter((law) => !this.laws.includes(law.id));
    this.add.replaceChildren(element("option", { value: "" }, "choose one"),
      ...rest.map((law) => element("option", { value: law.id }, law.loaded ? law.title : `${law.id}: ${law.title}`)));
  }
}
