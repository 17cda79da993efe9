// A form that moves money, one operation at a time for each user. Until an operation has ended, the form shows its state and
// accepts no other. Once nothing is retried automatically any more, there is one button, which sends the same operation again.
// A locked form uses `aria-disabled`, so that the focus stays where it is.

import { begin, isKept, mayHaveHappened, send, unsettled, watch } from "./operation.js";
import { ago, say } from "./page.js";
import { canSignIn, isSignedIn, signIn } from "./session.js";

const FIELD = "input";
// Most operations of other tabs end before anybody could read about them.
const OTHER_TABS_MS = 1000;

export class MoneyForm {
  #shown = null;
  // By idempotency key: what this page is doing with an operation, and how its last try failed.
  #doing = new Map();
  #failed = new Map();

  // `place` names the form; `user` returns whose operations are shown; `onDone` gets an answer and returns it in words;
  // `onEnd` is called when an operation has ended; `doubt` says where to look when a refusal leaves the outcome unknown.
  constructor(form, place, { note, again, hint, doubt, user, onDone, onEnd }) {
    Object.assign(this, { form, place, note, again, hint, doubt, user, onDone, onEnd });
    again.addEventListener("click", () => this.#goOn());
    watch(() => setTimeout(() => this.show(), OTHER_TABS_MS));
    say(note, hint, "hint");
    this.show();
  }

  // The operation of this user that has not ended, or null.
  get current() {
    return unsettled(this.place, this.user());
  }

  // Begins an operation, unless one has not ended.
  submit(what) {
    if (this.current) return this.again.focus();
    return this.#send(begin({ place: this.place, user: this.user(), ...what }));
  }

  // Sends an operation that waited for a sign-in.
  resume() {
    this.show();
    if (this.#waits) this.#goOn();
  }

  // Updates the form and its message for the current user.
  show() {
    const { current } = this;
    const doing = current && this.#doing.get(current.key);
    for (const button of this.form.querySelectorAll("button")) button.setAttribute("aria-disabled", `${current !== null}`);
    const field = this.form.querySelector(FIELD);
    field.readOnly = current !== null;
    if (current) field.value = current.amount;
    this.#offer(current !== null && doing === undefined);
    if (current) say(this.note, doing ?? this.#unsure(current), doing ? "wait" : "bad");
    else if (this.#shown && this.#shown.user === this.user()) this.#endedElsewhere();
    this.#shown = current;
  }

  // Clears the last message, when the user changes.
  reset() {
    this.#shown = null;
    say(this.note, this.hint, "hint");
    this.show();
  }

  // Shows a failure of the panel, or clears it, unless an operation has something to say.
  tell(words, kind = "away") {
    this.show();
    if (this.current) return;
    if (words) say(this.note, words, kind);
    else if (this.note.dataset.kind === "away") say(this.note, this.hint, "hint");
  }

  get #waits() {
    return this.current?.waits && !this.#doing.has(this.current.key);
  }

  // The button: sends the operation again. If it waits for a sign-in, it signs in first.
  #goOn() {
    if (!this.current || this.#doing.has(this.current.key)) return;
    if (!this.current.waits || !canSignIn || isSignedIn()) return this.#send(this.current);
    signIn().catch((failure) => say(this.note, failure.message, "bad"));
  }

  async #send(operation) {
    const does = (words) => { this.#doing.set(operation.key, words); this.show(); };
    does(`Sending: ${operation.words}…`);
    try {
      const answer = await send(operation, (why, seconds) => does(`${why} Trying again in ${ago(seconds)} under the same key: it happens once.`));
      this.#end(operation, this.onDone(answer, operation), "good");
    } catch (failure) {
      if (failure.isFinal) return this.#end(operation, this.#refused(failure, operation), "bad");
      this.#failed.set(operation.key, failure.what);
    } finally {
      this.#doing.delete(operation.key);
      this.show();
      this.onEnd();
    }
  }

  #end(operation, words, kind) {
    this.#failed.delete(operation.key);
    if (operation.user !== this.user()) return;
    this.#shown = null;
    say(this.note, words, kind);
  }

  // A 422 knows the idempotency key, so it speaks for all tries; any other refusal only for the last one.
  #refused(failure, { sent, idle }) {
    const isSure = failure.status === 422 || sent - 1 <= idle;
    return isSure ? failure.words : `${failure.words} An earlier try may have happened: ${this.doubt}`;
  }

  #unsure(operation) {
    if (operation.waits) return `${this.#failed.get(operation.key) ?? "Nobody is signed in."} The ${operation.words} waits: once somebody is signed in it is sent again under the same key.`;
    const why = this.#failed.get(operation.key) ?? "No answer has been seen yet.";
    const state = mayHaveHappened(operation) ? `Whether the ${operation.words} happened is not known yet.` : `The ${operation.words} has not happened so far.`;
    const kept = isKept(operation) ? "" : " Leave this page open until then: this browser keeps nothing.";
    return `${why} ${state} Try again: under the same key it cannot happen twice.${kept}`;
  }

  #endedElsewhere() {
    const field = this.form.querySelector(FIELD);
    field.value = field.defaultValue;
    say(this.note, `The ${this.#shown.words} was answered in another tab.`, "good");
    this.onEnd();
  }

  // Shows or hides the button that sends the operation again. When it hides, the form gets the focus back.
  #offer(isOffered) {
    const hadFocus = document.activeElement === this.again;
    this.again.hidden = !isOffered;
    this.again.textContent = this.#waits && canSignIn && !isSignedIn() ? "Sign in" : "Try again, same key";
    if (!isOffered && hadFocus) this.form.querySelector(FIELD).focus();
  }
}
