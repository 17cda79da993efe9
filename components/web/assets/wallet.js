// The wallet: deposit and withdraw, each under a key of its own that survives whatever fails; the balance, the last
// entries, and whether the whole chain checks.

import { verify } from "./chain.js";
import { MoneyForm } from "./form.js";
import { ask } from "./http.js";
import { $, again, element, grouped, memory, say, write } from "./page.js";

const LOOK_SECONDS = 5;
const FAILED_SECONDS = 3;
const SHOWN = 5;

let user = "";
let seen = "";
let verifying = null;
let form;
let look = () => {};

export function start() {
  $("who").user.value = user = memory.get("user");
  form = new MoneyForm($("move"), "wallet", {
    note: $("wallet-note"),
    again: $("move-again"),
    hint: "Each click has a key of its own, so that money moves once whatever fails.",
    doubt: "look at the last entries before you move money again.",
    user: () => user,
    onDone: moved,
    onEnd: () => look(),
  });
  $("who").addEventListener("submit", (event) => {
    event.preventDefault();
    open($("who").user.value.trim());
  });
  $("move").addEventListener("submit", (event) => {
    event.preventDefault();
    const name = $("who").user.value.trim();
    if (name !== user) open(name);
    move(event.submitter?.value ?? "deposit", $("move").amount.value.trim());
  });
  $("verify").addEventListener("click", check);
  look = again(load);
}

function open(name) {
  if (name !== user) {
    verifying?.abort();
    [user, seen] = [name, ""];
    memory.set("user", name);
    write($("balance"), "");
    write($("entry-count"), "");
    $("entries").replaceChildren();
    say($("verified"), "");
    form.reset();
  }
  return look();
}

async function load() {
  const mine = user;
  $("verify").disabled = !mine;
  if (!mine) {
    write($("balance"), "—");
    write($("entry-count"), "no user");
    $("entries").replaceChildren(element("li", "none soft", "The last five appear here."));
    form.tell("Write a user name, such as alice. A new name is a new, empty wallet.", "hint");
    return LOOK_SECONDS;
  }
  try {
    const { json: wallet } = await ask("/v1/wallet", { user: mine });
    if (mine !== user) return LOOK_SECONDS;
    write($("balance"), grouped(wallet.balance));
    write($("entry-count"), wallet.seq === 1 ? "1 entry" : `${grouped(String(wallet.seq))} entries`);
    $("balance").classList.remove("old");
    if (wallet.hash !== seen) await loadEntries(mine, wallet.hash);
    form.tell("");
    return LOOK_SECONDS;
  } catch (failure) {
    if (mine !== user) return LOOK_SECONDS;
    $("balance").classList.add("old");
    form.tell(failure.words);
    return failure.isFinal ? LOOK_SECONDS : failure.retryAfter ?? FAILED_SECONDS;
  }
}

async function loadEntries(name, hash) {
  const { json } = await ask(`/v1/wallet/entries?limit=${SHOWN}`, { user: name });
  if (name !== user) return;
  $("entries").replaceChildren(...json.entries.map(row));
  if (json.entries.length === 0) $("entries").append(element("li", "none soft", "Nothing yet: deposit something."));
  seen = hash;
}

function row(entry) {
  const item = element("li", "entry");
  const isIn = entry.kind === "deposit";
  const time = element("time", "soft num", new Date(entry.at).toLocaleString([], { dateStyle: "medium", timeStyle: "short", hour12: false }));
  time.dateTime = entry.at;
  item.append(
    element("span", "kind", `${isIn ? "Deposit" : "Withdrawal"}`),
    element("span", `amount num ${isIn ? "in" : "out"}`, `${isIn ? "+" : "−"}${grouped(entry.amount)}`),
    time,
    element("span", "after soft num", grouped(entry.balance)),
  );
  item.title = `Entry ${entry.seq} · ${entry.id}`;
  return item;
}

function move(kind, amount) {
  const words = `${kind === "deposit" ? "deposit" : "withdrawal"} of ${amount}`;
  form.submit({ path: `/v1/${kind}`, body: JSON.stringify({ amount }), amount, words, member: "entry" });
}

// Shows what an answer says, and answers it in words.
function moved({ json: { user: whose, balance, entry }, headers }) {
  if (whose === user) write($("balance"), grouped(balance));
  if (whose === user) $("move").amount.value = "";
  const did = entry.kind === "deposit" ? "Deposited" : "Withdrew";
  return `${did} ${grouped(entry.amount)}: entry ${entry.seq}.${headers.get("idempotent-replayed") ? " It had been done by an earlier try." : ""}`;
}

async function check() {
  const note = $("verified");
  verifying?.abort();
  const mine = verifying = new AbortController();
  say(note, "Reading the entries…", "wait");
  try {
    const { checked, broken } = await verify(user, mine.signal, (count) => say(note, `Checked ${grouped(String(count))} entries…`, "wait"));
    if (broken) say(note, `Broken at entry ${broken.seq}: ${broken.why} Trust nothing after it, and tell whoever runs this bank.`, "bad");
    else say(note, checked === 0 ? "No entries yet, and that checks." : `✓ All ${grouped(String(checked))} ${checked === 1 ? "entry checks" : "entries check"}: every hash, number and balance.`, "good");
  } catch (failure) {
    if (failure.code === "aborted") return;
    say(note, failure.isFinal ? failure.words : `${failure.what ?? failure.message} Verify again.`, "bad");
  }
}
