// Tokens of a real issuer, before two banks on one Redis: every algorithm, what is refused, and an issuer that is down, slow or lies.
// The rules, and known attacks, are tested in `crates/token`.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Deployment } from "../browser/deployment.js";
import { Issuer, WAYS_TO_LIE } from "./issuer.js";

let issuer;
let deployment;

before(async () => {
  issuer = await Issuer.start();
  deployment = await Deployment.build({ settings: issuer.settings });
});

after(async () => {
  await deployment?.end();
  await issuer?.end();
});

async function ask(bank, path, { token, amount, key, user } = {}) {
  const headers = {
    ...(token && { authorization: `Bearer ${token}` }), ...(user && { "user-id": user }), ...(key && { "idempotency-key": key }),
    ...(amount && { "content-type": "application/json" }),
  };
  const answer = await fetch(`${bank}${path}`, { method: amount || path.includes("?") ? "POST" : "GET", headers, body: amount && JSON.stringify({ amount }) });
  return { ...(await answer.json()), status: answer.status, challenge: answer.headers.get("www-authenticate") };
}

for (const algorithm of ["RS256", "PS256", "ES256", "EdDSA"]) {
  test(`a token by ${algorithm} moves the money of whom it names`, async () => {
    const user = `by-${algorithm}`;
    const token = await issuer.token(user, { algorithm });
    const { alg } = JSON.parse(Buffer.from(token.split(".")[0], "base64url"));
    assert.equal(alg, algorithm);
    for (const bank of deployment.urls) {
      const { status, user: whose, balance } = await ask(bank, "/v1/deposit", { token, amount: "10.50", key: "one" });
      assert.deepEqual([status, whose, balance], [200, user, "10.50"]);
    }
  });
}

test("without a token nobody moves money, sees a wallet or counts", async () => {
  for (const [path, more] of [["/v1/deposit", { amount: "1" }], ["/v1/withdraw", { amount: "1" }], ["/v1/wallet", {}], ["/v1/wallet/entries", {}], ["/v1/bitcoins?bitcoins=1", {}], ["/v1/counters/a?by=1", {}]]) {
    for (const user of [undefined, "alice"]) {
      const { status, code, challenge } = await ask(deployment.urls[0], path, { ...more, user });
      assert.deepEqual([status, code, challenge], [401, "missing-identity", "Bearer"], path);
    }
  }
  for (const path of ["/v1/bitcoins", "/v1/counters/a", "/v1/rates", "/healthz", "/readyz"]) {
    assert.equal((await ask(deployment.urls[0], path)).status, 200, path);
  }
});

test("a token that was changed, is somebody else's or lacks a scope opens nothing", async () => {
  const token = await issuer.token("carol");
  const [head, claims, signature] = token.split(".");
  const others = Buffer.from(JSON.stringify({ ...JSON.parse(Buffer.from(claims, "base64url")), sub: "alice" })).toString("base64url");
  for (const forged of [`${head}.${others}.${signature}`, `${head}.${claims}.`, token.slice(0, -8), `${Buffer.from('{"alg":"none"}').toString("base64url")}.${claims}.`]) {
    const { status, code, challenge } = await ask(deployment.urls[0], "/v1/wallet", { token: forged });
    assert.deepEqual([status, code], [401, "invalid-identity"]);
    assert.match(challenge, /^Bearer error="invalid_token"/);
  }
  assert.equal((await ask(deployment.urls[0], "/v1/wallet", { token, user: "alice" })).status, 401);
  assert.equal((await ask(deployment.urls[0], "/v1/wallet", { token, user: "carol" })).status, 200);
  const reader = await issuer.token("reader", { scope: "wallet:read" });
  assert.equal((await ask(deployment.urls[0], "/v1/wallet", { token: reader })).status, 200);
  const { status, code, challenge } = await ask(deployment.urls[0], "/v1/deposit", { token: reader, amount: "1" });
  assert.deepEqual([status, code], [403, "insufficient-scope"]);
  assert.match(challenge, /^Bearer error="insufficient_scope".*scope="wallet:write"/);
});

test("the keys are fetched once for both banks, and good while the issuer is dead", async () => {
  const before = issuer.fetched;
  const tokens = await Promise.all(["dora", "emil", "fritz"].map((user) => issuer.token(user)));
  assert.equal(issuer.fetched, before);
  assert.equal(before, 1);
  await issuer.die();
  try {
    for (const [index, token] of tokens.entries()) {
      assert.equal((await ask(deployment.urls[index % 2], "/v1/deposit", { token, amount: "1" })).status, 200);
    }
  } finally {
    await issuer.revive();
  }
});

for (const lie of WAYS_TO_LIE) {
  test(`an issuer that answers ${lie} lets nobody in, and nothing happens`, async () => {
    const liar = await Issuer.start();
    const victim = await Deployment.build({ settings: liar.settings });
    try {
      const token = await liar.token("alice");
      liar.lie = lie;
      const begun = Date.now();
      const { status, code, outcome } = await ask(victim.urls[0], "/v1/deposit", { token, amount: "1", key: "one" });
      // An issuer that answers with no keys has answered: the token is refused. Any other failure may pass.
      const refusal = lie === "with no keys" ? [401, "invalid-identity", undefined] : [503, "storage-unavailable", "none"];
      assert.deepEqual([status, code, outcome], refusal);
      // The contract's own limit, and time for a busy machine.
      assert.ok(Date.now() - begun < 8000, `${Date.now() - begun} ms`);
    } finally {
      await victim.end();
      await liar.end();
    }
  });
}
