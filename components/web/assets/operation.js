// An operation: a POST under an idempotency key, from the click to the answer that ends it. Only two kinds of answer end it: a 2xx
// that can be read, and a 4xx other than 408 and 429 (the contract, "How to retry"). With `auth=jwt` a 401 does not end it: it asks
// for a token. Until then this browser keeps a record for each operation. So a reload, or a sign-in at the issuer, loses none, and
// two tabs or two users do not overwrite each other's.

import { ask, Failure } from "./http.js";

const PREFIX = "operation:";
const TRIES = 6;
const LONGEST_PAUSE_SECONDS = 8;

// Operations that have not ended and that the browser could not keep, by key. They live as long as this page.
const unkept = new Map();

// Begins an operation under a new key. `what` holds `place` and `user` (each pair has one at a time), `path`, `body`, `words` (such as
// "deposit of 10"), and `member`, which its answer must have.
export function begin(what) {
  const operation = { ...what, key: freshKey(), begun: Date.now(), sent: 0, idle: 0, pause: null };
  keep(operation);
  return operation;
}

// The oldest operation of this place and user that has not ended, whichever tab began it.
export function unsettled(place, user) {
  const theirs = all().filter((operation) => operation.place === place && operation.user === user);
  return theirs.sort((one, other) => one.begun - other.begun)[0] ?? null;
}

// Sends it until it ends, at most TRIES times. Returns what `ask` returns, or throws the last `Failure`.
export async function send(operation, onWait) {
  for (let tried = 1; ; tried++) {
    await wait(operation.pause, onWait);
    try {
      const answer = await attempt(operation);
      forget(operation);
      return answer;
    } catch (failure) {
      if (failure.isFinal) forget(operation);
      if (failure.isFinal || failure.needsSignIn || tried === TRIES) throw failure;
      const seconds = Math.min(2 ** (tried - 1), LONGEST_PAUSE_SECONDS);
      if (!operation.pause) await wait({ from: Date.now(), seconds, why: failure.what }, onWait);
    }
  }
}

// Whether one of its tries may have been carried out: every try counts whose answer did not say that it did nothing.
export const mayHaveHappened = ({ sent, idle }) => sent > idle;

// Whether the record outlives this page.
export const isKept = ({ key }) => !unkept.has(key);

// Calls back when another tab begins or ends an operation.
export function watch(follower) {
  addEventListener("storage", ({ key }) => { if (key === null || key.startsWith(PREFIX)) follower(); });
}

async function attempt(operation) {
  const { path, user, body, key, member } = operation;
  change(operation, { sent: operation.sent + 1, pause: null, waits: false });
  try {
    const headers = { "idempotency-key": key, ...(body && { "content-type": "application/json" }) };
    const answer = await ask(path, { method: "POST", user, headers, body });
    if (!(member in answer.json)) throw new Failure("nonsense", "The answer cannot be read.");
    return answer;
  } catch (failure) {
    const { retryAfter: seconds, outcome, what } = failure;
    if (outcome === "none" || failure.needsSignIn) change(operation, { idle: operation.idle + 1 });
    // The sign-in leaves this page and returns; then the operation is sent again.
    if (failure.needsSignIn) change(operation, { waits: true });
    // The bank asked for this pause, so it applies after a reload too.
    if (seconds) change(operation, { pause: { from: Date.now(), seconds, why: what } });
    throw failure;
  }
}

// Waits for the rest of a pause. A clock that was set back does not lengthen it.
async function wait(pause, onWait) {
  if (!pause) return;
  const left = Math.min(pause.seconds - Math.floor((Date.now() - pause.from) / 1000), pause.seconds);
  if (left <= 0) return;
  onWait(pause.why, left);
  await new Promise((resolve) => setTimeout(resolve, left * 1000));
}

function change(operation, news) {
  Object.assign(operation, news);
  if (unkept.has(operation.key) || localStorage.getItem(PREFIX + operation.key)) keep(operation);
}

function keep(operation) {
  try {
    localStorage.setItem(PREFIX + operation.key, JSON.stringify(operation));
    unkept.delete(operation.key);
  } catch {
    unkept.set(operation.key, operation);
  }
}

function forget({ key }) {
  unkept.delete(key);
  try { localStorage.removeItem(PREFIX + key); } catch { /* it was not there */ }
}

function all() {
  const operations = [...unkept.values()];
  try {
    for (const name of Object.keys(localStorage)) {
      if (name.startsWith(PREFIX)) operations.push(JSON.parse(localStorage.getItem(name)));
    }
  } catch { /* then there are those of this page */ }
  return operations;
}

// A unique key. `crypto.randomUUID` would need HTTPS.
function freshKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
