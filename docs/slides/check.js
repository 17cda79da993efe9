// Checks what a reader sees: ten slides, none larger than its page, with all their pictures; and each Mermaid diagram of the pages, as
// GitHub would draw it. Needs: build/slides, made by scripts/slides, which runs this; Chromium.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { chromium } from "playwright-core";

const ROOT = new URL("../..", import.meta.url).pathname;
const SLIDES = 10;

const browser = await chromium.launch({ executablePath: process.env.CHROME_PATH, chromiumSandbox: false });
try {
  await checkSlides(await browser.newPage());
  await drawDiagrams(await browser.newPage());
} finally {
  await browser.close();
}

async function checkSlides(page) {
  const missing = [];
  page.on("requestfailed", (request) => missing.push(request.url()));
  await page.goto(`file://${join(ROOT, "build/slides/docs/presentation.html")}`);
  const slides = await page.evaluate(() => [...document.querySelectorAll("svg[data-marpit-svg]")].map((slide) =>
    [...slide.querySelectorAll("section")].every((section) => section.scrollHeight <= section.clientHeight && section.scrollWidth <= section.clientWidth)));
  assert.deepEqual(missing, [], "pictures are not there");
  assert.deepEqual(slides, Array(SLIDES).fill(true), "slides that are larger than their page are false");
}

async function drawDiagrams(page) {
  await page.addScriptTag({ path: join(ROOT, "docs/slides/node_modules/mermaid/dist/mermaid.min.js") });
  const pages = execFileSync("git", ["grep", "--untracked", "-l", "^```mermaid", "--", "*.md"], { cwd: ROOT, encoding: "utf8" }).trim().split("\n");
  for (const name of pages) {
    const diagrams = readFileSync(join(ROOT, name), "utf8").matchAll(/^```mermaid\n(.*?)^```$/gms);
    for (const [, source] of diagrams) {
      const problem = await page.evaluate((text) => globalThis.mermaid.render("diagram", text).then(() => "", (error) => `${error}`), source);
      assert.equal(problem, "", `${name}:\n${source}`);
    }
  }
}
