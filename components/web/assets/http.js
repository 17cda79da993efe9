// Requests to the bank: with a deadline, in the name of a user. Every failure says in words what to do next. All requests of the
// dashboard go through `ask`; only `identity` and `withToken` know how the bank learns who the user is.

import { byToken, end, renew, token } from "./session.js";

const DEADLINE_MS = 8000;

// What a reader can do about a problem, by its code. It follows the server's own `detail`.
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

  // Retrying changes nothing: a 4xx other than 408 and 429 (the contract, "How to retry") that does not ask for a sign-in.
  get isFinal() {
    return this.status >= 400 && this.status < 500 && this.status !== 408 && this.status !== 429 && !this.needsSignIn;
  }

  // The request had no valid token, so nothing was done. The same request may succeed with another token.
  get needsSignIn() {
    return byToken && this.status === 401;
  }

  // What happened and, if it is the bank's fault, the request id to report.
  get what() {
    return this.status === 500 && this.requestId ? `${this.message} Request id: ${this.requestId}.` : this.message;
  }

  get words() {
    if (this.needsSignIn) return `${this.what} Sign in to go on.`;
    return `${this.what} ${ADVICE[this.code] ?? (this.isFinal ? "Tell whoever runs this bank." : "It is tried again by itself.")}`;
  }
}

// The headers that name the user. A header can hold only printable ASCII.
function identity(user) {
  if (!user) return {};
  if (/[^ -~]/.test(user)) throw new Failure("invalid-identity", "A user name has only plain letters, digits and signs.", { status: 401 });
  return { "user-id": user };
}

// Sends a request. With `user`, even an empty one, it is sent in the name of a user. Returns `{ text, json, headers }` or throws a
// `Failure`; never waits past the deadline.
export function ask(path, options = {}) {
  return byToken && options.user !== undefined ? withToken(path, options) : once(path, options, identity(options.user));
}

// In the name of whoever is signed in, who must be the `user`. A refused token is renewed once.
async function withToken(path, options) {
  for (let isFirst = true; ; isFirst = false) {
    const access = await fromIssuer(token());
    if (!access) throw new Failure("sign-in", "Nobody is signed in.", { status: 401 });
    try {
      return await once(path, options, { authorization: `Bearer ${access}`, ...identity(options.user) });
    } catch (failure) {
      if (!failure.needsSignIn) throw failure;
      if (isFirst && await fromIssuer(renew(access))) continue;
      end(failure.message);
      throw failure;
    }
  }
}

// Waits for the issuer, and turns its failures into a `Failure`.
async function fromIssuer(answer) {
  try { return await answer; } catch (error) { throw new Failure("issuer", error.message, { outcome: "none" }); }
}

async function once(path, { method = "GET", headers = {}, body, signal }, identityHeaders) {
  const deadline = AbortSignal.timeout(DEADLINE_MS);
  const request = { method, body, headers: { ...identityHeaders, ...headers }, signal: signal ? AbortSignal.any([signal, deadline]) : deadline };
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

function problem({ status, headers }, body) {
  return new Failure(body.code ?? "unknown", body.detail ?? `Status ${status} came back, and no explanation.`, {
    status,
    outcome: body.outcome ?? null,
    retryAfter: seconds(headers.get("retry-after")),
    requestId: body.request_id ?? null,
  });
}

// `Retry-After` in seconds, from a number or a date; null if it is neither or lies in the past.
function seconds(after) {
  const wait = /^\d+$/.test(after ?? "") ? Number(after) : Math.ceil((Date.parse(after) - Date.now()) / 1000);
  return wait > 0 ? bounded(wait) : null;
}

// Limits a wait to between a second and an hour: browsers fire a timer of 25 days at once.
export function bounded(seconds) {
  return seconds > 1 ? Math.min(seconds, 3600) : 1;
}
