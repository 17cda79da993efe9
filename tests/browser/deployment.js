// A bank as operators run it: a Redis of its own, the stand-in for CoinGecko, two `bank` processes. They start on free ports and end
// by their own process ids.

import { spawn } from "node:child_process";
import { createWriteStream, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

export const ROOT = new URL("../..", import.meta.url).pathname;
const PATIENCE_MS = 60_000;

export class Deployment {
  #processes = new Map();
  #folder = mkdtempSync(join(tmpdir(), "money-bank-browser-"));

  // Starts everything. Rates live for `ttl` seconds. The storage deadline is long: the store works, but the machine may be busy. `settings`
  // are additional ones.
  static async build({ ttl = 2, storageDeadline = 3000, settings: more = {} } = {}) {
    const deployment = new Deployment();
    try {
      deployment.redisPort = await freePort();
      await deployment.startRedis();
      deployment.coingecko = await deployment.#start("coingecko", "target/native/coingecko", [], /^Serving (\S+)/);
      const config = join(deployment.#folder, "redis.toml");
      writeFileSync(config, `[key_value_store.default]\ntype = "redis"\nurl = "redis://127.0.0.1:${deployment.redisPort}"\n`);
      const settings = { coingecko_origin: deployment.coingecko, rates_ttl_seconds: ttl, storage_deadline_ms: storageDeadline, ...more };
      const variables = Object.entries(settings).flatMap(([name, value]) => ["--variable", `${name}=${value}`]);
      const up = ["up", "--listen", "127.0.0.1:0", "--state-dir", deployment.#folder, "--runtime-config-file", config, ...variables];
      const starts = [0, 1].map((index) => deployment.#start(`bank-${index}`, "target/native/bank", up, /^Serving (\S+)/));
      deployment.urls = await Promise.all(starts);
      return deployment;
    } catch (problem) {
      await deployment.end();
      throw problem;
    }
  }

  // Keeps its data, if it ran before.
  async startRedis() {
    const data = ["--appendonly", "yes", "--save", "", "--dir", this.#folder];
    await this.#start("redis", "redis-server", ["--bind", "127.0.0.1", "--port", `${this.redisPort}`, ...data], /(Ready to accept)/);
  }

  async killRedis() {
    await this.#stop("redis", "SIGKILL");
  }

  // Sets what the stand-in answers from now on: `ok`, `500`, `hang`, … and other rates.
  async upstream(mode, rates = {}) {
    const answer = await fetch(`${this.coingecko}/control`, { method: "PUT", body: JSON.stringify({ mode, rates }) });
    if (!answer.ok) throw new Error(await answer.text());
  }

  // Writes a document without the bank.
  async put(key, value) {
    const words = ["SET", key, value];
    const command = words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`).join("");
    const said = await new Promise((resolve, reject) => {
      const socket = connect(this.redisPort, "127.0.0.1", () => socket.write(`*${words.length}\r\n${command}`));
      socket.once("error", reject);
      socket.once("data", (data) => { socket.end(); resolve(data.toString()); });
    });
    if (said !== "+OK\r\n") throw new Error(`Redis: ${said}`);
  }

  // Sends a request without the page; `user` moves money.
  async ask(path, { method = "GET", user, body, bank = 0 } = {}) {
    const headers = { ...(user && { user_id: user }), ...(body && { "content-type": "application/json" }) };
    const answer = await fetch(`${this.urls[bank]}${path}`, { method, headers, body: body && JSON.stringify(body) });
    const said = await answer.json();
    if (!answer.ok) throw new Error(`${method} ${path}: ${said.detail}`);
    return said;
  }

  deposit(user, amount) {
    return this.ask("/v1/deposit", { method: "POST", user, body: { amount } });
  }

  async end() {
    await Promise.all([...this.#processes.keys()].map((name) => this.#stop(name, "SIGTERM")));
    rmSync(this.#folder, { recursive: true, force: true });
  }

  // Starts a process and waits for a line of its output; returns what the line matched.
  #start(name, program, options, ready) {
    mkdirSync(join(ROOT, "build/logs"), { recursive: true });
    const log = createWriteStream(join(ROOT, `build/logs/browser-${name}.log`), { flags: "a" });
    const child = spawn(program, options, { cwd: ROOT, stdio: ["ignore", "pipe", "pipe"], env: environment() });
    this.#processes.set(name, child);
    child.stderr.pipe(log, { end: false });
    const lines = createInterface({ input: child.stdout });
    return new Promise((resolve, reject) => {
      const give = (problem) => reject(new Error(`${program}: ${problem}; see build/logs`));
      const timer = setTimeout(give, PATIENCE_MS, "not ready in a minute");
      child.once("error", give);
      child.once("exit", (code) => give(`ended with ${code}`));
      lines.on("line", (line) => {
        log.write(`${line}\n`);
        const said = ready.exec(line);
        if (said) { clearTimeout(timer); resolve(said[1]); }
      });
    });
  }

  async #stop(name, signal) {
    const child = this.#processes.get(name);
    this.#processes.delete(name);
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise((resolve) => child.once("exit", resolve));
    child.kill(signal);
    await gone;
  }
}

// The environment without the variables that configure a bank.
function environment() {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(SPIN_|BANK_|RUNTIME_CONFIG_FILE)/.test(name)));
}

export function freePort() {
  return new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}
