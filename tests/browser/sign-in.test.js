// Signing in with a real issuer: in, out, expired, and with an operation in flight. The issuer's pages are its own.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Issuer } from "../issuer/issuer.js";
import { close, hasNoBarriers, launch, open, says, screenshot } from "./browser.js";
import { Deployment } from "./deployment.js";
import { Proxy } from "./proxy.js";

// So short that tokens expire during a test.
const SECONDS = 4;
const SIGNED_IN = { name: "Sign out" };

// The bank's answer to an expired token.
const refusal = (out) => out.writeHead(401, { "content-type": "application/problem+json" })
  .end('{"status":401,"code":"invalid-identity","detail":"The token has expired."}');

let issuer;
let deployment;
let browser;
let proxy;
let users = 0;
const freshUser = () => `signer-${++users}`;

before(async () => {
  issuer = await Issuer.start({ seconds: SECONDS });
  deployment = await Deployment.build({ settings: issuer.settings });
  proxy = await Proxy.before(deployment.urls[0]);
  issuer.serves([deployment.urls[0], proxy.url]);
  browser = await launch();
});

after(async () => {
  await browser?.close();
  await proxy?.end();
  await deployment?.end();
  await issuer?.end();
});

const PATIENCE_MS = 10_000;
const prepare = (page) => page.setDefaultTimeout(PATIENCE_MS);
const visit = (url, more = {}) => open(browser, url, { prepare, elsewhere: issuer.url, allowed: /status of 4\d\d|ERR_NAME_NOT_RESOLVED|ERR_INTERNET_DISCONNECTED/, ...more });

// Fills in the issuer's form for an unknown user.
async function signIn(page, user) {
  await page.getByRole("button", { name: "Sign in", exact: true }).first().click();
  await page.locator('input[name="login"]').fill(user);
  await page.locator('input[name="password"]').fill("any");
  await page.locator('button[type="submit"]').click();
  await page.getByRole("button", { name: "Continue" }).click();
  await page.getByRole("button", SIGNED_IN).waitFor();
  await says(page, "#balance", /^[\d,.]+$/);
}

async function deposit(page, amount) {
  await page.locator("#move").getByLabel("Amount").fill(amount);
  await page.getByRole("button", { name: "Deposit" }).click();
}

const kept = (page) => page.evaluate(() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie]));
const runOut = (page) => page.waitForTimeout(SECONDS * 1000);

test("somebody signs in, moves money, and nothing of the token is kept", async () => {
  const user = freshUser();
  const page = await visit(deployment.urls[0]);
  await says(page, "#who-note", new RegExp(`^You sign in with ${issuer.url.slice(7)}\\.$`));
  await says(page, "#wallet-note", /^Sign in to see your wallet\.$/);
  await screenshot(page, "signed-out");
  await signIn(page, user);
  assert.equal(new URL(page.url()).search, "");
  assert.equal(await page.getByLabel("User").inputValue(), user);
  await deposit(page, "10.50");
  await says(page, "#wallet-note", /^Deposited 10\.50: entry 1\.$/);
  await page.locator("#count").getByRole("button", { name: "Count" }).click();
  await says(page, "#counter-note", /^Counted 1\.$/);
  await page.getByRole("button", { name: "Verify the chain" }).click();
  await says(page, "#verified", /^✓ All 1 entry checks/);
  assert.doesNotMatch(await kept(page), /eyJ|verifier|nonce/);
  await hasNoBarriers(page);
  await screenshot(page, "signed-in");
  await close(page);
});

test("the page may ask the bank and the issuer, and nobody else", async () => {
  const { headers } = await fetch(deployment.urls[0]);
  const rules = headers.get("content-security-policy").split("; ");
  assert.deepEqual(rules.filter((rule) => rule.includes("//")), [`connect-src 'self' ${issuer.url}`]);
  assert.ok(rules.includes("form-action 'none'"));
});

test("a token that runs out is refreshed without a word, and a reload asks nobody anything", async () => {
  const user = freshUser();
  const page = await visit(deployment.urls[0]);
  await signIn(page, user);
  for (const entry of [1, 2]) {
    await runOut(page);
    await deposit(page, "1");
    await says(page, "#wallet-note", new RegExp(`^Deposited 1\\.00: entry ${entry}\\.$`));
  }
  await page.reload();
  await page.getByRole("button", SIGNED_IN).waitFor();
  await says(page, "#balance", /^2\.00$/);
  await close(page);
});

test("an operation that a sign-in has run out for waits for the next one, and happens once under its key", async () => {
  const user = freshUser();
  const page = await visit(proxy.url);
  await signIn(page, user);
  proxy.posts.length = 0;
  issuer.refreshes(false);
  try {
    // The bank has carried it out, but a proxy answers 401.
    proxy.answer(refusal, 1);
    await deposit(page, "10");
    await says(page, "#wallet-note", /The deposit of 10 waits: once somebody is signed in it is sent again under the same key\.$/);
    assert.equal(await page.locator("#move").getByRole("button", { name: "Deposit" }).getAttribute("aria-disabled"), "true");
    // The issuer's session still exists.
    await page.locator("#move-again").click();
    await says(page, "#wallet-note", /^Deposited 10\.00: entry 1\./);
    await says(page, "#balance", /^10\.00$/);
    await runOut(page);
    // The next person at this browser can begin nothing in the name of the user who was signed in.
    const signInAgain = page.getByRole("button", { name: "Sign in", exact: true }).first();
    await signInAgain.waitFor();
    await deposit(page, "5");
    await says(page, "#wallet-note", /^Sign in first\.$/);
    assert.doesNotMatch(await kept(page), /operation:/);
    await signInAgain.click();
    await page.getByRole("button", SIGNED_IN).waitFor();
    await says(page, "#balance", /^10\.00$/);
    await deposit(page, "5");
    await says(page, "#balance", /^15\.00$/);
  } finally {
    issuer.refreshes(true);
  }
  assert.equal(new Set(proxy.posts.map(({ key }) => key)).size, 2);
  await close(page);
});

test("a deposit that the bank refuses with 401 is sent again under its key with a fresh token, by itself", async () => {
  const page = await visit(proxy.url);
  await signIn(page, freshUser());
  proxy.posts.length = 0;
  proxy.answer(refusal, 1);
  await deposit(page, "3");
  await says(page, "#wallet-note", /^Deposited 3\.00: entry 1\. It had been done by an earlier try\.$/);
  assert.deepEqual([proxy.posts.length, new Set(proxy.posts.map(({ key }) => key)).size], [2, 1]);
  await close(page);
});

test("an operation waits for its own user, and is never sent as another's", async () => {
  const [ann, bob] = [freshUser(), freshUser()];
  const page = await visit(deployment.urls[0]);
  await signIn(page, ann);
  const waiting = { place: "wallet", user: ann, path: "/v1/deposit", body: '{"amount":"7"}', amount: "7", words: "deposit of 7", member: "entry", key: "k-7", begun: Date.now(), sent: 1, idle: 1, pause: null, waits: true };
  await page.evaluate((operation) => localStorage.setItem("operation:k-7", JSON.stringify(operation)), waiting);
  await page.context().clearCookies();
  await page.evaluate(() => sessionStorage.clear());
  await page.reload();
  await says(page, "#wallet-note", /The deposit of 7 waits/);
  await signIn(page, bob);
  await says(page, "#wallet-note", /^Each click has a key of its own/);
  assert.match(await kept(page), /k-7/);
  await page.context().clearCookies();
  await page.evaluate(() => sessionStorage.clear());
  await page.reload();
  await signIn(page, ann);
  await says(page, "#wallet-note", /^Deposited 7\.00: entry 1\.$/);
  await close(page);
});

test("who signs out is signed out here and at the issuer", async () => {
  const page = await visit(deployment.urls[0]);
  await signIn(page, freshUser());
  await page.getByRole("button", SIGNED_IN).click();
  await page.getByRole("button", { name: "Yes, sign me out" }).click();
  await page.waitForURL(`${deployment.urls[0]}/**`);
  await says(page, "#wallet-note", /^Sign in to see your wallet\.$/);
  assert.equal(await page.getByLabel("User").inputValue(), "");
  await page.reload();
  await says(page, "#wallet-note", /^Sign in to see your wallet\.$/);
  await page.getByRole("button", { name: "Sign in", exact: true }).first().click();
  await page.locator('input[name="login"]').waitFor();
  await close(page);
});

test("an answer to no sign-in of this tab signs nobody in", async () => {
  const page = await visit(`${deployment.urls[0]}/?code=stolen&state=another&iss=${encodeURIComponent(issuer.url)}`);
  await says(page, "#wallet-note", /^That was no answer to a sign-in of this tab\. Sign in again\. Sign in to see your wallet\.$/);
  assert.equal(new URL(page.url()).search, "");
  await close(page);
});

test("where headers name the user the page says in a line what that means", async () => {
  const open_house = await Deployment.build();
  try {
    const page = await open(browser, open_house.urls[0]);
    await says(page, "#who-note", /^Anybody here may open any wallet: the bank believes the name \(auth=header\)\.$/);
    await close(page);
    const [header, jwt] = await Promise.all([open_house.urls[0], deployment.urls[0]].map((url) => fetch(url)));
    // A browser caches a page together with its policy: when the policy changes, the ETag must.
    assert.notEqual(header.headers.get("etag"), jwt.headers.get("etag"));
    assert.equal(await header.text(), await jwt.text());
  } finally {
    await open_house.end();
  }
});

test("Authorize in the documentation signs in with the issuer, and requests are then somebody's", async () => {
  const page = await visit(`${deployment.urls[0]}/docs`);
  await page.getByRole("button", { name: "Authorize" }).first().click();
  const dialog = page.locator(".dialog-ux");
  await dialog.getByText("authorization_code").first().waitFor();
  const form = dialog.locator(".auth-container").filter({ hasText: "authorization_code" }).first();
  assert.equal(await form.locator("#client_id_authorization_code, input[data-name='clientId']").first().inputValue(), "page");
  assert.equal(await dialog.getByText(/implicit|client_credentials|refresh_token/i).count(), 0, "one way to sign in");
  const [popup] = await Promise.all([page.waitForEvent("popup"), form.locator("button.authorize").click()]);
  await popup.waitForURL(`${issuer.url}/**`);
  const asked = await page.evaluate(() => swaggerUIRedirectOauth2.state);
  assert.match(asked, /^[0-9a-f]{64}$/);
  const user = freshUser();
  await popup.locator('input[name="login"]').fill(user);
  await popup.locator('input[name="password"]').fill("any");
  await popup.locator('button[type="submit"]').click();
  await popup.getByRole("button", { name: "Continue" }).click();
  await form.getByText("Logout").waitFor();
  await form.locator("button.btn-done").click();
  const operation = page.locator("#operations-Wallets-wallet");
  await operation.locator(".opblock-summary-control").click();
  await operation.getByRole("button", { name: "Execute" }).click();
  await says(page, "#operations-Wallets-wallet .live-responses-table tbody .response-col_description", new RegExp(`"user": "${user}"`));
  await close(page);
});

test("the documentation takes no code that it has not asked for", async () => {
  const page = await visit(`${deployment.urls[0]}/docs`);
  const answers = await page.evaluate(async () => {
    const answer = (query) => new Promise((resolve) => {
      const hand = (what) => (said) => resolve(what ?? said.message);
      globalThis.swaggerUIRedirectOauth2 = { state: "asked", auth: { name: "issuer" }, callback: hand("taken"), errCb: hand() };
      globalThis.open(`/docs/oauth2-redirect.html?${query}`);
    });
    return [await answer("code=stolen&state=other"), await answer("code=stolen"), await answer("error=access_denied&state=asked"), await answer("code=mine&state=asked")];
  });
  const refused = "That was no answer to this sign-in. Authorize again.";
  assert.deepEqual(answers, [refused, refused, "The issuer says access_denied.", "taken"]);
  await close(page);
});

// Changes the issuer's answer to the page at this path.
const changed = (page, path, change) => page.route(`${issuer.url}${path}`, async (route) => {
  const answer = await route.fetch();
  await route.fulfill({ response: answer, json: change(await answer.json()) });
});

// An id token with other claims. The page does not check its signature, since it comes straight from the issuer.
const claiming = (token, claims) => token.split(".").map((part, index) => (index !== 1 ? part
  : Buffer.from(JSON.stringify({ ...JSON.parse(Buffer.from(part, "base64url")), ...claims })).toString("base64url"))).join(".");

test("a sign-out outlives a refresh under way", async () => {
  const page = await visit(deployment.urls[0]);
  await changed(page, "/.well-known/openid-configuration", ({ end_session_endpoint, ...rest }) => rest);
  await signIn(page, freshUser());
  let release;
  const held = new Promise((resolve) => { release = resolve; });
  await page.route(`${issuer.url}/token`, async (route) => { await held; await route.continue(); });
  await runOut(page);
  const [asked] = await Promise.all([page.waitForRequest(`${issuer.url}/token`), deposit(page, "1")]);
  await page.getByRole("button", SIGNED_IN).click();
  await says(page, "#wallet-note", /Sign in/);
  release();
  await (await asked.response()).finished();
  await page.waitForTimeout(300);
  assert.equal(await page.getByRole("button", SIGNED_IN).isVisible(), false);
  await close(page);
});

for (const [claims, words] of [[{ exp: 1 }, "has expired"], [{ sub: "somebody else" }, "is another user's"], [{ nonce: "another" }, "is another sign-in's"]]) {
  test(`a refreshed id token that ${words} ends the sign-in`, async () => {
    const page = await visit(deployment.urls[0]);
    await signIn(page, freshUser());
    await changed(page, "/token", (said) => ({ ...said, id_token: claiming(said.id_token, claims) }));
    await runOut(page);
    await deposit(page, "1");
    await says(page, "#wallet-note", new RegExp(`id token ${words}|Sign in first|waits`));
    await page.getByRole("button", { name: "Sign in", exact: true }).first().waitFor();
    assert.equal(await page.getByRole("button", SIGNED_IN).isVisible(), false);
    await close(page);
  });
}

test("an issuer that names itself in its answers is believed only where it does", async () => {
  const page = await visit(deployment.urls[0]);
  issuer.namesItself = false;
  await page.getByRole("button", { name: "Sign in", exact: true }).first().click();
  await page.locator('input[name="login"]').fill(freshUser());
  await page.locator('input[name="password"]').fill("any");
  await page.locator('button[type="submit"]').click();
  await page.getByRole("button", { name: "Continue" }).click();
  await says(page, "#wallet-note", /^Another issuer answered\. Sign in again\./);
  issuer.namesItself = true;
  await close(page);
});
