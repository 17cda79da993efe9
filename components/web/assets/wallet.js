// The wallet: deposit and withdraw, each under a key of its own that survives whatever fails; the balance, the last
// entries, and whether the whole chain checks.

import { verify } from "./chain.js";
import { MoneyForm } from "./form.js";
import { ask } from "./http.js";
import { $, again, element, grouped, memory, say, write } from "./page.js";
import { byToken, canSignIn, follow, isSignedIn, issuer, signIn, signOut, why } from "./session.js";

const LOOK_SECONDS = 5;
const FAILED_SECONDS = 3;
const SHOWN = 5;

// Whose wallet it is: who is written into the field or, with `auth=jwt`, whom the bank takes the token for.
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
    if (byToken) signInOrOut();
    else open($("who").user.value.trim());
  });
  if (byToken) asksForSignIn();
  $("move").addEventListener("submit", (event) => {
    event.preventDefault();
    const name = $("who").user.value.trim();
    // Who is remembered is not who sits there now.
    if (byToken && !isSignedIn()) return form.tell("Sign in first.");
    if (name !== user) open(name);
    move(event.submitter?.value ?? "deposit", $("move").amount.value.trim());
  });
  $("verify").addEventListener("click", check);
  look = again(load);
}

function open(name) {
  belongsTo(name);
  return look();
}

// Forgets the wallet that was shown, if it is another's.
function belongsTo(name) {
  if (name === user) return;
  verifying?.abort();
  [user, seen] = [name, ""];
  memory.set("user", name);
  write($("balance"), "");
  write($("entry-count"), "");
  $("entries").replaceChildren();
  say($("verified"), "");
  form.reset();
}

// With `auth=jwt` the field says who is signed in, and its button signs in or out.
function asksForSignIn() {
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
    return look();
  });
}

async function signInOrOut() {
  try {
    if (!isSignedIn()) return await signIn();
    belongsTo("");
    await signOut();
  } catch (failure) {
    form.tell(failure.message);
  }
}

function nobody() {
  write($("balance"), "—");
  write($("entry-count"), "no user");
  $("entries").replaceChildren(element("li", "none soft", "The last five appear here."));
  const words = byToken ? `${why()} Sign in to see your wallet.`.trim() : "Write a user name, such as alice. A new name is a new, empty wallet.";
  form.tell(words, why() ? "away" : "hint");
  return LOOK_SECONDS;
}

// Who asks by a token is named by the answer: an operation that waited for them goes on.
function isSaid(name) {
  belongsTo(name);
  $("who").user.value = name;
  form.resume();
}

async function load() {
  const mine = byToken && isSignedIn() ? "" : user;
  $("verify").disabled = byToken ? !isSignedIn() : !mine;
  if (byToken ? !isSignedIn() && !user : !mine) return nobody();
  try {
    const { json: wallet } = await ask("/v1/wallet", { user: mine });
    // Somebody has signed out meanwhile.
    if (byToken && !isSignedIn()) return nobody();
    if (byToken) isSaid(wallet.user);
    else if (mine !== user) return LOOK_SECONDS;
    write($("balance"), grouped(wallet.balance));
    write($("entry-count"), wallet.seq === 1 ? "1 entry" : `${grouped(String(wallet.seq))} entries`);
    $("balance").classList.remove("old");
    if (wallet.hash !== seen) await loadEntries(user, wallet.hash);
    form.tell("");
    return LOOK_SECONDS;
  } catch (failure) {
    if (!byToken && mine !== user) return LOOK_SECONDS;
    if (byToken && !user && !isSignedIn()) return nobody();
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
