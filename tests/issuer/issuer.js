// An issuer of tokens as operators put it in front of a bank: oidc-provider, certified by the OpenID Foundation, on a port of its own.
// Tests can rotate its keys, and make it fail or lie. Users sign in by writing a name; services have secrets.

import { generateKeyPairSync, randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import Provider from "oidc-provider";

export const AUDIENCE = "https://bank.example";
export const PAGE = "page";
const SCOPES = "wallet:read wallet:write";
const SECRET = "the-secret-of-every-service";

// Wrong answers, by name.
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
  // One of WAYS_TO_LIE, or null.
  lie = null;
  // Whether its answers to a sign-in name it, as its discovery document announces (RFC 9207).
  namesItself = true;
  #keys = [];
  #services = new Map();
  #grants = ["authorization_code", "refresh_token"];
  #server = createServer((asked, out) => this.#answer(asked, out));

  // Tokens live for `seconds`. `pages` are the addresses of pages that sign in. `url` is its public address; without it, only this machine reaches it.
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

  // A bank's settings for this issuer.
  get settings() {
    return { auth: "jwt", jwt_issuer: this.url, jwt_audience: AUDIENCE, jwt_scopes: "on", oidc_client_id: PAGE };
  }

  // Signs with new keys, published beside the old ones.
  rotate() {
    this.#keys = [...freshKeys(), ...this.#keys];
    this.#open();
  }

  // Replaces the pages that sign in.
  serves(pages) {
    this.pages = pages;
    this.#open();
  }

  // Sets whether the page may refresh its tokens.
  refreshes(may) {
    this.#grants = may ? ["authorization_code", "refresh_token"] : ["authorization_code"];
    this.#open();
  }

  // Registers a service named `user`.
  employs(user, algorithm = "RS256") {
    const isNew = !this.#services.has(user);
    this.#services.set(user, algorithm);
    if (isNew) this.#open();
  }

  // A token of the service named `user`.
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

  // Refuses every connection until it is opened again at its address.
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

  // oidc-provider reads its configuration once, so a change starts another one at the same address.
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
    // Tests do not check its own error texts.
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
