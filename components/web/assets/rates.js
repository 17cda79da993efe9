// The rates: headline cards, the list with its search, kinds and order, and how fresh they are.

import { ask } from "./http.js";
import { $, repeat, ago, brief, clock, element, grouped, say, write } from "./page.js";
import { change, changeText, direction, draw, picture, points } from "./picture.js";

const USUAL = ["usd", "eur", "gbp", "jpy", "chf", "cny", "cad", "aud", "eth", "xau", "xag", "bnb", "sol", "xrp", "ltc"];
const STALE_SECONDS = 10;
const FAILED_SECONDS = 4;

let sheet = null;
let received = 0;
let failure = null;
let history = null;
const cards = new Map();
const rows = new Map();
const followers = [];

// Calls back with every sheet of rates.
export function follow(follower) {
  followers.push(follower);
}

export function start() {
  for (const card of $("cards").children) cards.set(card.dataset.code, fillCard(card));
  const filter = $("filter");
  filter.addEventListener("submit", (event) => event.preventDefault());
  filter.addEventListener("input", arrange);
  repeat(load);
  setInterval(showAge, 1000);
}

async function load() {
  let next;
  try {
    const { json, headers } = await ask("/v1/rates");
    const isNew = json.as_of !== sheet?.as_of;
    [sheet, received, failure] = [json, Date.now(), null];
    show();
    if (isNew) loadHistory();
    const fresh = Number(/max-age=(\d+)/.exec(headers.get("cache-control"))?.[1] ?? 0);
    next = sheet.stale ? STALE_SECONDS : Math.max(fresh, 1) + Math.random();
  } catch (problem) {
    failure = problem;
    next = problem.retryAfter ?? FAILED_SECONDS;
  }
  showAge();
  return next;
}

async function loadHistory() {
  try {
    history = (await ask("/v1/rates/history")).json;
    show();
  } catch { /* pictures can wait for the next rates */ }
}

function show() {
  for (const [code, card] of cards) {
    const rate = sheet.rates[code];
    if (rate) fill(card, code, rate);
    else write(card.value, "—");
  }
  for (const [code, rate] of Object.entries(sheet.rates)) {
    if (!rows.has(code)) rows.set(code, makeRow(code, rate));
    fill(rows.get(code), code, rate);
  }
  $("cards").setAttribute("aria-busy", "false");
  $("rates").setAttribute("aria-busy", "false");
  arrange();
  for (const follower of followers) follower(sheet);
}

function fillCard(card) {
  const [name, value, moved, svg] = [element("p", "name"), element("p", "value num"), element("p", "moved num"), picture()];
  card.append(name, value, moved, svg);
  return { name, value, moved, svg, isCard: true, isFirst: card.classList.contains("first") };
}

function makeRow(code, rate) {
  const item = element("li", "rate");
  const [label, value, moved, svg] = [element("span", "name", rate.name), element("span", "value num"), element("span", "moved num"), picture()];
  item.append(element("span", "code", code), label, svg, value, moved);
  return { item, value, moved, svg, kind: rate.type, words: `${code} ${rate.name}`.toLowerCase(), name: rate.name };
}

function fill(place, code, rate) {
  const moves = points(history, code);
  const share = change(moves);
  if (place.isCard) write(place.name, `${rate.name} · ${code.toUpperCase()}`);
  const sign = place.isCard && rate.type === "fiat" && rate.unit.length === 1 ? rate.unit : "";
  write(place.value, sign + brief(rate.value));
  place.value.title = grouped(rate.value);
  write(place.moved, changeText(share) + (place.isFirst && moves.length > 1 ? ` in ${ago(Math.round((moves.at(-1)[0] - moves[0][0]) / 1000))}` : ""));
  place.moved.dataset.direction = place.svg.dataset.direction = direction(share);
  place.share = share ?? 0;
  draw(place.svg, moves);
}

function arrange() {
  const { search, kind, sort } = Object.fromEntries(new FormData($("filter")));
  const wanted = search.trim().toLowerCase();
  const fits = ([, row]) => (!kind || row.kind === kind) && row.words.includes(wanted);
  const place = (code) => (USUAL.includes(code) ? USUAL.indexOf(code) : USUAL.length);
  const orders = {
    usual: ([a, one], [b, other]) => place(a) - place(b) || one.name.localeCompare(other.name),
    name: ([, one], [, other]) => one.name.localeCompare(other.name),
    code: ([a], [b]) => a.localeCompare(b),
    up: ([, one], [, other]) => other.share - one.share,
    down: ([, one], [, other]) => one.share - other.share,
  };
  const shown = [...rows].filter(fits).sort(orders[sort]);
  const items = shown.map(([, row]) => row.item);
  if (sheet && items.length === 0) items.push(element("li", "none soft", "No currency fits. Clear the search or choose another kind."));
  const list = $("rates");
  if (items.length !== list.children.length || items.some((item, index) => item !== list.children[index])) list.replaceChildren(...items);
  if (sheet) write($("shown"), shown.length === rows.size ? `${rows.size} currencies` : `${shown.length} of ${rows.size}`);
}

// The pill shows it at a glance, the note in words. Both go on while nothing is fetched.
function showAge() {
  const age = sheet ? sheet.age_seconds + Math.floor((Date.now() - received) / 1000) : 0;
  const state = sheet === null ? (failure ? "down" : "loading") : sheet.stale || failure ? "stale" : "fresh";
  $("freshness").dataset.state = state;
  const texts = { loading: "Loading", down: "No rates", stale: `Stale · ${ago(age)} old`, fresh: `Live · ${ago(age)} old` };
  write($("freshness-text"), texts[state]);
  const note = $("rates-note");
  if (failure) say(note, `${failure.words}${sheet ? ` Shown are the rates of ${clock(sheet.as_of)}.` : ""}`, "bad");
  else if (sheet?.stale) say(note, `CoinGecko does not answer. These are its last good rates, of ${clock(sheet.as_of)}; it is asked again by itself.`, "wait");
  else if (sheet) say(note, `From CoinGecko at ${clock(sheet.as_of)}, asked once for everybody.`);
}
