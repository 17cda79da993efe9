// The wallet: deposit and withdraw, each click under a key of its own that survives retries; the balance,
// the last entries, and whether the whole chain checks.

import { verify } from "./chain.js";
import { ask, freshKey, post } from "./http.js";
import { $, again, element, grouped, memory, say, write } from "./page.js";

const LOOK_SECONDS = 5;
const FAILED_SECONDS = 3;
const SHOWN = 5;
const HINT = "Each click has a key of its own, so that money moves once whatever fails.";

let user = "";
let seen = "";
let moving = 0;
let verifying = null;
let look;

export function start() {
  $("who").user.value = user = memory.get("user");
  $("who").addEventListener("submit", (event) => {
    event.preventDefault();
    open($("who").user.value.trim());
  });
  $("move").addEventListener("submit", (event) => {
    event.preventDefault();
    const path = `/v1/${event.submitter?.value ?? "deposit"}`;
    move({ path, user: $("who").user.value.trim(), amount: $("move").amount.value.trim(), key: freshKey() });
  });
  $("verify").addEventListener("click", check);
  say($("wallet-note"), HINT, "hint");
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
    say($("wallet-note"), HINT, "hint");
    $("again").hidden = true;
  }
  return look();
}

const as = (name) => ({ user_id: name });

async function load() {
  const mine = user;
  $("verify").disabled = !mine;
  if (!mine) {
    write($("balance"), "—");
    write($("entry-count"), "no user");
    $("entries").replaceChildren(element("li", "none soft", "The last five appear here."));
    say($("wallet-note"), "Write a user name, such as alice. A new name is a new, empty wallet.", "hint");
    return LOOK_SECONDS;
  }
  try {
    const { json: wallet } = await ask("/v1/wallet", { headers: as(mine) });
    if (mine !== user) return LOOK_SECONDS;
    write($("balance"), grouped(wallet.balance));
    write($("entry-count"), wallet.seq === 1 ? "1 entry" : `${grouped(String(wallet.seq))} entries`);
    $("balance").classList.remove("old");
    if (wallet.hash !== seen) await loadEntries(mine, wallet.hash);
    if (moving === 0 && ["away", "hint"].includes($("wallet-note").dataset.kind)) say($("wallet-note"), HINT, "hint");
    return LOOK_SECONDS;
  } catch (failure) {
    if (mine !== user) return LOOK_SECONDS;
    $("balance").classList.add("old");
    if (moving === 0 && $("again").hidden) say($("wallet-note"), failure.words, "away");
    return failure.passes ? failure.retryAfter ?? FAILED_SECONDS : LOOK_SECONDS;
  }
}

async function loadEntries(name, hash) {
  const { json } = await ask(`/v1/wallet/entries?limit=${SHOWN}`, { headers: as(name) });
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

// `operation` holds its key: sent again, by itself or by the button, it is the same operation.
async function move(operation) {
  const { path, amount, key } = operation;
  const [note, retry] = [$("wallet-note"), $("again")];
  const words = path === "/v1/deposit" ? "Deposited" : "Withdrew";
  if (operation.user !== user) open(operation.user);
  retry.hidden = true;
  moving++;
  say(note, "Sending…", "wait");
  try {
    const onWait = (failure, seconds) => say(note, `${failure.message} Trying again in ${seconds} s under the same key: it happens once.`, "wait");
    const headers = { ...as(operation.user), "content-type": "application/json" };
    const { json, headers: said } = await post(path, { key, headers, body: JSON.stringify({ amount }), onWait });
    if (json.user !== user) return;
    write($("balance"), grouped(json.balance));
    const once = said.get("idempotent-replayed") ? " It had been done the first time." : "";
    say(note, `${words} ${grouped(json.entry.amount)}: entry ${json.entry.seq}.${once}`, "good");
    $("move").amount.value = "";
  } catch (failure) {
    if (!failure.passes) return say(note, failure.words, "bad");
    const happened = failure.outcome === "none" ? "The last try changed nothing." : "Whether it happened is not known yet.";
    say(note, `${failure.message} ${happened} Try again under the same key to be sure: it cannot happen twice.`, "bad");
    retry.hidden = false;
    retry.onclick = () => move(operation);
  } finally {
    moving--;
    look();
  }
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
    if (failure.code !== "aborted") say(note, failure.words ?? failure.message, "bad");
  }
}
