// Debian's Chromium, and pages that must keep what every page promises: no error on the console, no request to any other host, no
// violation of the policy.

import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import axe from "axe-core";
import { chromium } from "playwright-core";
import { ROOT } from "./deployment.js";

const CHROMIUM = process.env.CHROMIUM ?? "/usr/bin/chromium";
// Without these flags it calls Google's hosts at every start.
const QUIET = ["--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];

export const DESK = { width: 1440, height: 900 };
export const PHONE = { width: 390, height: 844 };
export const WALL = { width: 3840, height: 2160 };

export function launch() {
  return chromium.launch({ executablePath: CHROMIUM, chromiumSandbox: false, args: QUIET });
}

// Opens a page and records its errors; in a browser context of its own, or as a tab of `context`. `user`: the browser remembers this user. `prepare` gets
// the page before it loads. `allowed` matches console lines about failures that the test causes. `elsewhere` is another host that may be called.
export async function open(browser, url, { viewport = DESK, colorScheme = "light", allowed = /^$/, elsewhere, user, prepare, context } = {}) {
  context ??= await browser.newContext({ viewport, colorScheme, locale: "en-GB", timezoneId: "UTC" });
  const page = await context.newPage();
  if (user) await page.addInitScript((name) => localStorage.setItem("user", name), user);
  await prepare?.(page);
  const wrongs = [];
  page.on("console", (line) => {
    if (["error", "warning"].includes(line.type()) && !allowed.test(line.text())) wrongs.push(`console: ${line.text()}`);
  });
  page.on("pageerror", (error) => wrongs.push(`uncaught: ${error.stack}`));
  page.on("request", (request) => {
    const { origin, protocol } = new URL(request.url());
    if (protocol !== "data:" && origin !== new URL(url).origin && !isFor(elsewhere, request)) wrongs.push(`asked elsewhere: ${request.url()}`);
  });
  await page.addInitScript(() => {
    globalThis.shifts = [];
    new PerformanceObserver((list) => {
      for (const shift of list.getEntries()) {
        const moved = shift.sources.map(({ node, previousRect, currentRect }) =>
          `${node?.id || node?.className || node?.nodeName}: ${previousRect.x},${previousRect.y} -> ${currentRect.x},${currentRect.y}`);
        if (!shift.hadRecentInput) globalThis.shifts.push({ value: shift.value, moved });
      }
    }).observe({ type: "layout-shift", buffered: true });
  });
  await page.goto(url);
  page.wrongs = wrongs;
  return page;
}

// Whether a request is by or to a page of that other host, which may call what it likes.
function isFor(elsewhere, request) {
  return elsewhere !== undefined && [request.url(), request.frame().url()].some((url) => url.startsWith(`${elsewhere}/`));
}

// Closes a page, and fails if it recorded errors.
export async function close(page) {
  await page.context().close();
  assert.deepEqual(page.wrongs, []);
}

export async function hasNoBarriers(page) {
  await page.evaluate(axe.source);
  const { violations } = await page.evaluate(() => globalThis.axe.run({ resultTypes: ["violations"] }));
  const found = violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html, failureSummary }) => `${html} ${failureSummary}`).join("\n")}`);
  assert.deepEqual(found, []);
}

export async function didNotShift(page) {
  assert.deepEqual(await page.evaluate(() => globalThis.shifts), []);
}

export async function screenshot(page, name, more = {}) {
  const folder = join(ROOT, "build/screenshots");
  mkdirSync(folder, { recursive: true });
  await page.screenshot({ path: join(folder, `${name}.png`), ...more });
}

// Waits until the text of an element matches.
export async function says(page, selector, pattern, timeout = 20_000) {
  const place = page.locator(selector);
  const begun = Date.now();
  let text = "";
  while (Date.now() - begun < timeout) {
    text = (await place.textContent({ timeout })) ?? "";
    if (pattern.test(text)) return text;
    await page.waitForTimeout(50);
  }
  assert.match(text, pattern, `${selector} after ${timeout} ms`);
}
