// Files: dropped or chosen, sent to this machine's own server, which reads or fits them.

import { element } from "./chart.js";

export class Files {
  /** - `onLoaded(law, budget)`: called with the law of a file. */
  constructor(onLoaded) {
    this.onLoaded = onLoaded;
    this.said = document.getElementById("loading");
    const cover = document.getElementById("dropping");
    const chosen = document.getElementById("file");
    chosen.addEventListener("change", () => {
      if (chosen.files[0]) this.send(chosen.files[0]);
      chosen.value = "";
    });
    const carriesFiles = (event) => [...(event.dataTransfer?.types ?? [])].includes("Files");
    addEventListener("dragover", (event) => {
      if (!carriesFiles(event)) return;
      event.preventDefault();
      cover.hidden = false;
    });
    addEventListener("dragleave", (event) => { if (!event.relatedTarget) cover.hidden = true; });
    addEventListener("drop", (event) => {
      if (!carriesFiles(event)) return;
      event.preventDefault();
      cover.hidden = true;
      if (event.dataTransfer.files[0]) this.send(event.dataTransfer.files[0]);
    });
  }

  say(text, bad = false) {
    this.said.className = bad ? "bad" : "";
    this.said.replaceChildren(text);
  }

  progress(name, { done, total }) {
    const bar = element("progress", { max: total, value: done, "aria-label": `Fitting ${name}` });
    this.said.className = "";
    this.said.replaceChildren(`Fitting ${name}: ${done} of ${total} draws `, bar);
  }

  async send(file) {
    this.stop?.abort();
    const mine = new AbortController();
    this.stop = mine;
    this.say(`Reading ${file.name} …`);
    try {
      const answer = await fetch(`api/fit?name=${encodeURIComponent(file.name)}`, { method: "POST", body: file, signal: mine.signal });
      if (!answer.ok) throw new Error((await answer.json()).error);
      let rest = "";
      for await (const piece of answer.body.pipeThrough(new TextDecoderStream())) {
        const lines = (rest + piece).split("\n");
        rest = lines.pop();
        for (const line of lines) this.word(file.name, JSON.parse(line));
      }
    } catch (error) {
      if (mine.signal.aborted) return;
      const gone = error instanceof TypeError;
      this.say(gone ? "The explorer does not answer; is it still running?" : `${file.name} was not taken: ${error.message}`, true);
    }
  }

  word(name, word) {
    if (word.progress) this.progress(name, word.progress);
    if (word.error) throw new Error(word.error);
    if (word.loaded) {
      this.say(`${name}: a law of ${word.loaded.runs} runs`);
      this.onLoaded(word.loaded.law, word.loaded.budget);
    }
  }
}
