// Asking the bank: with a deadline, as somebody, and every failure in words with what to do next. Every request of
// the dashboard leaves from `ask`, and only `identity` and `withToken` know how the bank is told who asks.

import { byToken, end, renew, token } from "./session.js";

const DEADLINE_MS = 8000;

// What a reader can do about a problem, by its code. The server's own `detail` comes before it.
const ADVICE = {
  "network": "Check the connection; it is tried again by itself.",
  "timeout": "The bank is slow or away; it is tried again by itself.",
  "invalid-amount": "Write a plain number above zero such as 10.50, with at most 8 places.",
  "issuer": "It is tried again by itself.",
  "insufficient-scope": "Sign in as somebody who may do that.",
  "missing-identity": "Write a user name and open the wallet first.",
  "invalid-identity": "Correct the user name.",
  "insufficient-funds": "Withdraw less, or deposit first.",
  "limit-exceeded": "Use a smaller amount.",
  "malformed-request": "Correct it and try again.",
  "idempotency-key-reuse": "Click once more: every click has a key of its own.",
  "unknown-currency": "Choose another currency.",
  "rates-unavailable": "They come back by themselves as soon as CoinGecko answers.",
};

export class Failure extends Error {
  constructor(code, detail, more = {}) {
    super(detail);
    Object.assign(this, { code, status: 0, outcome: null, retryAfter: null, requestId: null }, more);
  }

  // Asking again changes nothing: a 4xx other than 408 and 429 (the contract, "How to retry"), and no question of who asks.
  get isFinal() {
    return this.status >= 400 && this.status < 500 && this.status !== 408 && this.status !== 429 && !this.asksForSignIn;
  }

  // No good token came with it, so nothing was done; with another one the very same request may do it.
  get asksForSignIn() {
    return byToken && this.status === 401;
  }

  // What happened, with the id to ask for help with where it is the bank's fault.
  get what() {
    return this.status === 500 && this.requestId ? `${this.message} Request id: ${this.requestId}.` : this.message;
  }

  get words() {
    if (this.asksForSignIn) return `${this.what} Sign in to go on.`;
    return `${this.what} ${ADVICE[this.code] ?? (this.isFinal ? "Tell whoever runs this bank." : "It is tried again by itself.")}`;
  }
}

// The headers that say who asks. No name with other letters can be sent in one.
function identity(user) {
  if (!user) return {};
  if (/[^ -~]/.test(user)) throw new Failure("invalid-identity", "A user name has only plain letters, digits and signs.", { status: 401 });
  return { "user-id": user };
}

// Asks the bank. Whoever gives a `user`, be it an empty one, asks as somebody. Answers `{ text, json, headers }` or throws a
// `Failure`; never waits past the deadline.
export function ask(path, options = {}) {
  return byToken && options.user !== undefined ? withToken(path, options) : once(path, options, identity(options.user));
}

// As whoever is signed in, who must be the `user`. A token that is refused is renewed once.
async function withToken(path, options) {
  for (let isFirst = true; ; isFirst = false) {
    const access = await known(token());
    if (!access) throw new Failure("sign-in", "Nobody is signed in.", { status: 401 });
    try {
      return await once(path, options, { authorization: `Bearer ${access}`, ...identity(options.user) });
    } catch (failure) {
      if (!failure.asksForSignIn) throw failure;
      if (isFirst && await known(renew(access))) continue;
      end(failure.message);
      throw failure;
    }
  }
}

// What the issuer says; that it does not answer is a failure like any other.
async function known(asked) {
  try { return await asked; } catch (error) { throw new Failure("issuer", error.message, { outcome: "none" }); }
}

async function once(path, { method = "GET", headers = {}, body, signal }, who) {
  const deadline = AbortSignal.timeout(DEADLINE_MS);
  const request = { method, body, headers: { ...who, ...headers }, signal: signal ? AbortSignal.any([signal, deadline]) : deadline };
  let response;
  try {
    response = await fetch(path, request);
    return read(response, await response.text());
  } catch (error) {
    if (error instanceof Failure) throw error;
    if (signal?.aborted) throw new Failure("aborted", "Stopped.");
    if (deadline.aborted) throw new Failure("timeout", "No whole answer came within 8 seconds.");
    if (response) throw new Failure("cut", "The answer broke off.");
    throw new Failure("network", "No answer came.");
  }
}

function read(response, text) {
  let json = null;
  try { json = JSON.parse(text); } catch { /* a gateway's page, or half an answer */ }
  if (!response.ok) throw problem(response, json ?? {});
  if (json === null || typeof json !== "object") throw new Failure("nonsense", "The answer cannot be read.");
  return { text, json, headers: response.headers };
}

function problem({ status, headers }, said) {
  return new Failure(said.code ?? "unknown", said.detail ?? `Status ${status} came back, and no explanation.`, {
    status,
    outcome: said.outcome ?? null,
    retryAfter: seconds(headers.get("retry-after")),
    requestId: said.request_id ?? null,
  });
}

// `Retry-After` is a number of seconds or a date; nothing where it is neither or is over.
function seconds(after) {
  const wait = /^\d+$/.test(after ?? "") ? Number(after) : Math.ceil((Date.parse(after) - Date.now()) / 1000);
  return wait > 0 ? bounded(wait) : null;
}

// A wait, from a second to an hour: a timer of 25 days fires at once.
export function bounded(seconds) {
  return seconds > 1 ? Math.min(seconds, 3600) : 1;
}
