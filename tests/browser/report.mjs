// The report of a study: whole without a network and without scripts, light and dark, on a phone, on paper.
import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { spawnSync } from "node:child_process";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";
import { axeFindings, launch } from "./lib/browser.mjs";

const root = resolve(dirname(fileURLToPath(import.meta.url)), "../..");
const SIZES = [[390, 844], [768, 1024], [1440, 900]];
// CSS pixels between the margins of A4 and of letter.
const PAPERS = [["A4", 680], ["Letter", 702]];

// Every section that a study can ask for.
const STUDY = `
name = "everything"
title = "Everything a study can ask for"
logs = ["data/first-light/runs.jsonl"]
[fit]
bootstrap = 200
hold_out = "C>=1e13"
leave_future_out = "C"
leave_out = "size"
[[plan]]
title = "$2M, served to 1T to 4T tokens"
law = "besiroglu,hoffmann-a3-devries"
usd = 2e6
device = "H100 SXM"
serve_tokens = [1e12, 4e12]
serve_device = "H100 SXM"
what_if = true
recipe = true
[[plan]]
title = "From these runs"
flops = 1e14
[curve]
quality_of = 5e5
ratios = [20, 100]
[[serving]]
models = ["Mixtral 8x7B"]
devices = 2.0
twins = true
[[recipe]]
params = 1.3e10
tokens = 2e12
[recipe.training]
device = "H100 SXM"
gpus = 512
[next]
runs = 3
`;

let browser;
let folder;
const reports = [["first light", join(root, "reports/first-light/index.html")]];

before(async () => {
  browser = await launch();
  folder = mkdtempSync(join(tmpdir(), "isoloss-report-"));
  const built = [process.env.ISOLOSS_BIN, "target/release/isoloss", "target/debug/isoloss"];
  const program = built.filter(Boolean).map((path) => resolve(root, path)).find(existsSync);
  assert.ok(program, "build isoloss first, or name it in ISOLOSS_BIN");
  const file = join(folder, "study.toml");
  writeFileSync(file, STUDY);
  const out = join(folder, "report");
  const run = spawnSync(program, ["study", file, "-o", out, "-q"], { cwd: root, encoding: "utf8" });
  assert.equal(run.status, 0, run.stderr);
  reports.push(["everything", join(out, "index.html")]);
});

after(async () => {
  await browser?.close();
  if (folder) rmSync(folder, { recursive: true });
});

/** Opens a file; whatever it asks for beside itself and whatever it complains of is kept. */
async function open(file, options = {}) {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  const heard = [];
  page.on("request", (request) => {
    if (!request.url().startsWith("file:") && !request.url().startsWith("data:")) heard.push(request.url());
  });
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) heard.push(message.text());
  });
  page.on("pageerror", (error) => heard.push(String(error)));
  await page.goto(pathToFileURL(file).href);
  return { page, heard, close: () => context.close() };
}

/** Elements that reach beyond the page. */
const cut = () => {
  const edge = document.documentElement.clientWidth + 0.5;
  return [...document.querySelectorAll("body *")]
    .filter((e) => !e.closest("svg, .skip, thead") || e.tagName === "svg")
    .filter((e) => e.getClientRects().length > 0 && e.getBoundingClientRect().right > edge)
    .map((e) => `${e.tagName} ${e.className} ${e.textContent.slice(0, 40)}`);
};

test("axe finds nothing, nothing is cut and nothing is asked for, at every size, light and dark", async () => {
  for (const [name, file] of reports) {
    for (const [width, height] of SIZES) {
      for (const colorScheme of ["light", "dark"]) {
        const where = `${name}, ${width} px, ${colorScheme}`;
        const { page, heard, close } = await open(file, { viewport: { width, height }, colorScheme });
        assert.deepEqual(await axeFindings(page), [], where);
        assert.deepEqual(await page.evaluate(cut), [], where);
        assert.deepEqual(heard, [], where);
        await close();
      }
    }
  }
});

test("on paper no column is lost", async () => {
  for (const [name, file] of reports) {
    for (const [format, width] of PAPERS) {
      const { page, close } = await open(file, { viewport: { width, height: 1000 } });
      await page.emulateMedia({ media: "print" });
      assert.deepEqual(await page.evaluate(cut), [], `${name}, ${format}`);
      const headers = await page.evaluate(() =>
        [...document.querySelectorAll("thead")].every((e) => getComputedStyle(e).display === "table-header-group"));
      assert.ok(headers, `${name}: headers are repeated on each sheet`);
      const pdf = await page.pdf({ format, preferCSSPageSize: true });
      assert.ok(pdf.length > 10_000, `${name}, ${format}`);
      await close();
    }
  }
});

test("the text of charts is read on a phone", async () => {
  for (const [name, file] of reports) {
    const { page, close } = await open(file, { viewport: { width: 390, height: 844 } });
    const sizes = await page.evaluate(() =>
      [...document.querySelectorAll(".chart svg text")].filter((e) => e.getClientRects().length > 0).map((e) => {
        const svg = e.ownerSVGElement;
        const scale = svg.getBoundingClientRect().width / svg.viewBox.baseVal.width;
        return scale * Number.parseFloat(getComputedStyle(e).fontSize);
      }));
    assert.ok(sizes.length > 20 && Math.min(...sizes) > 10.95, `${name}: ${Math.min(...sizes)} px`);
    await close();
  }
});

test("the page says the same without scripts", async () => {
  for (const [name, file] of reports) {
    const said = [];
    for (const javaScriptEnabled of [true, false]) {
      const { page, close } = await open(file, { javaScriptEnabled });
      said.push(await page.locator("main").innerText());
      await close();
    }
    assert.equal(said[0], said[1], name);
    assert.ok(said[0].length > 2000, name);
  }
});

test("the keyboard reaches the answer, every section and every link", async () => {
  for (const [name, file] of reports) {
    const { page, close } = await open(file);
    await page.keyboard.press("Tab");
    assert.equal(await page.evaluate(() => document.activeElement.textContent), "Skip to the answer", name);
    await page.keyboard.press("Enter");
    assert.equal(new URL(page.url()).hash, "#main", name);
    const links = await page.locator("nav a").all();
    assert.ok(links.length > 5, name);
    for (const link of links) {
      await link.focus();
      await page.keyboard.press("Enter");
      const id = new URL(page.url()).hash.slice(1);
      assert.ok(await page.locator(`[id="${id}"]`).isVisible(), `${name}: #${id}`);
    }
    await close();
  }
});

test("marks of a chart say their values to the pointer and to the keyboard", async () => {
  const [, file] = reports[0];
  const marks = `<g class="hits"><circle cx="1000" cy="1000" r="40" fill="none"><title>first 1.5</title></circle>
    <circle cx="3000" cy="2000" r="40" fill="none"><title>second 2.5</title></circle></g></svg>`;
  const withMarks = readFileSync(file, "utf8").replaceAll("</svg>", marks);
  const copy = join(folder, "marks.html");
  writeFileSync(copy, withMarks);
  const { page, heard, close } = await open(copy, { viewport: { width: 1440, height: 900 } });
  const chart = page.locator(".chart:visible").first();
  const tip = chart.locator(".tip");
  assert.equal(await chart.locator(".hits title").count(), 0, "one tooltip, not two");
  await chart.focus();
  const values = [];
  for (const key of ["Home", "End"]) {
    await page.keyboard.press(key);
    values.push(await tip.innerText());
  }
  assert.ok(values.every((value) => value.length > 0) && values[0] !== values[1], values.join());
  await page.keyboard.press("Escape");
  assert.ok(await tip.isHidden());
  const mark = await chart.locator(".hits circle").last().boundingBox();
  await page.mouse.move(mark.x + mark.width / 2, mark.y + mark.height / 2);
  assert.ok(await tip.isVisible());
  assert.deepEqual(await axeFindings(page), []);
  assert.deepEqual(heard, []);
  await close();
});
