// How the dashboard looks: on a desktop, a phone and a wall, light and dark. Nothing moves when the data comes, axe finds no barrier,
// and screenshots are kept in build/screenshots.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { close, DESK, didNotShift, hasNoBarriers, launch, open, PHONE, says, screenshot, WALL } from "./browser.js";
import { day } from "./day.js";
import { Deployment } from "./deployment.js";
import { Proxy } from "./proxy.js";

let deployment;
let browser;

before(async () => {
  deployment = await Deployment.build({ ttl: 60 });
  browser = await launch();
  const { rates } = await deployment.ask("/v1/rates");
  await deployment.put("bank:{rates}:history", day(rates));
  for (const amount of ["1250.00", "80.5", "0.00000001", "300", "42"]) await deployment.deposit("alice", amount);
  await deployment.ask("/v1/withdraw", { method: "POST", user: "alice", body: { amount: "19.99" } });
  await deployment.ask("/v1/bitcoins?bitcoins=21.5", { method: "POST" });
});

after(async () => {
  await browser?.close();
  await deployment?.end();
});

// The dashboard of a returning user.
async function returning(more) {
  const page = await open(browser, deployment.urls[0], { user: "alice", ...more });
  await says(page, "#balance", /^1,652\.51000001$/);
  await says(page, "#entries li:first-child", /19\.99/);
  await says(page, "#shown", /^23 currencies$/);
  await says(page, ".card.first .moved", / in 2\d h$/);
  await says(page, "#converted", /USD$/);
  await says(page, "#bitcoins", /^21\.5$/);
  return page;
}

for (const [place, viewport] of Object.entries({ desk: DESK, phone: PHONE, wall: WALL })) {
  for (const colorScheme of ["light", "dark"]) {
    test(`on a ${place}, ${colorScheme}: no barrier, and nothing moved when the data came`, async () => {
      const page = await returning({ viewport, colorScheme });
      await screenshot(page, `${place}-${colorScheme}`);
      await didNotShift(page);
      const wide = await page.evaluate(() => document.documentElement.scrollWidth);
      assert.ok(wide <= viewport.width, `${wide} wide`);
      await page.getByRole("button", { name: "Verify the chain" }).click();
      await says(page, "#verified", /All 6 entries check/);
      await hasNoBarriers(page);
      await screenshot(page, `${place}-${colorScheme}-whole`, { fullPage: true });
      await close(page);
    });
  }
}

test("a first visit, before and after it has data, has no barrier and does not move", async () => {
  const page = await open(browser, deployment.urls[0], { viewport: PHONE });
  await says(page, "#wallet-note", /Write a user name/);
  await says(page, "#shown", /23/);
  await didNotShift(page);
  await hasNoBarriers(page);
  const paint = await page.evaluate(() => performance.getEntriesByName("first-contentful-paint")[0].startTime);
  console.log(`first paint after ${Math.round(paint)} ms`);
  await close(page);
});

test("a slow bank shows the page at once, and its data moves nothing", async () => {
  const prepare = (page) => page.route("**/v1/**", async (route) => {
    await new Promise((resolve) => setTimeout(resolve, 700));
    await route.continue();
  });
  const page = await open(browser, deployment.urls[0], { user: "alice", prepare });
  await screenshot(page, "loading");
  await hasNoBarriers(page);
  await says(page, "#balance", /^1,652/);
  await says(page, ".card.first .moved", / in 2\d h$/);
  await didNotShift(page);
  await close(page);
});

test("a page that comes in two pieces is shown whole, and nothing moves", async () => {
  const proxy = await Proxy.before(deployment.urls[0]);
  proxy.pauseAfter = 'href="/docs">API</a>';
  const page = await open(browser, proxy.url, { viewport: WALL });
  await says(page, "#shown", /23/);
  await didNotShift(page);
  await close(page);
  await proxy.end();
});

for (const [place, viewport] of Object.entries({ desk: DESK, phone: PHONE })) {
  test(`the page of a 503, with its examples, has no barrier on a ${place} and is not wider`, async () => {
    const page = await open(browser, `${deployment.urls[0]}/problems/storage-unavailable`, { viewport, colorScheme: "dark" });
    await says(page, "main", /one for each operation, chosen before the first try/);
    await hasNoBarriers(page);
    const wide = await page.evaluate(() => document.documentElement.scrollWidth);
    assert.ok(wide <= viewport.width, `${wide} wide`);
    await screenshot(page, `problem-${place}`, { fullPage: true });
    await close(page);
  });
}
