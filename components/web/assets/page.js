// Helpers for every panel: elements, messages, figures, and repeating something.

import { bounded } from "./http.js";

export const $ = (id) => document.getElementById(id);

export function element(tag, className, text) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

// Writes only what changed, so that nothing is laid out, or read aloud, twice.
export function write(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

// A message in a panel: kind is "good", "bad", "wait" or nothing.
export function say(node, text, kind = "") {
  node.dataset.kind = kind;
  write(node, text);
}

// `1234567.8` -> `1,234,567.8`. It works on text: no digit passes through a float.
export function grouped(value) {
  const [whole, fraction] = value.split(".");
  const groups = whole.replace(/\B(?=(\d{3})+$)/g, ",");
  return fraction === undefined ? groups : `${groups}.${fraction}`;
}

// A rate shortened for display. Truncated, never rounded: about seven digits, or all digits before the point.
export function brief(value) {
  const [whole, fraction = ""] = value.split(".");
  if (whole.length > 6) return grouped(whole);
  if (whole !== "0") return grouped(`${whole}.${fraction.padEnd(2, "0").slice(0, Math.max(2, 6 - whole.length))}`);
  const zeros = fraction.match(/^0*/)[0].length;
  return `0.${fraction.slice(0, zeros + 5)}`;
}

export function ago(seconds) {
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 86400) return `${Math.floor(seconds / 3600)} h`;
  return `${Math.floor(seconds / 86400)} days`;
}

export const clock = (time) => new Date(time).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false });

// Calls `work` now, and again after the seconds that it returns. Pauses while the page is hidden. Returns a function that calls it
// at once.
export function repeat(work) {
  let timer;
  const run = async () => {
    clearTimeout(timer);
    const seconds = await work();
    clearTimeout(timer);
    if (!document.hidden) timer = setTimeout(run, bounded(seconds) * 1000);
  };
  document.addEventListener("visibilitychange", () => { if (!document.hidden) run(); });
  run();
  return run;
}

// Values that this browser keeps. A browser that keeps nothing is fine too.
export const memory = {
  get(name) { try { return localStorage.getItem(name) ?? ""; } catch { return ""; } },
  set(name, value) { try { localStorage.setItem(name, value); } catch { /* not kept */ } },
};
