// What the pages show is what the bank does. Every command of a `console` block runs, in the order of its page, and prints the lines below
// it; `…` on a page stands for any text. `sh` blocks that a comment on the page assigns to this file run as they are, except for
// addresses, folders and file names.
// Needs: make, curl, redis-cli, git.

import assert from "node:assert/strict";
import { execFile, execFileSync, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { Deployment, ROOT, freePort } from "./deployment.js";

// Pages that are read one after another, on one bank.
const READ_TOGETHER = [["README.md", "docs/start.md"], ["NOTES.md"]];
const PATIENCE_MS = 60_000;

const folder = mkdtempSync(join(tmpdir(), "money-bank-pages-"));
after(() => rmSync(folder, { recursive: true, force: true }));

const CLEAN = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(SPIN_|BANK_|RUNTIME_CONFIG_FILE|MAKE|MFLAGS)/.test(name)));

const read = (page) => readFileSync(join(ROOT, page), "utf8");

// The commands of a page, each with its output.
function commands(page) {
  const blocks = [...read(page).matchAll(/^```console\n(.*?)^```$/gms)].map(([, block]) => block);
  return blocks.flatMap((block) => block.split(/^\$ /m).slice(1)).map((shown) => {
    const [, command, printed] = /^((?:.*\\\n)*.*\n)([^]*)$/.exec(shown);
    return { command: command.trim(), printed: printed.trimEnd() };
  });
}

// Replaces a page's address and Redis port by those of the test.
function run(command, deployment) {
  const here = command.replaceAll("http://127.0.0.1:3000", deployment.urls[0]).replaceAll("redis-cli -p 6379", `redis-cli -p ${deployment.redisPort}`);
  return new Promise((resolve) => {
    execFile("bash", ["-uo", "pipefail", "-c", here], { cwd: folder, timeout: PATIENCE_MS }, (error, out, complaints) => resolve(error ? `${error}\n${complaints}` : out.trimEnd()));
  });
}

const pattern = (printed) => new RegExp(`^${printed.split("…").map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")).join(".*")}$`);

for (const pages of READ_TOGETHER) {
  test(`${pages.join(" and ")} show what the bank answers`, async () => {
    const deployment = await Deployment.build();
    try {
      for (const page of pages) {
        assert.ok(commands(page).length > 0, `${page} has no commands`);
        for (const { command, printed } of commands(page)) assert.match(await run(command, deployment), pattern(printed), `${page}: ${command}`);
      }
    } finally {
      await deployment.end();
    }
  });
}

// The lines of a `sh` block that its page assigns to this file by name.
function block(page, name) {
  const found = [...read(page).matchAll(/^<!-- run by tests\/browser\/pages\.test\.js: ([^\n]*) -->\n```sh\n(.*?)^```$/gms)].filter(([, given]) => given === name);
  assert.equal(found.length, 1, `${page} has ${found.length} blocks for ${name}`);
  return found[0][2];
}

// Each `from` must occur: otherwise the lines would no longer be those of the page.
function change(lines, changes) {
  for (const [from, to] of Object.entries(changes)) {
    assert.ok(lines.includes(from), `there is no ${from} in ${lines}`);
    lines = lines.replaceAll(from, to);
  }
  return lines;
}

// Starts lines that serve; returns the address, and a function that ends everything they started.
function serve(command, { cwd, env }) {
  const child = spawn("bash", ["-euc", command], { cwd, env: { ...CLEAN, ...env }, stdio: ["ignore", "pipe", "inherit"], detached: true });
  const ended = new Promise((resolve) => child.once("exit", resolve));
  const end = async () => { if (child.exitCode === null) process.kill(-child.pid, "SIGTERM"); await ended; };
  return new Promise((resolve, reject) => {
    let said = "";
    child.once("exit", (code) => reject(new Error(`${command} ended with ${code}: ${said}`)));
    child.stdout.on("data", (data) => {
      said += data;
      const serving = /^Serving (\S+)/m.exec(said);
      if (serving) resolve({ url: serving[1], end });
    });
  });
}

test("make up serves what is in a Redis of one's own", async () => {
  const deployment = await Deployment.build();
  let up;
  try {
    await deployment.deposit("alice", "10.50");
    const lines = change(block("docs/start.md", "a Redis of yours"), { "redis://127.0.0.1:6379": `redis://127.0.0.1:${deployment.redisPort}` });
    up = await serve(lines, { cwd: ROOT, env: { LISTEN: `127.0.0.1:${await freePort()}` } });
    const wallet = await (await fetch(`${up.url}/v1/wallet`, { headers: { user_id: "alice" } })).json();
    assert.equal(wallet.balance, "10.50");
  } finally {
    await up?.end();
    await deployment.end();
  }
});

test("the lines about backups export, check, restore and drill", async () => {
  const here = join(folder, "backup");
  mkdirSync(here);
  for (const name of ["spin.toml", "target"]) symlinkSync(join(ROOT, name), join(here, name));
  const env = { PATH: `${join(ROOT, "target/native")}:${process.env.PATH}` };
  const sh = (lines) => execFileSync("bash", ["-euc", lines], { cwd: here, env: { ...CLEAN, ...env }, encoding: "utf8", timeout: PATIENCE_MS });
  const deployment = await Deployment.build();
  const bank = await serve("exec bank up --listen 127.0.0.1:0", { cwd: here, env });
  try {
    const headers = { user_id: "alice", "content-type": "application/json" };
    await fetch(`${bank.url}/v1/deposit`, { method: "POST", headers, body: '{"amount":"10.50"}' });
    sh(change(block("docs/backup.md", "by hand"), {
      "backups/bank-20261128T031500.123Z.jsonl": "backups/*.jsonl",
      "redis://:PASSWORD@host:6379": `redis://127.0.0.1:${deployment.redisPort}`,
    }));
    assert.equal((await deployment.ask("/v1/wallet", { user: "alice" })).balance, "10.50");
    sh(block("docs/backup.md", "fewer is right"));
    assert.match(sh(change(block("docs/backup.md", "a drill"), { "/tmp/drill": join(here, "drill") })), /10\.50/);
  } finally {
    await bank.end();
    await deployment.end();
  }
});

test("every page with a console is read", () => {
  const found = execFileSync("git", ["grep", "--untracked", "-l", "^```console", "--", "*.md"], { cwd: ROOT, encoding: "utf8" });
  assert.deepEqual(found.trim().split("\n").sort(), READ_TOGETHER.flat().sort());
});
