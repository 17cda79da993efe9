// How to retry, as docs/retry.md, /docs and the page of a 503 show it: `docs/retry`, in three languages. All three pages show the same
// lines, and the lines run: against a bank whose answers are lost, the money moves once.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { Deployment, ROOT } from "./deployment.js";
import { LOSSES, Proxy } from "./proxy.js";

const PROGRAMS = { "curl.sh": "bash", "javascript.mjs": process.execPath, "python.py": "python3" };
// Code before each example that records its waits instead of waiting.
const HURRIES = {
  "curl.sh": 'sleep() { echo "$1" >>waits; }\n',
  "javascript.mjs": 'import { appendFileSync } from "node:fs";\nconst setTimeout = (go, ms) => { appendFileSync("waits", `${ms / 1000}\\n`); go(); };\n',
  "python.py": 'import time\ntime.sleep = lambda seconds: print(seconds, file=open("waits", "a"))\n',
};
// Values of `Retry-After`, and the seconds that a client must wait for them.
const WAITS = [
  ["7", 7], ["0", 1], ["-5", 60], ["soon", 60], ["Fri, 31 Dec 9999 23:59:59 GMT", 60],
  ["999", 999], ["3600", 3600], ["3601", 3600], ["4294967", 3600], ["9".repeat(5000), 3600],
];
// A program that runs longer than this hangs.
const PATIENCE_MS = 120_000;

const source = (name) => readFileSync(join(ROOT, "docs/retry", name), "utf8");

let deployment;
let proxy;
let folder;

before(async () => {
  deployment = await Deployment.build();
  proxy = await Proxy.before(deployment.urls[0]);
  folder = mkdtempSync(join(tmpdir(), "money-bank-retry-"));
});

after(async () => {
  await proxy?.end();
  await deployment?.end();
  rmSync(folder, { recursive: true, force: true });
});

// Runs an example as it is shown. Only the bank's address, the user, and the folder of an earlier order's answer differ. Returns its exit
// code and its output.
function run(name, user, before = "") {
  const [where, who] = ["http://127.0.0.1:3000", "alice"];
  assert.ok(source(name).includes(where) && source(name).includes(who), `${name} asks somebody else`);
  writeFileSync(join(folder, "answer.json"), '{"user":"alice","entry":{"id":"order-16"}}');
  writeFileSync(join(folder, name), before + source(name).replace(where, proxy.url).replace(who, user));
  return new Promise((resolve) => {
    execFile(PROGRAMS[name], [name], { cwd: folder, timeout: PATIENCE_MS }, (error, out, complaints) => resolve({ code: error ? error.code : 0, out, complaints }));
  });
}

for (const name of Object.keys(PROGRAMS)) {
  test(`${name} sends a deposit again after every answer that is lost, under one key, and the money moves once`, async () => {
    for (const [index, loss] of Object.keys(LOSSES).entries()) {
      const user = `retry-${index}-${name}`;
      proxy.posts = [];
      proxy.lose(loss, 1);
      const { code, out, complaints } = await run(name, user);
      assert.equal(code, 0, `${loss}: ${complaints}`);
      assert.match(out, /order-17/, loss);
      assert.doesNotMatch(out, /order-16/, loss);
      assert.deepEqual(proxy.posts.map(({ key }) => key), ["order-17", "order-17"], loss);
      const { balance, seq } = await deployment.ask("/v1/wallet", { user });
      assert.deepEqual([balance, seq], ["10.50", 1], loss);
    }
  });

  test(`${name} waits as long as the bank asks, through any number of losses`, async () => {
    const user = `often-${name}`;
    proxy.posts = [];
    proxy.lose("a 504 with a page", 4);
    assert.equal((await run(name, user)).code, 0);
    assert.equal(proxy.posts.length, 5);
    assert.ok(proxy.posts.every(({ at }, index) => index === 0 || at - proxy.posts[index - 1].at >= 1000), "sooner than Retry-After said");
    assert.equal((await deployment.ask("/v1/wallet", { user })).seq, 1);
  });

  test(`${name} waits for a second at least and an hour at most, whatever it is told`, async () => {
    for (const [told, waited] of WAITS) {
      proxy.answer((out) => out.writeHead(503, { "retry-after": told }).end(), 1);
      const { code, complaints } = await run(name, `waits-${name}`, HURRIES[name]);
      assert.equal(code, 0, `${told}: ${complaints}`);
      const waits = readFileSync(join(folder, "waits"), "utf8").trim().split("\n").map(Number);
      rmSync(join(folder, "waits"));
      assert.deepEqual(waits, [waited], told);
    }
  });

  test(`${name} says what a refusal without a body says, and nothing of an earlier order`, async () => {
    proxy.posts = [];
    proxy.lose("a head without a body", 1);
    const { code, out, complaints } = await run(name, "no body");
    assert.equal(code, 1);
    assert.equal(proxy.posts.length, 1);
    assert.match(out + complaints, /401/);
    assert.doesNotMatch(out + complaints, /order-16/);
  });

  test(`${name} takes a refusal for an answer`, async () => {
    proxy.posts = [];
    proxy.pass();
    const { code, out, complaints } = await run(name, "no body");
    assert.equal(code, 1);
    assert.equal(proxy.posts.length, 1);
    assert.match(out + complaints, /user/i);
  });

  test(`docs/retry.md, /docs and the page of a 503 show ${name}`, async () => {
    const page = await (await fetch(`${deployment.urls[0]}/problems/storage-unavailable`)).text();
    const { info } = await deployment.ask("/openapi.json");
    const places = { "docs/retry.md": readFileSync(join(ROOT, "docs/retry.md"), "utf8"), "/docs": info.description, page: page.replaceAll("&lt;", "<").replaceAll("&amp;", "&") };
    for (const [place, text] of Object.entries(places)) assert.ok(text.includes(source(name)), `${place} does not show docs/retry/${name}`);
  });
}
