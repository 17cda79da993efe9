// Signing in: OpenID Connect with the bank's issuer, by authorization code with PKCE (RFC 7636, RFC 9700). Tokens are in this page's
// memory and nowhere else. What must survive the redirect to the issuer and back (`state`, `nonce`, the code verifier) is kept for
// this tab, and used once. With `auth=header` nobody signs in.

import settings from "/settings.js";

const DEADLINE_MS = 8000;
// How far the clocks of this device and of the issuer may differ.
const LEEWAY_SECONDS = 300;
const PENDING = "sign-in";
const WAS_SIGNED_IN = "signed-in";
const HOME = `${location.origin}/`;

export const byToken = settings.auth !== "header";
export const canSignIn = byToken && settings.client !== "";
export const issuer = settings.issuer.replace(/^https?:\/\//, "");

let session = null;
let refreshing = null;
let discovered = null;
let trouble = "";
const followers = [];

export const isSignedIn = () => session !== null;
// Why nobody is signed in, if something went wrong.
export const why = () => trouble;
// Calls back when a user has signed in or out.
export const follow = (follower) => followers.push(follower);

// Finishes a sign-in that redirected here, or tries a silent one after a reload. Returns once it is known who is signed in.
export async function start() {
  if (!canSignIn) return;
  const params = new URLSearchParams(location.search);
  try {
    if (params.has("state")) {
      history.replaceState(null, "", HOME);
      await finish(params);
    } else if (sessionStorage.getItem(WAS_SIGNED_IN)) {
      // The issuer's session may still exist; the page asks once.
      sessionStorage.removeItem(WAS_SIGNED_IN);
      await signIn({ prompt: "none" });
    }
  } catch (failure) {
    end(failure.message);
  }
}

// Redirects to the issuer, which redirects back here.
export async function signIn(more = {}) {
  if (!globalThis.crypto?.subtle) throw new Error("This browser signs in only over HTTPS or on localhost. Open the page there.");
  const { authorization_endpoint: endpoint } = await discover();
  const [state, nonce, verifier] = [random(), random(), random()];
  sessionStorage.setItem(PENDING, JSON.stringify({ state, nonce, verifier, isSilent: "prompt" in more }));
  const challenge = base64(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(verifier)));
  leave(endpoint, {
    response_type: "code", client_id: settings.client, redirect_uri: HOME, scope: ["openid", ...settings.scopes].join(" "),
    state, nonce, code_challenge: challenge, code_challenge_method: "S256", ...audience(), ...more,
  });
}

// Forgets the tokens, and redirects to the issuer, which ends its own session and redirects back.
export async function signOut() {
  const hint = session?.id;
  sessionStorage.removeItem(WAS_SIGNED_IN);
  end("");
  const { end_session_endpoint: endpoint } = await discover();
  if (endpoint) leave(endpoint, { ...(hint && { id_token_hint: hint }), client_id: settings.client, post_logout_redirect_uri: HOME });
}

// An access token, renewed in time; null if nobody is signed in.
export async function token() {
  if (session && Date.now() > session.renew) await renew(session.access);
  return session?.access ?? null;
}

// Replaces a token that was refused or expires soon. Returns whether there is one; throws if the issuer does not answer.
export async function renew(refused) {
  if (session?.access !== refused) return session !== null;
  if (!session.refresh) return end("Your sign-in has expired.");
  const renewed = session;
  refreshing ??= redeem({ grant_type: "refresh_token", refresh_token: renewed.refresh })
    // A user who has signed out meanwhile stays signed out.
    .then((answer) => {
      if (session !== renewed) return session !== null;
      const wrong = answer.id_token && fault(answer.id_token, renewed);
      return wrong ? end(`The issuer's id token ${wrong}. Sign in again.`) : begin({ ...renewed, ...pick(answer) });
    })
    .catch((failure) => {
      if (session !== renewed) return session !== null;
      if (failure.isRefusal) return end("Your sign-in has expired.");
      throw failure;
    })
    .finally(() => { refreshing = null; });
  return refreshing;
}

// Ends the session of this page.
export function end(words) {
  [session, trouble] = [null, words];
  followers.forEach((follower) => follower());
  return false;
}

function begin(tokens) {
  [session, trouble] = [tokens, ""];
  sessionStorage.setItem(WAS_SIGNED_IN, "yes");
  followers.forEach((follower) => follower());
  return true;
}

// Handles the issuer's answer in the URL.
async function finish(params) {
  const pending = JSON.parse(sessionStorage.getItem(PENDING) ?? "null");
  sessionStorage.removeItem(PENDING);
  if (!pending || params.get("state") !== pending.state) return end("That was no answer to a sign-in of this tab. Sign in again.");
  const { authorization_response_iss_parameter_supported: namesItself } = await discover();
  if ((namesItself || params.has("iss")) && params.get("iss") !== settings.issuer) return end("Another issuer answered. Sign in again.");
  if (params.has("error")) return end(pending.isSilent ? "" : `The issuer says ${params.get("error")}. ${params.get("error_description") ?? ""}`.trim());
  const answer = await redeem({ grant_type: "authorization_code", code: params.get("code"), redirect_uri: HOME, code_verifier: pending.verifier });
  const wrong = fault(answer.id_token, { nonce: pending.nonce });
  return wrong ? end(`The issuer's id token ${wrong}. Tell whoever runs this bank.`) : begin({ ...pick(answer), nonce: pending.nonce, subject: read(answer.id_token).sub });
}

// What is wrong with an id token that came straight from the issuer (OpenID Connect Core, 3.1.3.7 and 12.2); null if nothing is.
// The first token of a sign-in has its `nonce`. Later ones may have it, and must name the same user.
function fault(jwt, { nonce, subject }) {
  let claims;
  try { claims = read(jwt); } catch { return "cannot be read"; }
  if (claims.iss !== settings.issuer) return "is another issuer's";
  if (![].concat(claims.aud).includes(settings.client) || (claims.azp ?? settings.client) !== settings.client) return "is another client's";
  if (!(claims.exp > Date.now() / 1000 - LEEWAY_SECONDS)) return "has expired";
  if (typeof claims.sub !== "string" || claims.sub !== (subject ?? claims.sub)) return "is another user's";
  return claims.nonce === nonce || (subject && !("nonce" in claims)) ? null : "is another sign-in's";
}

function read(jwt) {
  const bytes = Uint8Array.from(atob(jwt.split(".")[1].replace(/-/g, "+").replace(/_/g, "/")), (letter) => letter.charCodeAt(0));
  return JSON.parse(new TextDecoder().decode(bytes));
}

function pick({ access_token: access, refresh_token: refresh, id_token: id, expires_in: seconds = 3600 }) {
  if (typeof access !== "string") throw new Error("The issuer gave no token.");
  return { access, ...(refresh && { refresh }), ...(id && { id }), renew: Date.now() + seconds * 900 };
}

async function redeem(what) {
  const { token_endpoint: endpoint } = await discover();
  return request(endpoint, { method: "POST", body: new URLSearchParams({ client_id: settings.client, ...resource(), ...what }) });
}

// The issuer's discovery document. It is fetched again after a failure.
function discover() {
  discovered ??= request(`${settings.issuer.replace(/\/$/, "")}/.well-known/openid-configuration`).then((found) => {
    if (found.issuer !== settings.issuer) throw new Error("The issuer's document is another issuer's. Tell whoever runs this bank.");
    // The page's policy allows requests to no other host.
    if (new URL(found.token_endpoint).origin !== new URL(settings.issuer).origin) throw new Error("The issuer gives tokens on another host, which this page may not ask. Tell whoever runs this bank.");
    return found;
  }).catch((failure) => { discovered = null; throw failure; });
  return discovered;
}

async function request(url, options = {}) {
  let answer, json;
  try {
    answer = await fetch(url, { ...options, credentials: "omit", cache: "no-store", redirect: "error", signal: AbortSignal.timeout(DEADLINE_MS) });
    json = await answer.json();
  } catch { throw new Error(`${issuer} does not answer.`); }
  if (!answer.ok) throw Object.assign(new Error(`${issuer} says ${json.error ?? answer.status}.`), { isRefusal: answer.status === 400 || answer.status === 401 });
  return json;
}

function leave(endpoint, query) {
  const url = new URL(endpoint);
  if (!/^https?:$/.test(url.protocol)) throw new Error("The issuer's address cannot be opened.");
  for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
  location.assign(url);
}

// Which service a token is for: `resource` by RFC 8707 if it is a URI, `audience` as Auth0 calls it.
const resource = () => (/^[a-z][a-z0-9+.-]*:/i.test(settings.audience) ? { resource: settings.audience } : {});
const audience = () => ({ ...resource(), audience: settings.audience });

const random = () => base64(crypto.getRandomValues(new Uint8Array(32)));
const base64 = (bytes) => btoa(String.fromCharCode(...new Uint8Array(bytes))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=/g, "");
