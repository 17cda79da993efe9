// The page of `make demo`: shows the state twice a second, and sends what a button orders.

import { draw } from "./plot.js";

const $ = (id) => document.getElementById(id);
const number = new Intl.NumberFormat("en");
const PAUSE_MS = 500;

// The last refusal. It is shown until an order succeeds.
let trouble = "";
let state;

async function ask(path, options) {
  const answer = await fetch(path, { ...options, signal: AbortSignal.timeout(20_000) });
  if (!answer.ok) throw new Error(await answer.text());
  return answer.json();
}

async function look() {
  try {
    show(await ask("/state"));
  } catch {
    say("The demo has ended. Start it again with make demo.", "bad");
  }
  setTimeout(look, PAUSE_MS);
}

async function order(path, button) {
  button.disabled = true;
  try {
    const now = await ask(path, { method: "POST" });
    trouble = "";
    show(now);
  } catch (problem) {
    trouble = problem.message;
  }
  if (state) show(state);
}

function show(now) {
  state = now;
  write("load", `${now.clients} clients, three banks, a Redis Cluster of two`);
  write("per-second", number.format(now.per_second));
  write("per-second-note", now.waiting ? `${number.format(now.waiting)} are trying again` : "nobody waits");
  write("acknowledged", number.format(now.acknowledged));
  write("unknown", number.format(now.unknown));
  write("resolved", now.unknown ? `${number.format(now.resolved)} resolved by a retry` : "a retry tells");
  judged("lost", now.lost, `of ${number.format(now.found + now.lost)} looked for`);
  judged("doubled", now.doubled, now.broken ? `${number.format(now.broken)} wallets do not add up` : "entries too many", now.broken);
  buttons(now);
  outages(now);
  banks(now);
  const [words, kind] = headline(now);
  say(trouble || words, trouble ? "bad" : kind);
  draw($("plot"), now);
}

function judged(id, count, note, isBroken = false) {
  write(id, number.format(count));
  write(`${id}-note`, note);
  $(id).parentElement.dataset.kind = count || isBroken ? "bad" : "";
}

// One sentence about the present state.
function headline({ outages, lost, doubled, troubles }) {
  const [last] = outages;
  const stuck = outages.find((outage) => outage.moved?.has_failed);
  if (lost || doubled) return [`The judge misses ${number.format(lost)} deposits, and finds ${number.format(doubled)} entries too many.`, "bad"];
  if (!last) return ["Three banks share a Redis Cluster of two. Clients deposit 1.00 again and again, each under a key. Press a button.", ""];
  if (troubles.length) return [`${last.words}. Whoever gets a 503, or nothing, sends the same again under the same key.`, "bad"];
  if (stuck) return [`${stuck.words}, and is left half moved. Start the demo again.`, "bad"];
  if (!last.is_judged) return ["Mended. Now every wallet is read, and held against what its client was told.", "wait"];
  if (last.moved) return [`${last.words} to Redis ${last.moved.to} with ${keys(last.moved)}: nothing was lost, nothing was doubled.`, "good"];
  return [`${last.words}, for ${seconds(last)}: nothing was lost, nothing was doubled.`, "good"];
}

function buttons({ troubles }) {
  const ofRedis = troubles.some((name) => !name.startsWith("bank-"));
  for (const button of document.querySelectorAll("[data-trouble]")) {
    const { trouble: name, begin, end, usually } = button.dataset;
    const [isBroken, isBank] = [troubles.includes(name), name.startsWith("bank-")];
    const endsByItself = isBank || name === "moves";
    button.setAttribute("aria-pressed", isBroken);
    button.disabled = isBroken ? endsByItself : ofRedis && !isBank;
    const [label, note] = button.children;
    put(label, isBroken ? end : begin);
    put(note, !isBroken ? usually : name === "moves" ? "on its way" : "broken now");
  }
}

function outages({ outages }) {
  $("no-outages").hidden = outages.length > 0;
  $("outages").replaceChildren(...outages.map((outage) => {
    const row = element("li", "outage");
    row.append(element("span", "what", `${outage.words}, ${seconds(outage)}`), verdict(outage), element("span", "counts num", told(outage)));
    return row;
  }));
}

function told({ moved, answers, untouched, unknown, resolved, slowest_ms: slowest, back_ms: back }) {
  const parts = moved?.keys != null ? [`${keys(moved)} went along to Redis ${moved.to}`] : [];
  parts.push(`${number.format(answers)} answers`, `${number.format(untouched)} × 503`);
  parts.push(unknown ? `${number.format(unknown)} unknown, ${number.format(resolved)} resolved` : "none unknown");
  parts.push(`slowest ${number.format(slowest)} ms`);
  if (back !== null) parts.push(`good again after ${number.format(back)} ms`);
  return parts.join(" · ");
}

function verdict({ ended_ms: ended, is_judged: isJudged, lost, doubled }) {
  const [words, kind] = ended === null ? ["now", "bad"] : isJudged ? [`lost ${number.format(lost)}, doubled ${number.format(doubled)}`, lost || doubled ? "bad" : "good"] : ["reading all wallets", "wait"];
  const made = element("span", "verdict num", words);
  made.dataset.kind = kind;
  return made;
}

const keys = ({ keys: count }) => `${number.format(count)} ${count === 1 ? "key" : "keys"}`;
const seconds = ({ began_ms: began, ended_ms: ended }) => `${(((ended ?? state.at_ms) - began) / 1000).toFixed(1)} s`;

function banks({ banks }) {
  if ($("banks").childElementCount) return;
  $("banks").replaceChildren(...banks.flatMap((url, index) => {
    const link = element("a", "", `${index + 1}`);
    link.href = url;
    return [" ", link];
  }));
}

function element(tag, className, text) {
  const made = document.createElement(tag);
  made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

const write = (id, text) => put($(id), text);

// Writes only what changed, so that nothing is read aloud twice.
function put(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

function say(words, kind) {
  write("says", words);
  $("says").dataset.kind = kind;
}

for (const button of document.querySelectorAll("[data-trouble]")) {
  button.addEventListener("click", () => order(`/${state?.troubles.includes(button.dataset.trouble) ? "end" : "begin"}/${button.dataset.trouble}`, button));
}
$("steal").addEventListener("click", async () => {
  await order("/steal", $("steal"));
  $("steal").disabled = false;
});
addEventListener("resize", () => { if (state) draw($("plot"), state); });
look();
