// The explorer in a real browser: flows, keyboard, two sizes, light and dark, axe, and a silent console.
//
//   ISOLOSS_BIN=target/release/isoloss node --test tests/browser/explorer.mjs
//
// ISOLOSS_SHOTS=FOLDER keeps a picture of each view.

import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { after, before, beforeEach, afterEach, test } from "node:test";

import { chromium } from "playwright-core";

const PROGRAM = resolve(process.env.ISOLOSS_BIN ?? "target/release/isoloss");
const CHROMIUM = process.env.CHROMIUM ?? "/usr/bin/chromium";
const SHOTS = process.env.ISOLOSS_SHOTS;
const ROOT = resolve(import.meta.dirname, "../..");
const RUNS = join(ROOT, "data/first-light/runs.jsonl");
const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
  "--disable-background-networking", "--disable-component-update", "--disable-sync"];

let browser;
let folder;
let fit;
let explorer;
let context;
let page;
let said;

async function open(args = []) {
  const child = spawn(PROGRAM, ["serve", "--no-open", ...args], { stdio: ["ignore", "pipe", "ignore"] });
  const address = await new Promise((found, failed) => {
    createInterface(child.stdout).once("line", found);
    child.once("exit", (code) => failed(new Error(`isoloss serve ended with ${code}`)));
  });
  return { child, address };
}

before(async () => {
  folder = mkdtempSync(join(tmpdir(), "isoloss-browser-"));
  fit = join(folder, "fit.json");
  execFileSync(PROGRAM, ["fit", RUNS, "--bootstrap", "400", "-o", fit, "-q"], { stdio: "ignore" });
  explorer = await open();
  browser = await chromium.launch({ executablePath: CHROMIUM, args: FLAGS });
});

after(async () => {
  await browser?.close();
  explorer?.child.kill();
  rmSync(folder, { recursive: true, force: true });
});

beforeEach(() => view());
afterEach(async () => {
  const silent = said;
  await context.close();
  assert.deepEqual(silent, [], "the console is silent");
});

/** A fresh browser; everything it says, and every request that leaves the explorer, is kept. */
async function view({ width = 1440, height = 900, dark = false } = {}) {
  await context?.close();
  context = await browser.newContext({
    viewport: { width, height }, colorScheme: dark ? "dark" : "light", acceptDownloads: true,
    permissions: ["clipboard-read", "clipboard-write"],
  });
  page = await context.newPage();
  said = [];
  page.on("console", (message) => said.push(message.text()));
  page.on("pageerror", (error) => said.push(String(error)));
  page.on("request", (request) => {
    const url = request.url();
    if (!url.startsWith(explorer.address) && !url.startsWith("blob:")) said.push(`asked ${url}`);
  });
}

async function go(address = "") {
  await page.goto(explorer.address + (address && `#${address}`));
  await page.waitForSelector("#chart-frontier .u-over");
}

const headline = () => page.textContent("#headline");
const hash = () => page.evaluate(() => location.hash.slice(1));
const until = (found, what) => page.waitForFunction(found, what, { timeout: 30_000 });

async function dropped(name, bytes) {
  await page.evaluate(({ name, text }) => {
    const carried = new DataTransfer();
    carried.items.add(new File([text], name));
    for (const kind of ["dragover", "drop"]) {
      dispatchEvent(new DragEvent(kind, { dataTransfer: carried, bubbles: true, cancelable: true }));
    }
  }, { name, text: bytes });
}

async function shot(name) {
  if (SHOTS) await page.screenshot({ path: join(SHOTS, `${name}.png`), fullPage: true });
}

test("a slider moves the answer, the charts and the address", async () => {
  await go("law=besiroglu&flops=1e24");
  assert.equal(await headline(), "Train 95.9B parameters on 1.74T tokens");
  const slider = page.getByRole("slider", { name: "Training compute" });
  assert.equal(await slider.getAttribute("aria-valuetext"), "1e24 FLOPs");
  await slider.focus();
  await page.keyboard.press("ArrowRight");
  await until(() => location.hash.includes("flops=1.2e24"));
  await until(() => !document.getElementById("headline").textContent.includes("95.9B"));
  assert.equal(await page.inputValue("#flops"), "1.2e24");
  assert.match(await page.textContent("#command"), /--flops 1\.2e24$/);
  assert.match(await page.textContent("#chart-frontier .readout"), /1\.20e24 FLOPs/);
});

test("a text is understood as the command line understands it", async () => {
  await go();
  await page.fill("#serve-tokens", "1T..4T");
  await page.keyboard.press("Enter");
  await until(() => location.hash.includes("serve-tokens=1T..4T"));
  assert.match(await page.textContent("#says"), /1\.00T to 4\.00T tokens/);
  await page.fill("#memory", "16");
  await page.keyboard.press("Enter");
  await until(() => document.getElementById("notice").textContent.includes("memory = 16"));
  assert.ok(!(await hash()).includes("memory"));
});

test("reload gives back what was seen, and a stale address says what it lost", async () => {
  const address = "law=besiroglu,hoffmann-a3-devries&usd=2M&device=H200+SXM&serve-tokens=2T";
  await go(address);
  const seen = [await headline(), await hash()];
  assert.equal(seen[1], address);
  await page.reload();
  await page.waitForSelector("#chart-frontier .u-over");
  assert.deepEqual([await headline(), await hash()], seen);
  assert.equal(await page.inputValue("#mode"), "usd");

  await go("law=fit.json~0123456789ab,besiroglu&flops=1e24&colour=red");
  await until(() => document.querySelectorAll("#notice p").length === 2);
  const notice = await page.textContent("#notice");
  assert.match(notice, /law = .*drop the file/);
  assert.match(notice, /colour = red/);
  assert.equal(await hash(), "law=besiroglu&flops=1e24");
});

test("budgets change their kind, laws come and go", async () => {
  await go();
  await page.selectOption("#mode", "gpus");
  await until(() => location.hash.includes("gpus=1024&days=30"));
  assert.ok(await page.isVisible("#days") && !(await page.isVisible("#flops")));
  await page.selectOption("#add-law", "hoffmann-a3-devries");
  await until(() => document.querySelectorAll("#laws li").length === 2);
  assert.match(await page.textContent("#chart-compression .legend"), /hoffmann-a3-devries/);
  await page.getByRole("button", { name: "Remove besiroglu" }).click();
  await until(() => location.hash.startsWith("#law=hoffmann-a3-devries&"));
});

test("a plan that does not exist is said, and the way back works", async () => {
  await go("law=besiroglu&loss=2.00");
  await page.fill("#loss", "1.5");
  await page.keyboard.press("Enter");
  await until(() => document.getElementById("headline").textContent === "There is no such plan");
  assert.match(await page.textContent("#under"), /out of reach/);
  await page.fill("#loss", "2.1");
  await page.keyboard.press("Enter");
  await until(() => document.getElementById("headline").textContent.startsWith("Train "));
  assert.ok(await page.isVisible("#chart-frontier"));
});

test("a fit is dropped and becomes the law, with its intervals", async () => {
  await go();
  await dropped("fit.json", readFileSync(fit, "utf8"));
  await until(() => location.hash.includes("law=fit.json~"));
  await until(() => document.getElementById("facts").textContent.includes("95 %:"));
  assert.match(await page.textContent("#chart-frontier .legend"), /95 % interval/);
  assert.match(await page.textContent("#command"), /--law fit\.json --flops 1e14/);
  await shot("fit");
});

test("a table of runs is fitted here, and garbage is refused in words", async () => {
  await go();
  const before = await headline();
  await dropped("noise.csv", "\u0000\u0001 no table");
  await until(() => document.getElementById("loading").className === "bad");
  assert.match(await page.textContent("#loading"), /noise\.csv was not taken: /);
  assert.equal(await headline(), before);
  await dropped("runs.jsonl", readFileSync(RUNS, "utf8"));
  await until(() => location.hash.includes("law=runs.jsonl~"));
  assert.match(await page.textContent("#loading"), /a law of 25 runs/);
  assert.match(await page.textContent("#command"), /isoloss fit runs\.jsonl -o runs\.jsonl\.fit\.json/);
});

test("charts are read by pointer and by keyboard", async () => {
  await go("law=besiroglu,hoffmann-a3-devries&flops=1e24&serve-tokens=2T");
  for (const id of ["compression", "cost", "frontier"]) {
    const plot = page.locator(`#chart-${id} .plot`);
    const first = await plot.getAttribute("aria-valuetext");
    await plot.focus();
    await page.keyboard.press("ArrowRight");
    const next = await plot.getAttribute("aria-valuetext");
    assert.notEqual(next, first, id);
    assert.match(next, /besiroglu/);
    await page.keyboard.press("Escape");
    assert.equal(await plot.getAttribute("aria-valuetext"), first, id);
    const box = await plot.boundingBox();
    await page.mouse.move(box.x + 0.8 * box.width, box.y + 0.5 * box.height);
    await until(({ id, first }) => document.querySelector(`#chart-${id} .plot`).getAttribute("aria-valuetext") !== first, { id, first });
    assert.ok((await page.textContent(`#chart-${id} .readout`)).length > 20);
  }
});

test("every control is reached by the keyboard", async () => {
  await go("law=besiroglu&usd=2M&serve-tokens=2T");
  const reached = new Set();
  for (let i = 0; i < 80; i++) {
    await page.keyboard.press("Tab");
    reached.add(await page.evaluate(() => {
      const at = document.activeElement;
      return at.id || at.getAttribute("aria-label") || at.closest("figure")?.id || at.tagName;
    }));
  }
  for (const id of ["mode", "usd", "add-law", "file", "serve-tokens", "memory", "device", "chart-compression", "copy-command"]) {
    assert.ok(reached.has(id), `${id} of ${[...reached]}`);
  }
});

test("rows, picture, command and address are taken away", async () => {
  await go("law=besiroglu&flops=1e24");
  const saved = async (name) => {
    const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name }).first().click()]);
    return readFileSync(await download.path());
  };
  const rows = (await saved("Save the rows of this chart as CSV")).toString();
  assert.match(rows, /^"params","train_flops besiroglu"\n[\d.]+e\d+,/);
  const picture = await saved("Save this chart as PNG");
  assert.ok(picture.length > 10_000 && picture.subarray(1, 4).toString() === "PNG");
  await page.click("#copy-command");
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), "isoloss plan --law besiroglu --flops 1e24");
  await page.click("#copy-address");
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), page.url());
});

for (const [name, size] of [["wide", { width: 1440, height: 900 }], ["phone", { width: 390, height: 844 }]]) {
  for (const dark of [false, true]) {
    test(`axe finds nothing and nothing is cut: ${name}, ${dark ? "dark" : "light"}`, async () => {
      await view({ ...size, dark });
      await go("law=besiroglu,hoffmann-a3-devries&usd=2M&device=H100+SXM&serve-tokens=2T&serve-device=H100+SXM&memory=80GB&colour=red");
      await page.evaluate(() => document.querySelectorAll("details").forEach((d) => { d.open = true; }));
      // The policy of the page lets no script in; the tool's own way around it is the debugger.
      await page.evaluate(AXE);
      const found = await page.evaluate(() => window.axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] }));
      assert.deepEqual(found.violations.map((v) => [v.id, v.nodes.map((n) => n.target.join(" "))]), []);
      const overflow = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
      assert.equal(overflow, 0, "the page does not scroll sideways");
      const smallest = await page.evaluate(() => Math.min(...[...document.querySelectorAll("body *")]
        .filter((e) => [...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim()) && e.getClientRects().length)
        .map((e) => parseFloat(getComputedStyle(e).fontSize))));
      assert.ok(smallest >= 11, `text of ${smallest} px`);
      await shot(`${name}-${dark ? "dark" : "light"}`);
    });
  }
}

test("an explorer that has ended is said", async () => {
  const mine = await open();
  said = [];
  await page.goto(`${mine.address}#law=besiroglu&flops=1e24`);
  await page.waitForSelector("#chart-frontier .u-over");
  mine.child.kill();
  await new Promise((ended) => mine.child.once("exit", ended));
  await page.getByRole("slider", { name: "Training compute" }).press("ArrowRight");
  await until(() => document.getElementById("headline").textContent === "The explorer does not answer");
  // The browser itself reports the refused connection.
  said = said.filter((line) => !line.includes("ERR_CONNECTION_REFUSED") && !line.startsWith(`asked ${mine.address}`));
});
