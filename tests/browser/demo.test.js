// `make demo`, used as README.md and docs/outages.md describe: breaks Redis and a bank, moves a slot, and sees that nothing is lost;
// removes a wallet, and sees that the loss is found. Pages of other origins can break nothing, and Ctrl-C leaves nothing behind.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, before, test } from "node:test";
import { close, hasNoBarriers, launch, open, PHONE, says, screenshot } from "./browser.js";
import { ROOT } from "./deployment.js";

// A light load, since other tests run beside this one.
const LOAD = ["--clients", "60", "--rate", "60"];

const folder = mkdtempSync(join(tmpdir(), "money-bank-demo-test-"));
const demo = spawn("target/native/demo", ["--port", "0", ...LOAD], { cwd: ROOT, stdio: ["ignore", "pipe", "inherit"], env: { ...process.env, TMPDIR: folder } });
const gone = new Promise((resolve) => demo.once("exit", (code) => resolve(code)));
let url;
let browser;
let page;

before(async () => {
  for await (const line of createInterface({ input: demo.stdout })) {
    url = /(http:\/\/127\.0\.0\.1:\d+) /.exec(line)?.[1];
    if (url) break;
  }
  assert.ok(url, "the demo did not begin");
  browser = await launch();
  // The browser logs the order that was refused.
  page = await open(browser, url, { allowed: /status of 409/ });
});

after(async () => {
  await browser?.close();
  demo.kill("SIGKILL");
  rmSync(folder, { recursive: true, force: true });
});

const press = (name) => page.getByRole("button", { name }).click();
const figure = async (id) => Number((await page.locator(`#${id}`).textContent()).replaceAll(",", ""));
const newest = "#outages li:first-child";
// What the page says of an outage after every wallet was read.
const isWell = (words) => new RegExp(`^${words}, [\\d.]+ slost 0, doubled 0`);

async function state() {
  return (await fetch(`${url}/state`)).json();
}

test("money moves, and nothing is broken", async () => {
  await says(page, "#says", /Press a button\.$/);
  await says(page, "#acknowledged", /[1-9]/);
  assert.deepEqual([await figure("lost"), await figure("doubled")], [0, 0]);
});

for (const [begin, end, words] of [["Kill Redis", "Start Redis", "Redis killed"], ["Hang Redis", "Let it go on", "Redis hangs"], ["Fill Redis", "Empty it", "Redis full"]]) {
  test(`${begin}: deposits wait, then all are there once`, async () => {
    await press(begin);
    await says(page, "#says", new RegExp(`^${words}\\. Whoever gets a 503`));
    await says(page, "#per-second-note", /trying again$/);
    if (begin === "Kill Redis") await screenshot(page, "demo-broken", { fullPage: true });
    const { acknowledged } = await state();
    await press(end);
    await says(page, newest, isWell(words));
    const now = await state();
    assert.ok(now.acknowledged > acknowledged, "money moves again");
    assert.ok(now.outages[0].untouched + now.outages[0].unknown > 0, "the outage hit nobody");
    assert.equal(now.outages[0].resolved, now.outages[0].unknown);
  });
}

test("Lose answers: what was carried out and not answered is resolved by a retry", async () => {
  await press("Lose answers");
  await says(page, newest, /^Answers lost.* [1-9]\d* unknown/);
  await press("Lose no more");
  await says(page, newest, isWell("Answers lost"));
  const [outage] = (await state()).outages;
  assert.ok(outage.unknown > 0 && outage.resolved === outage.unknown, JSON.stringify(outage));
});

test("Move a slot: it goes to the other Redis with its keys, next time another one goes, and nothing is lost", async () => {
  const slots = [];
  for (const _time of [1, 2]) {
    await press("Move a slot");
    await says(page, "#says", /^Slot \d+ moves\. Whoever/);
    await says(page, newest, isWell("Slot \\d+ moved"));
    await says(page, newest, /[1-9]\d* keys? went along to Redis [12] · /);
    await says(page, "#says", /^Slot \d+ moved to Redis [12] with [1-9]\d* keys?: nothing was lost, nothing was doubled\.$/);
    const [{ moved, resolved, unknown }] = (await state()).outages;
    assert.equal(resolved, unknown);
    slots.push(moved.slot);
  }
  assert.notEqual(slots[0], slots[1]);
});

test("a killed bank comes back by itself", async () => {
  await press("Kill bank 1");
  await says(page, "#says", /^Bank 1 killed\. Whoever/);
  await says(page, newest, isWell("Bank 1 killed"));
  const { banks } = await state();
  assert.equal((await fetch(`${banks[0]}/readyz`)).status, 200);
});

test("only one thing of Redis is broken at a time, and nothing while a slot moves", async () => {
  await page.evaluate(() => fetch("/begin/hangs", { method: "POST" }));
  const answer = await page.evaluate(async () => { const said = await fetch("/begin/killed", { method: "POST" }); return [said.status, await said.text()]; });
  assert.deepEqual(answer, [409, "mend Redis first"]);
  await page.evaluate(() => fetch("/end/hangs", { method: "POST" }));
  const moving = await page.evaluate(async () => { await fetch("/begin/moves", { method: "POST" }); const said = await fetch("/begin/killed", { method: "POST" }); return [said.status, await said.text()]; });
  assert.deepEqual(moving, [409, "a slot still moves"]);
  await says(page, newest, isWell("Slot \\d+ moved"));
});

test("on a phone it fits, and has no barrier", async () => {
  const phone = await open(browser, url, { viewport: PHONE, colorScheme: "dark" });
  await says(phone, "#lost-note", /^of [1-9]/);
  const wide = await phone.evaluate(() => document.documentElement.scrollWidth);
  assert.ok(wide <= PHONE.width, `${wide} wide`);
  await hasNoBarriers(phone);
  await screenshot(phone, "demo-phone", { fullPage: true });
  await close(phone);
});

test("nobody else's page can break anything", async () => {
  const { host } = new URL(url);
  const { outages: before } = await state();
  for (const headers of [{ host }, { host, origin: "https://evil.example" }, { host, origin: "null" }, { host: "evil.example", origin: "http://evil.example" }]) {
    assert.equal(await post("/begin/killed", headers), 403, JSON.stringify(headers));
  }
  assert.equal(await post("/begin/nothing", { host, origin: url }), 404);
  assert.equal((await state()).outages.length, before.length);
});

test("a wallet that another hand removes is missed", async () => {
  await press("Remove a wallet");
  await says(page, "#lost", /^[1-9]/);
  await says(page, "#says", /^The judge misses [1-9]/);
  await hasNoBarriers(page);
  await screenshot(page, "demo-lost", { fullPage: true });
  await close(page);
});

test("Ctrl-C ends everything, and leaves nothing behind", async () => {
  const { banks } = await state();
  demo.kill("SIGINT");
  assert.equal(await gone, 0);
  for (const there of [url, ...banks]) await assert.rejects(fetch(there), `${there} is still served`);
  assert.deepEqual(readdirSync(folder), []);
});

// The status of an order with these headers, which `fetch` would refuse to send.
function post(path, headers) {
  return new Promise((resolve, reject) => {
    const { hostname, port } = new URL(url);
    request({ hostname, port, path, method: "POST", headers }, (answer) => { answer.resume(); resolve(answer.statusCode); }).on("error", reject).end();
  });
}
