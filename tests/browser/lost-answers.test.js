// Answers that never arrive, for the wallet and for the counter: the bank has carried the operation out, and a gateway answers 500,
// 502, 504, half a body or nothing. However often it is sent, whatever is clicked, in whichever tab: the money moves once.

import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, test } from "node:test";
import { close, hasNoBarriers, launch, open, PHONE, says, screenshot } from "./browser.js";
import { Deployment } from "./deployment.js";
import { LOSSES, Proxy } from "./proxy.js";

// The browser's own lines about the failures that the tests cause.
const allowed = /status of \d+|ERR_/;
const UNSURE = /is not known yet\. Try again: under the same key it cannot happen twice\.$/;

let deployment;
let browser;
let proxy;
let users = 0;
const freshUser = () => `loser-${++users}`;

before(async () => {
  deployment = await Deployment.build();
  browser = await launch();
});

after(async () => {
  await browser?.close();
  await deployment?.end();
});

beforeEach(async () => { proxy = await Proxy.before(deployment.urls[0]); });
afterEach(() => proxy.end());

// The dashboard of a user behind the proxy, once the wallet is shown.
async function dashboard(user, more = {}) {
  const page = await open(browser, proxy.url, { allowed, user, ...more });
  await says(page, "#balance", /^[\d,.]+$/);
  await says(page, "#bitcoins", /^[\d,.]+$/);
  return page;
}

const button = (page, form, name) => page.locator(form).getByRole("button", { name });
const tryAgain = (page, form) => page.locator(`#${form}-again`);

async function deposit(page, amount) {
  await page.locator("#move").getByLabel("Amount").fill(amount);
  await button(page, "#move", "Deposit").click();
}

async function count(page, amount) {
  await page.locator("#count").getByLabel("Amount").fill(amount);
  await button(page, "#count", "Count").click();
}

const seq = async (user) => (await deployment.ask("/v1/wallet", { user })).seq;
const total = async () => (await deployment.ask("/v1/bitcoins")).bitcoins;
const keys = (path) => new Set(proxy.posts.filter((post) => post.path.startsWith(path)).map(({ key }) => key));

// Whether the form accepts nothing new, by a click or by Enter.
async function isLocked(page, form, name) {
  assert.equal(await button(page, form, name).getAttribute("aria-disabled"), "true");
  await button(page, form, name).click({ force: true });
  await page.locator(form).getByLabel("Amount").press("Enter");
  await assert.rejects(page.locator(form).getByLabel("Amount").fill("99", { timeout: 300 }));
}

for (const loss of Object.keys(LOSSES)) {
  test(`after ${loss} a deposit and a count are sent again under their keys, by themselves, and happen once`, async () => {
    const [user, counted] = [freshUser(), await total()];
    const page = await dashboard(user);
    proxy.lose(loss, 1);
    await deposit(page, "10");
    await says(page, "#wallet-note", /^Deposited 10\.00: entry 1\. It had been done by an earlier try\.$/);
    proxy.lose(loss, 1);
    await count(page, "2");
    await says(page, "#counter-note", /^Counted 2\. It had been done by an earlier try\.$/);
    assert.deepEqual([await seq(user), await total()], [1, counted + 2]);
    assert.deepEqual([keys("/v1/deposit").size, keys("/v1/bitcoins").size], [1, 1]);
    await close(page);
  });

  test(`after ${loss} and a reload a deposit and a count can only be tried again under their keys, and happen once`, async () => {
    const [user, counted] = [freshUser(), await total()];
    const page = await dashboard(user);
    proxy.lose(loss);
    await deposit(page, "10");
    await count(page, "2");
    await says(page, "#wallet-note", /Trying again in \d+ s under the same key: it happens once\.$/);
    await says(page, "#counter-note", /Trying again in \d+ s under the same key: it happens once\.$/);
    await page.reload();
    await says(page, "#wallet-note", /^No answer has been seen yet\. Whether the deposit of 10 happened is not known yet\./);
    await says(page, "#counter-note", /^No answer has been seen yet\. Whether the count of 2 happened is not known yet\./);
    const sent = proxy.posts.length;
    await isLocked(page, "#move", "Deposit");
    await isLocked(page, "#move", "Withdraw");
    await isLocked(page, "#count", "Count");
    assert.equal(proxy.posts.length, sent);
    proxy.pass();
    await tryAgain(page, "move").click();
    await tryAgain(page, "count").click();
    await says(page, "#wallet-note", /^Deposited 10\.00: entry 1\. It had been done by an earlier try\.$/);
    await says(page, "#counter-note", /^Counted 2\. It had been done by an earlier try\.$/);
    assert.deepEqual([await seq(user), await total()], [1, counted + 2]);
    assert.deepEqual([keys("/v1/deposit").size, keys("/v1/bitcoins").size], [1, 1]);
    await close(page);
  });
}

test("an operation that is never answered says what it does, then offers one button, and takes no other", async () => {
  const user = freshUser();
  const page = await dashboard(user, { viewport: PHONE });
  proxy.lose("a 502 with a page");
  await deposit(page, "10.50");
  await says(page, "#wallet-note", /^Status 502 came back, and no explanation\. Trying again in 1 s under the same key/);
  await isLocked(page, "#move", "Deposit");
  assert.equal(await tryAgain(page, "move").isVisible(), false);
  await page.locator("#wallet-title").evaluate((title) => title.scrollIntoView());
  await screenshot(page, "phone-operation-waits");
  await says(page, "#wallet-note", UNSURE);
  await isLocked(page, "#move", "Withdraw");
  await hasNoBarriers(page);
  await screenshot(page, "phone-operation-unsure");
  const sent = proxy.posts.length;
  assert.equal(sent, 6);
  proxy.pass();
  await tryAgain(page, "move").focus();
  await page.keyboard.press("Enter");
  await says(page, "#wallet-note", /^Deposited 10\.50: entry 1\./);
  assert.equal(await page.evaluate(() => document.activeElement.name), "amount", "the focus stays in the form");
  assert.equal(await seq(user), 1);
  await deposit(page, "10.50");
  await says(page, "#wallet-note", /^Deposited 10\.50: entry 2\.$/);
  assert.equal(keys("/v1/deposit").size, 2);
  await close(page);
});

test("a 4xx ends an operation, and the next click is a new one", async () => {
  const user = freshUser();
  const page = await dashboard(user);
  await button(page, "#move", "Withdraw").waitFor();
  await page.locator("#move").getByLabel("Amount").fill("5");
  proxy.lose("a bare 500", 1);
  await button(page, "#move", "Withdraw").click();
  await says(page, "#wallet-note", /^The balance is 0\.00; 5\.00 was asked for\. Withdraw less, or deposit first\.$/);
  assert.equal(keys("/v1/withdraw").size, 1);
  assert.equal(await tryAgain(page, "move").isVisible(), false);
  await deposit(page, "5");
  await says(page, "#wallet-note", /^Deposited 5\.00: entry 1\.$/);
  await close(page);
});

test("a refusal by somebody who knows nothing of the first try does not pass for an answer to it", async () => {
  const user = freshUser();
  const page = await dashboard(user);
  proxy.lose("a bare 500", 1);
  await deposit(page, "5");
  await says(page, "#wallet-note", /Trying again/);
  await page.route("**/v1/deposit", (route) => route.fulfill({ status: 403, contentType: "text/html", body: "Forbidden" }));
  await says(page, "#wallet-note", /^Status 403 came back, and no explanation\. .* An earlier try may have happened: look at the last entries before you move money again\.$/);
  await close(page);
});

test("an operation is its user's: another one moves money meanwhile, and it waits for its own", async () => {
  const [ann, bob] = [freshUser(), freshUser()];
  const page = await dashboard(ann);
  proxy.lose("a 504 with a page");
  await deposit(page, "10");
  await says(page, "#wallet-note", /Trying again/);
  await page.reload();
  await says(page, "#wallet-note", UNSURE);
  proxy.pass();
  await page.getByLabel("User").fill(bob);
  await page.getByRole("button", { name: "Open" }).click();
  await says(page, "#wallet-note", /^Each click has a key of its own/);
  await deposit(page, "3");
  await says(page, "#wallet-note", /^Deposited 3\.00: entry 1\.$/);
  await page.getByLabel("User").fill(ann);
  await page.getByRole("button", { name: "Open" }).click();
  await says(page, "#wallet-note", UNSURE);
  await tryAgain(page, "move").click();
  await says(page, "#wallet-note", /^Deposited 10\.00: entry 1\. It had been done/);
  assert.deepEqual([await seq(ann), await seq(bob)], [1, 1]);
  await close(page);
});

test("an operation that one tab began can be tried again in every other, and happens once", async () => {
  const user = freshUser();
  const page = await dashboard(user);
  const other = await dashboard(user, { context: page.context() });
  proxy.lose("nothing");
  await deposit(page, "10");
  await says(page, "#wallet-note", /Trying again/);
  await says(other, "#wallet-note", /^No answer has been seen yet\. Whether the deposit of 10 happened/);
  await isLocked(other, "#move", "Deposit");
  await page.reload();
  await says(page, "#wallet-note", UNSURE);
  proxy.pass();
  await tryAgain(other, "move").click();
  await says(other, "#wallet-note", /^Deposited 10\.00: entry 1\. It had been done/);
  await says(page, "#wallet-note", /^The deposit of 10 was answered in another tab\.$/);
  assert.equal(await tryAgain(page, "move").isVisible(), false);
  await says(page, "#balance", /^10\.00$/);
  assert.deepEqual([await seq(user), keys("/v1/deposit").size], [1, 1]);
  assert.deepEqual(other.wrongs, []);
  await close(page);
});

test("where the browser keeps nothing, an operation is kept as long as the page", async () => {
  const user = freshUser();
  const prepare = (page) => page.addInitScript(() => {
    Object.defineProperty(globalThis, "localStorage", { get() { throw new DOMException("blocked", "SecurityError"); } });
  });
  const page = await open(browser, proxy.url, { allowed, prepare });
  await page.getByLabel("User").fill(user);
  await page.getByRole("button", { name: "Open" }).click();
  await says(page, "#balance", /^0\.00$/);
  proxy.lose("a 429");
  await deposit(page, "10");
  await says(page, "#wallet-note", /Leave this page open until then: this browser keeps nothing\.$/);
  proxy.pass();
  await tryAgain(page, "move").click();
  await says(page, "#wallet-note", /^Deposited 10\.00: entry 1\. It had been done/);
  assert.equal(await seq(user), 1);
  await close(page);
});
