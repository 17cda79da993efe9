// An issuer of tokens as banks have them in front: oidc-provider, which the OpenID Foundation certified, on a port of its own.
// Its keys can be rotated, and it can be told to fail and to lie. Whoever signs in writes a name; services have secrets.

import { generateKeyPairSync, randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import Provider from "oidc-provider";

export const AUDIENCE = "https://bank.example";
export const PAGE = "page";
const SCOPES = "wallet:read wallet:write";
const SECRET = "the-secret-of-every-service";

// What it answers in place of itself, by name.
const LIES = {
  "not at all": (_, out) => setTimeout(() => out.destroy(), 20_000).unref(),
  "with an error": (_, out) => out.writeHead(500).end("{}"),
  "with a page": (_, out) => out.writeHead(200, { "content-type": "text/html" }).end("<html>"),
  "as another issuer": (issuer, out) => json(out, { issuer: "https://elsewhere.example", jwks_uri: `${issuer.url}/jwks` }),
  "by leading elsewhere": (issuer, out) => out.writeHead(302, { location: `http://localhost:${issuer.port}/jwks` }).end(),
  "with too much": (issuer, out) => json(out, { issuer: issuer.url, jwks_uri: `${issuer.url}/jwks`, more: "x".repeat(70_000) }),
  "with no keys": (issuer, out, path) => json(out, path === "/jwks" ? { keys: [] } : { issuer: issuer.url, jwks_uri: `${issuer.url}/jwks` }),
};
export const WAYS_TO_LIE = Object.keys(LIES);

export class Issuer {
  // How often its keys were fetched.
  fetched = 0;
  // A way to lie, or nothing.
  lie = null;
  // Whether its answers to a sign-in say who it is, as its discovery document announces (RFC 9207).
  namesItself = true;
  #keys = [];
  #services = new Map();
  #grants = ["authorization_code", "refresh_token"];
  #server = createServer((asked, out) => this.#answer(asked, out));

  // Tokens live for `seconds`; `pages` are where users come from. Without `url`, where others reach it, it is this machine's alone.
  static async start({ seconds = 600, pages = [], url, port = 0 } = {}) {
    const issuer = new Issuer();
    Object.assign(issuer, { seconds, pages });
    issuer.#server.listen(port, url ? undefined : "127.0.0.1");
    await once(issuer.#server, "listening");
    issuer.port = issuer.#server.address().port;
    issuer.url = url ?? `http://127.0.0.1:${issuer.port}`;
    issuer.rotate();
    return issuer;
  }

  // What a bank is told of it.
  get settings() {
    return { auth: "jwt", jwt_issuer: this.url, jwt_audience: AUDIENCE, jwt_scopes: "on", oidc_client_id: PAGE };
  }

  // New keys to sign with, published beside those of before.
  rotate() {
    this.#keys = [...freshKeys(), ...this.#keys];
    this.#open();
  }

  // Pages that users come from, from now on.
  serves(pages) {
    this.pages = pages;
    this.#open();
  }

  // Whether the page may refresh its tokens.
  refreshes(may) {
    this.#grants = may ? ["authorization_code", "refresh_token"] : ["authorization_code"];
    this.#open();
  }

  // From now on there is a service that is called `user`.
  employs(user, algorithm = "RS256") {
    const isNew = !this.#services.has(user);
    this.#services.set(user, algorithm);
    if (isNew) this.#open();
  }

  // A token of a service that is called `user`.
  async token(user, { algorithm, scope = SCOPES } = {}) {
    this.employs(user, algorithm);
    const answer = await fetch(`${this.url}/token`, {
      method: "POST",
      headers: { authorization: `Basic ${btoa(`${user}:${SECRET}`)}` },
      body: new URLSearchParams({ grant_type: "client_credentials", scope, resource: AUDIENCE }),
    });
    const said = await answer.json();
    if (!answer.ok) throw new Error(JSON.stringify(said));
    return said.access_token;
  }

  // Every connection is refused from now on, until it is opened at its address again.
  async die() {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async revive() {
    this.#server.listen(this.port, "127.0.0.1");
    await once(this.#server, "listening");
  }

  async end() {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #answer(asked, out) {
    const { pathname } = new URL(asked.url, this.url);
    if (pathname === "/jwks") this.fetched += 1;
    if (this.lie && (pathname === "/jwks" || pathname.startsWith("/.well-known/"))) return LIES[this.lie](this, out, pathname);
    if (!this.namesItself) {
      const set = out.setHeader.bind(out);
      out.setHeader = (name, value) => set(name, name.toLowerCase() === "location" ? value.replace(/([?&])iss=[^&]*&?/, "$1") : value);
    }
    return this.callback(asked, out);
  }

  // oidc-provider takes its configuration once, so a change is another one at the same address.
  #open() {
    const services = [...this.#services.keys()].map((user) => ({
      client_id: user, client_secret: SECRET, grant_types: ["client_credentials"], response_types: [], redirect_uris: [],
    }));
    const page = {
      client_id: PAGE, token_endpoint_auth_method: "none", grant_types: this.#grants,
      redirect_uris: this.pages.flatMap((page) => [`${page}/`, `${page}/docs/oauth2-redirect.html`]),
      post_logout_redirect_uris: this.pages.map((page) => `${page}/`),
    };
    const provider = new Provider(this.url, {
      clients: [...services, ...(this.pages.length ? [page] : [])],
      clientBasedCORS: (_, origin, client) => client.clientId === PAGE && this.pages.includes(origin),
      cookies: { keys: ["a-key-of-cookies"] },
      jwks: { keys: this.#keys },
      scopes: ["openid", ...SCOPES.split(" ")],
      features: {
        devInteractions: { enabled: true },
        clientCredentials: { enabled: true },
        rpInitiatedLogout: { enabled: true },
        resourceIndicators: {
          enabled: true,
          defaultResource: () => AUDIENCE,
          useGrantedResource: () => true,
          getResourceServerInfo: (_, resource, client) => ({
            scope: SCOPES, audience: resource, accessTokenTTL: this.seconds, accessTokenFormat: "jwt",
            jwt: { sign: { alg: this.#services.get(client.clientId) ?? "ES256" } },
          }),
        },
      },
      findAccount: (_, name) => ({ accountId: name, claims: () => ({ sub: name }) }),
      issueRefreshToken: (_, client) => client.grantTypeAllowed("refresh_token"),
      pkce: { required: () => true, methods: ["S256"] },
    });
    // Its own words are no test's business.
    provider.on("server_error", (_, error) => console.error(error));
    this.callback = provider.callback();
  }
}

function freshKeys() {
  const pairs = [["rsa", { modulusLength: 2048 }], ["ec", { namedCurve: "P-256" }], ["ed25519", {}]];
  return pairs.map(([kind, options]) => ({
    ...generateKeyPairSync(kind, options).privateKey.export({ format: "jwk" }), use: "sig", kid: randomBytes(8).toString("hex"),
  }));
}

function json(out, said) {
  out.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(said));
}
