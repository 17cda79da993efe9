// Checks a wallet's hash chain: computes every hash here, from the entries alone (`/docs`, Wallet).
// The newest entry comes first, so each entry is checked once the one before it is known.

import { ask } from "./http.js";

const START = { seq: 0, balance: "0.00", hash: "0".repeat(64) };

// Returns how many entries were checked, and the first broken one, if any.
export async function verify(user, signal, onProgress) {
  if (!globalThis.crypto?.subtle) throw new Error("This browser computes hashes only over HTTPS or on localhost. Open the page there.");
  const { json: wallet } = await ask("/v1/wallet", { user, signal });
  let [checked, broken, newer, cursor, head] = [0, null, null, "", wallet.seq === 0 ? START : null];
  do {
    const query = new URLSearchParams({ limit: 200, ...(cursor && { cursor }) });
    const { json } = await ask(`/v1/wallet/entries?${query}`, { user, signal });
    const pairs = [];
    for (const entry of json.entries) {
      if (entry.seq === wallet.seq) head = entry;
      if (newer) pairs.push([newer, entry]);
      newer = entry;
    }
    if (json.next === null && newer) pairs.push([newer, START]);
    const faults = await Promise.all(pairs.map(([entry, previous]) => fault(entry, previous)));
    // Pages go back in time, so the broken entry found last is the first of the chain.
    faults.forEach((why, index) => { if (why) broken = { seq: pairs[index][0].seq, why }; });
    checked += pairs.length;
    onProgress(checked);
    cursor = json.next;
  } while (cursor !== null);
  if (!broken && (head?.hash !== wallet.hash || head?.balance !== wallet.balance)) {
    broken = { seq: wallet.seq, why: "The wallet says another hash or balance than its entry." };
  }
  return { checked, broken };
}

// What is wrong with an entry, given the one before it; null if nothing is.
async function fault(entry, previous) {
  if (entry.seq !== previous.seq + 1) return `It should have number ${previous.seq + 1}.`;
  const { seq, id, kind, amount, balance, at } = entry;
  if ((await sha256([previous.hash, seq, id, kind, amount, balance, at].join("\n"))) !== entry.hash) return "Its hash is not that of its content.";
  const moved = kind === "deposit" ? units(amount) : -units(amount);
  if (units(previous.balance) + moved !== units(balance)) return "Its balance is not the one before it and its amount.";
  return null;
}

async function sha256(text) {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

// Whole units of 0.00000001.
function units(amount) {
  const [whole, fraction = ""] = amount.split(".");
  return BigInt(whole + fraction.padEnd(8, "0"));
}
