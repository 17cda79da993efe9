// The wallet: deposits and withdrawals, each under its own idempotency key, which survives every failure; the balance, the last
// entries, and whether the whole chain is intact.

import { verify } from "./chain.js";
import { MoneyForm } from "./form.js";
import { ask } from "./http.js";
import { $, repeat, element, grouped, memory, say, write } from "./page.js";
import { byToken, canSignIn, follow, isSignedIn, issuer, signIn, signOut, why } from "./session.js";

const REFRESH_SECONDS = 5;
const FAILED_SECONDS = 3;
const ENTRIES_SHOWN = 5;

// Whose wallet is shown: the name in the field or, with `auth=jwt`, the user whom the bank reads from the token.
let user = "";
let shownHash = "";
let verifying = null;
let form;
let refresh = () => {};

export function start() {
  $("who").user.value = user = memory.get("user");
  form = new MoneyForm($("move"), "wallet", {
    note: $("wallet-note"),
    again: $("move-again"),
    hint: "Each click has a key of its own, so that money moves once whatever fails.",
    doubt: "look at the last entries before you move money again.",
    user: () => user,
    onDone: showMove,
    onEnd: () => refresh(),
  });
  $("who").addEventListener("submit", (event) => {
    event.preventDefault();
    if (byToken) signInOrOut();
    else open($("who").user.value.trim());
  });
  if (byToken) showSignIn();
  $("move").addEventListener("submit", (event) => {
    event.preventDefault();
    const name = $("who").user.value.trim();
    // The remembered user need not be the person who sits here now.
    if (byToken && !isSignedIn()) return form.tell("Sign in first.");
    if (name !== user) open(name);
    move(event.submitter?.value ?? "deposit", $("move").amount.value.trim());
  });
  $("verify").addEventListener("click", check);
  refresh = repeat(load);
}

function open(name) {
  switchUser(name);
  return refresh();
}

// Clears the wallet that was shown, if the user changes.
function switchUser(name) {
  if (name === user) return;
  verifying?.abort();
  [user, shownHash] = [name, ""];
  memory.set("user", name);
  write($("balance"), "");
  write($("entry-count"), "");
  $("entries").replaceChildren();
  say($("verified"), "");
  form.reset();
}

// With `auth=jwt` the field shows who is signed in, and the button signs in or out.
function showSignIn() {
  const button = $("who").querySelector("button");
  const show = () => {
    $("who").user.value = user;
    button.textContent = isSignedIn() ? "Sign out" : "Sign in";
  };
  $("who").user.readOnly = true;
  $("who").user.placeholder = "nobody";
  button.disabled = !canSignIn;
  say($("who-note"), canSignIn ? `You sign in with ${issuer}.` : "This bank asks for tokens and knows no client for this page (oidc_client_id).");
  show();
  follow(() => {
    show();
    form.show();
    return refresh();
  });
}

async function signInOrOut() {
  try {
    if (!isSignedIn()) return await signIn();
    switchUser("");
    await signOut();
  } catch (failure) {
    form.tell(failure.message);
  }
}

function showNobody() {
  write($("balance"), "—");
  write($("entry-count"), "no user");
  $("entries").replaceChildren(element("li", "none soft", "The last five appear here."));
  const words = byToken ? `${why()} Sign in to see your wallet.`.trim() : "Write a user name, such as alice. A new name is a new, empty wallet.";
  form.tell(words, why() ? "away" : "hint");
  return REFRESH_SECONDS;
}

// With a token, the answer names the user. An operation that waited for them goes on.
function signedInAs(name) {
  switchUser(name);
  $("who").user.value = name;
  form.resume();
}

async function load() {
  const mine = byToken && isSignedIn() ? "" : user;
  $("verify").disabled = byToken ? !isSignedIn() : !mine;
  if (byToken ? !isSignedIn() && !user : !mine) return showNobody();
  try {
    const { json: wallet } = await ask("/v1/wallet", { user: mine });
    // The user has signed out meanwhile.
    if (byToken && !isSignedIn()) return showNobody();
    if (byToken) signedInAs(wallet.user);
    else if (mine !== user) return REFRESH_SECONDS;
    write($("balance"), grouped(wallet.balance));
    write($("entry-count"), wallet.seq === 1 ? "1 entry" : `${grouped(String(wallet.seq))} entries`);
    $("balance").classList.remove("old");
    if (wallet.hash !== shownHash) await loadEntries(user, wallet.hash);
    form.tell("");
    return REFRESH_SECONDS;
  } catch (failure) {
    if (!byToken && mine !== user) return REFRESH_SECONDS;
    if (byToken && !user && !isSignedIn()) return showNobody();
    $("balance").classList.add("old");
    form.tell(failure.words);
    return failure.isFinal ? REFRESH_SECONDS : failure.retryAfter ?? FAILED_SECONDS;
  }
}

async function loadEntries(name, hash) {
  const { json } = await ask(`/v1/wallet/entries?limit=${ENTRIES_SHOWN}`, { user: name });
  if (name !== user) return;
  $("entries").replaceChildren(...json.entries.map(row));
  if (json.entries.length === 0) $("entries").append(element("li", "none soft", "Nothing yet: deposit something."));
  shownHash = hash;
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

// Shows the new balance, and returns the answer in words.
function showMove({ json: { user: whose, balance, entry }, headers }) {
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
