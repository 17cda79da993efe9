// What the dashboard shows while CoinGecko or the store is down, and that it recovers without help.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { close, hasNoBarriers, launch, open, says, screenshot } from "./browser.js";
import { Deployment } from "./deployment.js";

// The browser's own lines about the failures that the tests cause.
const allowed = /status of 503|ERR_/;

let deployment;
let browser;

before(async () => {
  deployment = await Deployment.build({ storageDeadline: 500 });
  browser = await launch();
});

after(async () => {
  await browser?.close();
  await deployment?.end();
});

test("while CoinGecko is away the last good rates stand in, and are seen to be stale at a glance", async () => {
  const page = await open(browser, deployment.urls[0], { allowed });
  await says(page, "#freshness-text", /^Live/);
  await deployment.upstream("500");
  await says(page, "#freshness-text", /^Stale · \d+ (s|min) old$/);
  await says(page, "#rates-note", /CoinGecko does not answer\. These are its last good rates/);
  await says(page, ".card.first .value", /67,187\.33/);
  await says(page, "#convert-note", /stale rates of/);
  await hasNoBarriers(page);
  await screenshot(page, "stale");
  await deployment.upstream("ok");
  await says(page, "#freshness-text", /^Live/, 30_000);
  await close(page);
});

test("a call that never ends holds up nothing but its own panel", async () => {
  await deployment.deposit("patient", "8");
  const prepare = (page) => page.route("**/v1/rates", () => {});
  const page = await open(browser, deployment.urls[0], { allowed, user: "patient", prepare });
  await says(page, "#balance", /^8\.00$/);
  await says(page, "#bitcoins", /^[\d.]+$/);
  await says(page, "#converted", /USD$/);
  await says(page, "#freshness-text", /^Loading$/);
  await says(page, "#rates-note", /No whole answer came within 8 seconds/);
  await page.unroute("**/v1/rates");
  await says(page, "#freshness-text", /^Live/);
  await close(page);
});

test("while the store is away every panel says so, and a deposit waits for it and counts once", async () => {
  const user = "waiting";
  await deployment.deposit(user, "5");
  const page = await open(browser, deployment.urls[0], { allowed, user });
  await says(page, "#balance", /^5\.00$/);
  await deployment.killRedis();
  await says(page, "#wallet-note", /The store does not answer/);
  await says(page, "#counter-note", /The store does not answer/);
  await says(page, "#rates-note", /The store does not answer.*Shown are the rates of/);
  await says(page, "#balance", /^5\.00$/);
  await hasNoBarriers(page);
  await screenshot(page, "dead-store");
  await page.locator("#move").getByLabel("Amount").fill("10");
  await page.getByRole("button", { name: "Deposit" }).click();
  await says(page, "#wallet-note", /Trying again in \d+ s under the same key: it happens once\./);
  await deployment.startRedis();
  await says(page, "#wallet-note", /^Deposited 10\.00: entry 2\./, 40_000);
  await says(page, "#balance", /^15\.00$/);
  await says(page, "#freshness-text", /^Live/, 40_000);
  await says(page, "#counter-note", /^Each click/);
  assert.equal((await deployment.ask("/v1/wallet", { user })).seq, 2);
  await close(page);
});

test("a deposit that was never answered can be sent again under its key", async () => {
  const user = "unsure";
  await deployment.deposit(user, "5");
  const page = await open(browser, deployment.urls[0], { allowed, user });
  await says(page, "#balance", /^5\.00$/);
  const keys = new Set();
  let isAway = true;
  await page.route("**/v1/deposit", async (route) => {
    keys.add(route.request().headers()["idempotency-key"]);
    if (!isAway) return route.continue();
    await route.fetch();
    const problem = { code: "storage-unavailable", detail: "The store did not answer in time.", outcome: "unknown" };
    return route.fulfill({ status: 503, headers: { "retry-after": "1" }, contentType: "application/problem+json", body: JSON.stringify(problem) });
  });
  await page.locator("#move").getByLabel("Amount").fill("10");
  await page.getByRole("button", { name: "Deposit" }).click();
  await says(page, "#wallet-note", /Whether the deposit of 10 happened is not known yet\. Try again: under the same key/);
  isAway = false;
  await page.getByRole("button", { name: "Try again, same key" }).click();
  await says(page, "#wallet-note", /^Deposited 10\.00: entry 2\. It had been done by an earlier try\.$/);
  await says(page, "#balance", /^15\.00$/);
  assert.equal(keys.size, 1);
  await close(page);
});

for (const after of ["99999999999999999999", "2147484", "-5", "0", "Fri, 31 Dec 9999 23:59:59 GMT"]) {
  test(`a bank that says \`retry-after: ${after.slice(0, 8)}\` is not asked all the time, and is asked again within the hour`, async () => {
    const asked = {};
    const prepare = async (page) => {
      await page.addInitScript(() => {
        globalThis.longest = 0;
        const real = setTimeout;
        globalThis.setTimeout = (work, ms) => { globalThis.longest = Math.max(globalThis.longest, ms); return real(work, ms); };
      });
      await page.route("**/v1/**", (route) => {
        const { pathname } = new URL(route.request().url());
        asked[pathname] = (asked[pathname] ?? 0) + 1;
        return route.fulfill({ status: 503, headers: { "retry-after": after }, body: "busy" });
      });
    };
    const page = await open(browser, deployment.urls[0], { allowed, user: "hot", prepare });
    await says(page, "#wallet-note", /^Status 503/);
    await page.locator("#move").getByLabel("Amount").fill("10");
    await page.getByRole("button", { name: "Deposit" }).click();
    await says(page, "#wallet-note", /Trying again in (1 h|\d+ s) under the same key/);
    await page.waitForTimeout(1500);
    // Panels ask every 3 s, and a deposit is retried after 1, 2 and 4 s.
    for (const [path, times] of Object.entries(asked)) assert.ok(times <= 4, `${path}: asked ${times} times`);
    assert.ok(await page.evaluate(() => globalThis.longest) <= 3_600_000);
    await close(page);
  });
}
