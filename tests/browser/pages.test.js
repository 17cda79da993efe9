// What the pages show is what the bank does: every command of a block of `console` runs, in the order of its page, and
// prints what stands below it. `…` on a page stands for whatever was left out there.
// Needs: `make up` (Redis), curl, redis-cli, git.

import assert from "node:assert/strict";
import { execFile, execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { House, ROOT } from "./house.js";

// Pages that are read one after another, on one bank.
const READ_TOGETHER = [["README.md", "docs/start.md"], ["NOTES.md"]];
const PATIENCE_MS = 60_000;

const folder = mkdtempSync(join(tmpdir(), "money-bank-pages-"));
after(() => rmSync(folder, { recursive: true, force: true }));

const read = (page) => readFileSync(join(ROOT, page), "utf8");

// The commands of a page, each with what it prints.
function commands(page) {
  const blocks = [...read(page).matchAll(/^```console\n(.*?)^```$/gms)].map(([, block]) => block);
  return blocks.flatMap((block) => block.split(/^\$ /m).slice(1)).map((shown) => {
    const [, command, printed] = /^((?:.*\\\n)*.*\n)([^]*)$/.exec(shown);
    return { command: command.trim(), printed: printed.trimEnd() };
  });
}

// A page's address and port of Redis are the tests' own.
function run(command, house) {
  const here = command.replaceAll("http://127.0.0.1:3000", house.urls[0]).replaceAll("redis-cli -p 6379", `redis-cli -p ${house.redisPort}`);
  return new Promise((resolve) => {
    execFile("bash", ["-uo", "pipefail", "-c", here], { cwd: folder, timeout: PATIENCE_MS }, (error, out, complaints) => resolve(error ? `${error}\n${complaints}` : out.trimEnd()));
  });
}

const pattern = (printed) => new RegExp(`^${printed.split("…").map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")).join(".*")}$`);

for (const pages of READ_TOGETHER) {
  test(`${pages.join(" and ")} show what the bank answers`, async () => {
    const house = await House.build();
    try {
      for (const page of pages) {
        assert.ok(commands(page).length > 0, `${page} has no commands`);
        for (const { command, printed } of commands(page)) assert.match(await run(command, house), pattern(printed), `${page}: ${command}`);
      }
    } finally {
      await house.end();
    }
  });
}

test("every page with a console is read", () => {
  const found = execFileSync("git", ["grep", "--untracked", "-l", "^```console", "--", "*.md"], { cwd: ROOT, encoding: "utf8" });
  assert.deepEqual(found.trim().split("\n").sort(), READ_TOGETHER.flat().sort());
});
