// The converter: the server converts, exactly. The amount stays text all the way.

import { ask } from "./http.js";
import { $, clock, grouped, say, write } from "./page.js";
import { follow } from "./rates.js";

const PAUSE_MS = 200;

let timer;
let running;

export function start() {
  const form = $("convert");
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("input", () => soon(PAUSE_MS));
  $("swap").addEventListener("click", () => {
    [form.from.value, form.to.value] = [form.to.value, form.from.value];
    soon(0);
  });
  follow((sheet) => {
    offer(form.from, sheet.rates);
    offer(form.to, sheet.rates);
    soon(0);
  });
  soon(0);
}

// Offers the currencies of the sheet, and keeps what was chosen.
function offer(select, rates) {
  const codes = Object.keys(rates).sort();
  if (codes.join() === Array.from(select.options, (option) => option.value).join()) return;
  const chosen = select.value;
  select.replaceChildren(...codes.map((code) => new Option(`${code.toUpperCase()} · ${rates[code].name}`, code)));
  select.value = codes.includes(chosen) ? chosen : codes[0];
}

function soon(milliseconds) {
  clearTimeout(timer);
  timer = setTimeout(convert, milliseconds);
}

async function convert() {
  running?.abort();
  const mine = running = new AbortController();
  const { amount, from, to } = Object.fromEntries(new FormData($("convert")));
  if (amount.trim() === "") {
    write($("converted"), "");
    return say($("convert-note"), "Write an amount.");
  }
  const query = new URLSearchParams({ amount: amount.trim(), from, to });
  try {
    const { json } = await ask(`/v1/convert?${query}`, { signal: mine.signal });
    write($("converted"), `${grouped(json.result)} ${json.to.toUpperCase()}`);
    const age = json.stale ? `stale rates of ${clock(json.as_of)}` : clock(json.as_of);
    say($("convert-note"), `1 ${json.from.toUpperCase()} = ${grouped(json.rate)} ${json.to.toUpperCase()} · ${age}`);
  } catch (failure) {
    if (failure.code === "aborted") return;
    write($("converted"), "—");
    say($("convert-note"), failure.words, "bad");
    if (!failure.isFinal) soon((failure.retryAfter ?? 4) * 1000);
  }
}
