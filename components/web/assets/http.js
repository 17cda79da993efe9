// Asking the bank: with a deadline, and every failure in words with what to do next.

const DEADLINE_MS = 8000;

// What a reader can do about a problem, by its code. The server's own `detail` comes before it.
const ADVICE = {
  "network": "Check the connection; it is tried again by itself.",
  "timeout": "The bank is slow or away; it is tried again by itself.",
  "invalid-amount": "Write a plain number above zero such as 10.50, with at most 8 places.",
  "missing-identity": "Write a user name and open the wallet first.",
  "invalid-identity": "Correct the user name.",
  "insufficient-funds": "Withdraw less, or deposit first.",
  "limit-exceeded": "Use a smaller amount.",
  "idempotency-key-reuse": "Click once more: every click has a key of its own.",
  "unknown-currency": "Choose another currency.",
  "storage-unavailable": "It is tried again by itself.",
  "rates-unavailable": "They come back by themselves as soon as CoinGecko answers.",
  "internal-error": "Try again, and tell us the request id if it stays.",
};

export class Failure extends Error {
  constructor(code, detail, more = {}) {
    super(detail);
    Object.assign(this, { code, status: 0, outcome: null, retryAfter: null, requestId: null }, more);
  }

  // No answer, or one that says to come back: sent again under the same key it is safe.
  get passes() {
    return this.status === 503 || this.status === 0;
  }

  get words() {
    const id = this.code === "internal-error" && this.requestId ? ` Request id: ${this.requestId}.` : "";
    return `${this.message} ${ADVICE[this.code] ?? "Correct it and try again."}${id}`;
  }
}

// One request. Answers `{ text, json, headers }` or throws a `Failure`; never waits past the deadline.
export async function ask(path, { method = "GET", headers = {}, body, signal } = {}) {
  const stop = new AbortController();
  const timer = setTimeout(() => stop.abort("timeout"), DEADLINE_MS);
  const abort = () => stop.abort("aborted");
  signal?.addEventListener("abort", abort, { once: true });
  if (signal?.aborted) abort();
  try {
    const response = await fetch(path, { method, headers, body, signal: stop.signal });
    const text = await response.text();
    if (!response.ok) throw problem(response, text);
    return { text, json: JSON.parse(text), headers: response.headers };
  } catch (error) {
    if (error instanceof Failure) throw error;
    if (signal?.aborted) throw new Failure("aborted", "Stopped.");
    if (stop.signal.aborted) throw new Failure("timeout", "No answer within 8 seconds.");
    if (error instanceof SyntaxError) throw new Failure("nonsense", "The answer cannot be read.", { status: 502 });
    throw new Failure("network", "The bank cannot be reached.");
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", abort);
  }
}

function problem(response, text) {
  let said = {};
  try { said = JSON.parse(text); } catch { /* a gateway's page: the status has to do */ }
  const after = Number(response.headers.get("retry-after"));
  return new Failure(said.code ?? "unknown", said.detail ?? `The bank answered ${response.status}.`, {
    status: response.status,
    outcome: said.outcome ?? null,
    retryAfter: after > 0 ? after : null,
    requestId: said.request_id ?? null,
  });
}

// A key that nobody else has. `crypto.randomUUID` would need HTTPS.
export function freshKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

// A POST that is sent until it is answered, always under the same key, so that it counts once.
export async function post(path, { key, tries = 6, onWait, headers = {}, ...rest }) {
  for (let tried = 1; ; tried++) {
    try {
      return await ask(path, { method: "POST", headers: { ...headers, "idempotency-key": key }, ...rest });
    } catch (failure) {
      if (!failure.passes || failure.code === "aborted" || tried === tries) throw failure;
      const seconds = failure.retryAfter ?? Math.min(2 ** (tried - 1), 8);
      onWait?.(failure, seconds, tries - tried);
      await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
    }
  }
}
