// The bitcoin counter: the total that everybody has counted, and a button that adds to it.

import { MoneyForm } from "./form.js";
import { ask } from "./http.js";
import { $, repeat, grouped, write } from "./page.js";
import { follow, isSignedIn } from "./session.js";

const REFRESH_SECONDS = 5;
const FAILED_SECONDS = 3;

// The total as text: it has more digits than a JavaScript number.
const total = (text) => /"bitcoins":\s*([\d.]+)/.exec(text)?.[1] ?? "—";

let form;

export function start() {
  let refresh = () => {};
  form = new MoneyForm($("count"), "counter", {
    note: $("counter-note"),
    again: $("count-again"),
    hint: "Each click has a key of its own, so that it counts once whatever fails.",
    doubt: "look at the total before you count again.",
    user: () => "",
    onDone: showCount,
    onEnd: () => refresh(),
  });
  refresh = repeat(load);
  follow(() => { if (isSignedIn()) form.resume(); else form.show(); });
  $("count").addEventListener("submit", (event) => {
    event.preventDefault();
    const bitcoins = $("count").bitcoins.value.trim();
    form.submit({ path: `/v1/bitcoins?${new URLSearchParams({ bitcoins })}`, amount: bitcoins, words: `count of ${bitcoins}`, member: "bitcoins" });
  });
}

async function load() {
  try {
    const { text } = await ask("/v1/bitcoins");
    write($("bitcoins"), grouped(total(text)));
    $("bitcoins").classList.remove("old");
    form.tell("");
    return REFRESH_SECONDS;
  } catch (failure) {
    $("bitcoins").classList.add("old");
    form.tell(failure.words);
    return failure.retryAfter ?? FAILED_SECONDS;
  }
}

function showCount({ text, headers }, { amount }) {
  write($("bitcoins"), grouped(total(text)));
  return `Counted ${amount}.${headers.get("idempotent-replayed") ? " It had been done by an earlier try." : ""}`;
}
