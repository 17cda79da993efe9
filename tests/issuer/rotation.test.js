// The issuer's keys change under load: clients with tokens of the old keys and of the new ones are let in.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Deployment } from "../browser/deployment.js";
import { Issuer } from "./issuer.js";

// An unknown key is looked up at most this often.
const PAUSE_MS = 30_000;
const CLIENTS = 8;

test("keys are rotated under load, and nobody is refused for good", async () => {
  const issuer = await Issuer.start();
  const deployment = await Deployment.build({ settings: issuer.settings });
  try {
    const users = Array.from({ length: CLIENTS }, (_, index) => `client-${index}`);
    const tokens = new Map();
    for (const user of users) tokens.set(user, [await issuer.token(user)]);
    const statuses = new Map();
    let isOver = false;
    const client = async (user, index) => {
      for (let round = 0; !isOver; round++) {
        const mine = tokens.get(user);
        const headers = { authorization: `Bearer ${mine[round % mine.length]}`, "content-type": "application/json" };
        const answer = await fetch(`${deployment.urls[(index + round) % 2]}/v1/deposit`, { method: "POST", headers, body: '{"amount":"1"}' });
        // While one request of an instance fetches the new keys, others with such tokens get a 503 and retry.
        const isToComeBack = answer.status === 503 && (await answer.json()).outcome === "none";
        const said = isToComeBack ? "come back" : answer.status;
        statuses.set(said, (statuses.get(said) ?? 0) + 1);
      }
    };
    const load = Promise.all(users.map(client));
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS + 1000));
    issuer.rotate();
    for (const user of users) tokens.get(user).push(await issuer.token(user));
    await new Promise((resolve) => setTimeout(resolve, 3000));
    isOver = true;
    await load;
    assert.deepEqual([...statuses.keys()].filter((said) => said !== "come back"), [200], JSON.stringify([...statuses]));
    assert.equal(issuer.fetched, 2);
    const kids = new Set(users.flatMap((user) => tokens.get(user).map((token) => JSON.parse(Buffer.from(token.split(".")[0], "base64url")).kid)));
    assert.equal(kids.size, 2);
  } finally {
    await deployment.end();
    await issuer.end();
  }
});
