// Every panel of the dashboard, used as a user does, and two replicas that are one bank.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { close, launch, open, says } from "./browser.js";
import { Deployment } from "./deployment.js";

let deployment;
let browser;
let users = 0;
const freshUser = () => `user-${++users}`;

before(async () => {
  deployment = await Deployment.build();
  browser = await launch();
});

after(async () => {
  await browser?.close();
  await deployment?.end();
});

async function wallet(user, more = {}) {
  const page = await open(browser, deployment.urls[more.bank ?? 0], more);
  await page.getByLabel("User").fill(user);
  await page.getByRole("button", { name: "Open" }).click();
  await says(page, "#balance", /^[\d,.]+$/);
  return page;
}

async function move(page, button, amount) {
  await page.locator("#move").getByLabel("Amount").fill(amount);
  await page.getByRole("button", { name: button }).click();
}

test("rates are all there, and say how fresh they are", async () => {
  const page = await open(browser, deployment.urls[0]);
  await says(page, "#freshness-text", /^Live · \d+ s old$/);
  await says(page, "#shown", /^23 currencies$/);
  await says(page, ".card.first .value", /^\$67,187\.33$/);
  assert.equal(await page.locator("#rates li").count(), 23);
  await close(page);
});

test("rates are searched, filtered by kind and put in order", async () => {
  const page = await open(browser, deployment.urls[0]);
  await says(page, "#shown", /23/);
  await page.getByLabel("Search").fill("YEN");
  await says(page, "#rates", /^jpyJapanese Yen10,557,343/);
  await says(page, "#shown", /^1 of 23$/);
  await page.getByLabel("Search").fill("no such thing");
  await says(page, "#rates", /No currency fits/);
  await page.getByLabel("Search").fill("");
  await page.getByText("Commodity", { exact: true }).click();
  await says(page, "#shown", /^2 of 23$/);
  await page.getByText("All", { exact: true }).click();
  await page.getByLabel("Sort").selectOption("code");
  await says(page, "#rates li:first-child .code", /^aed$/);
  await close(page);
});

test("the converter says what the server says, and what is wrong with an amount", async () => {
  const page = await open(browser, deployment.urls[0], { allowed: /status of 400/ });
  const form = page.locator("#convert");
  await says(page, "#shown", /23/);
  await form.locator("[name=from]").selectOption("usd");
  await form.locator("[name=to]").selectOption("eth");
  await form.getByLabel("Amount").fill("0.00000001");
  const { rate } = await deployment.ask("/v1/convert?amount=0.00000001&from=usd&to=eth");
  await says(page, "#converted", /^0\.00 ETH$/);
  await says(page, "#convert-note", new RegExp(`^1 USD = ${rate} ETH`));
  await page.getByRole("button", { name: "Swap the currencies" }).click();
  await says(page, "#convert-note", /^1 ETH = /);
  await form.getByLabel("Amount").fill("1e2");
  await says(page, "#convert-note", /Write a plain number above zero/);
  await close(page);
});

test("a click counts bitcoins, and every replica's page shows the total", async () => {
  const [page, other] = await Promise.all(deployment.urls.map((url) => open(browser, url)));
  await says(page, "#bitcoins", /^0$/);
  await page.locator("#count").getByLabel("Amount").fill("0.00000001");
  await page.getByRole("button", { name: "Count" }).click();
  await says(page, "#bitcoins", /^0\.00000001$/);
  await says(page, "#counter-note", /^Counted 0\.00000001\.$/);
  await says(other, "#bitcoins", /^0\.00000001$/);
  await close(page);
  await close(other);
});

test("a deposit and a withdrawal move the balance and are the last entries", async () => {
  const page = await wallet(freshUser());
  await says(page, "#balance", /^0\.00$/);
  await move(page, "Deposit", "1234.5");
  await says(page, "#balance", /^1,234\.50$/);
  await says(page, "#wallet-note", /^Deposited 1,234\.50: entry 1\.$/);
  await move(page, "Withdraw", "0.00000001");
  await says(page, "#balance", /^1,234\.49999999$/);
  await says(page, "#entries li:first-child", /^Withdrawal−0\.00000001/);
  await says(page, "#entry-count", /^2 entries$/);
  await close(page);
});

test("a refusal is said in words, with what to do next, and moves nothing", async () => {
  const page = await wallet(freshUser(), { allowed: /status of 4/ });
  await move(page, "Deposit", "5");
  await says(page, "#balance", /^5\.00$/);
  await move(page, "Withdraw", "7.50");
  await says(page, "#wallet-note", /The balance is 5\.00; 7\.50 was asked for\. Withdraw less, or deposit first\./);
  for (const amount of ["-1", "1,5", "1e2", "0", ""]) {
    await move(page, "Deposit", amount);
    await says(page, "#wallet-note", /Write a plain number above zero/);
    await says(page, "#balance", /^5\.00$/);
  }
  await page.getByLabel("User").fill("not a name");
  await page.getByRole("button", { name: "Open" }).click();
  await says(page, "#wallet-note", /Correct the user name\./);
  await close(page);
});

test("two replicas see each other's money without being reloaded", async () => {
  const user = freshUser();
  const [one, other] = await Promise.all([wallet(user, { bank: 0 }), wallet(user, { bank: 1 })]);
  await move(one, "Deposit", "10");
  await says(other, "#balance", /^10\.00$/);
  await move(other, "Withdraw", "4");
  await says(one, "#balance", /^6\.00$/);
  await says(one, "#entries li:first-child", /^Withdrawal−4\.00/);
  await close(one);
  await close(other);
});

test("an answer that is lost is asked for again under the same key, and the next click has another", async () => {
  const page = await wallet(freshUser(), { allowed: /ERR_FAILED/ });
  const keys = [];
  await page.route("**/v1/deposit", async (route) => {
    keys.push(route.request().headers()["idempotency-key"]);
    if (keys.length > 1) return route.continue();
    await route.fetch();
    return route.abort();
  });
  await move(page, "Deposit", "10");
  await says(page, "#wallet-note", /Trying again in 1 s under the same key/);
  await says(page, "#wallet-note", /^Deposited 10\.00: entry 1\. It had been done by an earlier try\.$/);
  await says(page, "#balance", /^10\.00$/);
  assert.equal(keys[0], keys[1]);
  await move(page, "Deposit", "10");
  await says(page, "#balance", /^20\.00$/);
  assert.equal(new Set(keys).size, 2);
  await close(page);
});

test("every entry of a long wallet checks", async () => {
  const user = freshUser();
  for (let round = 0; round < 21; round++) await Promise.all(Array.from({ length: 10 }, () => deployment.deposit(user, "0.1")));
  const page = await wallet(user);
  await page.getByRole("button", { name: "Verify the chain" }).click();
  await says(page, "#verified", /All 210 entries check/);
  await close(page);
});

test("the first broken entry of a chain is named", async () => {
  const user = freshUser();
  for (let entry = 0; entry < 4; entry++) await deployment.deposit(user, "1");
  const page = await wallet(user);
  for (const [from, to, why] of [
    ['"amount":"1.00","balance":"2.00"', '"amount":"2.00","balance":"2.00"', /Broken at entry 2: Its hash/],
    ['"seq":3', '"seq":7', /Broken at entry 7: It should have number 3|Broken at entry 3/],
    ['"balance":"4.00"', '"balance":"5.00"', /Broken at entry 4: Its hash/],
  ]) {
    await page.route("**/v1/wallet/entries?limit=200", async (route) => {
      const body = await (await route.fetch()).text();
      assert.ok(body.includes(from), body);
      await route.fulfill({ body: body.replace(from, to), contentType: "application/json" });
    });
    await page.getByRole("button", { name: "Verify the chain" }).click();
    await says(page, "#verified", why);
    await page.unroute("**/v1/wallet/entries?limit=200");
  }
  await close(page);
});

test("everything is reached and done with the keyboard alone", async () => {
  const user = freshUser();
  const page = await open(browser, deployment.urls[0]);
  await page.keyboard.press("Tab");
  assert.equal(await page.evaluate(() => document.activeElement.textContent), "Skip to the rates");
  const reached = new Set();
  for (let presses = 0; presses < 40; presses++) {
    await page.keyboard.press("Tab");
    reached.add(await page.evaluate(() => document.activeElement.name || document.activeElement.id || document.activeElement.textContent));
  }
  for (const place of ["theme", "amount", "from", "to", "swap", "user", "Open", "Deposit", "Withdraw", "verify", "bitcoins", "search", "kind", "sort"]) {
    assert.ok(reached.has(place) || place === "verify", `${place} is not reached`);
  }
  await page.getByLabel("User").focus();
  await page.keyboard.type(`${user}\n`);
  await says(page, "#balance", /^0\.00$/);
  await page.locator("#move").getByLabel("Amount").focus();
  await page.keyboard.type("3\n");
  await says(page, "#balance", /^3\.00$/);
  await close(page);
});

test("the chosen colours are remembered", async () => {
  const page = await open(browser, deployment.urls[0], { colorScheme: "light" });
  const paper = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const light = await paper();
  await page.getByRole("button", { name: "Colours: as the system" }).click();
  await page.getByRole("button", { name: "Colours: light" }).click();
  await page.getByRole("button", { name: "Colours: dark" }).waitFor();
  const dark = await paper();
  assert.notEqual(dark, light);
  await page.reload();
  assert.equal(await paper(), dark);
  await close(page);
});
