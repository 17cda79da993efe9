const key = "order-17"; // one for each operation, chosen before the first try
const headers = { "user_id": "alice", "idempotency-key": key, "content-type": "application/json" };
for (;;) {
  const request = { method: "POST", headers, body: '{"amount":"10.50"}', signal: AbortSignal.timeout(10_000) };
  const answer = await fetch("http://127.0.0.1:3000/v1/deposit", request).catch(() => null);
  const said = await answer?.json().catch(() => null);
  if (answer?.ok && said?.entry) { console.log(said.entry); break; }
  const isRefused = answer?.status >= 400 && answer.status < 500 && ![408, 429].includes(answer.status);
  // A 401 of a token: get a new one, and run this again, under the same key.
  if (isRefused) throw new Error(said?.detail ?? answer.status);
  const after = answer?.headers.get("retry-after") ?? 1;
  const seconds = /^\d+$/.test(after) ? Math.min(Math.max(after, 1), 3600) : 60; // a date, from a gateway
  await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
}
