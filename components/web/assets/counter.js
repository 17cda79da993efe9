// The bitcoin counter: what is counted so far, by everybody, and a button that counts more.

import { MoneyForm } from "./form.js";
import { ask } from "./http.js";
import { $, again, grouped, write } from "./page.js";
import { follow, isSignedIn } from "./session.js";

const LOOK_SECONDS = 5;
const FAILED_SECONDS = 3;

// The number as it was sent: more digits than a JavaScript number holds.
const total = (text) => /"bitcoins":\s*([\d.]+)/.exec(text)?.[1] ?? "—";

let form;

export function start() {
  let look = () => {};
  form = new MoneyForm($("count"), "counter", {
    note: $("counter-note"),
    again: $("count-again"),
    hint: "Each click has a key of its own, so that it counts once whatever fails.",
    doubt: "look at the total before you count again.",
    user: () => "",
    onDone: counted,
    onEnd: () => look(),
  });
  look = again(load);
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
    return LOOK_SECONDS;
  } catch (failure) {
    $("bitcoins").classList.add("old");
    form.tell(failure.words);
    return failure.retryAfter ?? FAILED_SECONDS;
  }
}

function counted({ text, headers }, { amount }) {
  write($("bitcoins"), grouped(total(text)));
  return `Counted ${amount}.${headers.get("idempotent-replayed") ? " It had been done by an earlier try." : ""}`;
}
