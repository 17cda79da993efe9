// The bitcoin counter: what is counted so far, by everybody, and a button that counts more.

import { ask, freshKey, post } from "./http.js";
import { $, again, grouped, say, write } from "./page.js";

const LOOK_SECONDS = 5;
const FAILED_SECONDS = 3;
const HINT = "Each click has a key of its own, so that it counts once whatever fails.";

// The number as it was sent: more digits than a JavaScript number holds.
const total = (text) => /"bitcoins":\s*([\d.]+)/.exec(text)?.[1] ?? "—";

let waiting = 0;

export function start() {
  say($("counter-note"), HINT);
  const look = again(load);
  $("count").addEventListener("submit", (event) => {
    event.preventDefault();
    count(new FormData(event.target).get("bitcoins").trim()).then(look);
  });
}

async function load() {
  try {
    const { text } = await ask("/v1/bitcoins");
    write($("bitcoins"), grouped(total(text)));
    $("bitcoins").classList.remove("old");
    if ($("counter-note").dataset.kind === "away") say($("counter-note"), HINT);
    return LOOK_SECONDS;
  } catch (failure) {
    $("bitcoins").classList.add("old");
    if (waiting === 0) say($("counter-note"), failure.words, "away");
    return failure.retryAfter ?? FAILED_SECONDS;
  }
}

async function count(bitcoins) {
  const note = $("counter-note");
  waiting++;
  say(note, "Counting…", "wait");
  try {
    const onWait = (failure, seconds) => say(note, `${failure.message} Trying again in ${seconds} s under the same key: it counts once.`, "wait");
    const { text } = await post(`/v1/bitcoins?${new URLSearchParams({ bitcoins })}`, { key: freshKey(), onWait });
    write($("bitcoins"), grouped(total(text)));
    say(note, `Counted ${bitcoins}.`, "good");
  } catch (failure) {
    say(note, failure.passes ? `${failure.message} Whether it was counted is not known; look at the total before you count again.` : failure.words, "bad");
  } finally {
    waiting--;
  }
}
