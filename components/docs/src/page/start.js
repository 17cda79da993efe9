// Shows the bank's OpenAPI document. Requests go to this page's own host and, where users sign in, to their issuer.
import settings from "/docs/settings.js";

const random = () => [...crypto.getRandomValues(new Uint8Array(32))].map((byte) => byte.toString(16).padStart(2, "0")).join("");

// Swagger UI's own `state` is the time of day, which can be guessed.
const unguessable = {
  statePlugins: { auth: { wrapActions: { authPopup: (open) => (address, asked) => {
    const [url, state] = [new URL(address), random()];
    url.searchParams.set("state", state);
    return open(url.href, { ...asked, state });
  } } } },
};

window.ui = SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#docs",
  deepLinking: true,
  tryItOutEnabled: true,
  displayRequestDuration: true,
  defaultModelsExpandDepth: 0,
  validatorUrl: null,
  plugins: [() => unguessable],
  // This page signs in only by authorization code with PKCE, whatever else the issuer offers. It uses no id token, so it sends no `nonce`.
  responseInterceptor(answer) {
    if (!answer.url.endsWith("/.well-known/openid-configuration")) return answer;
    return { ...answer, text: JSON.stringify({ ...JSON.parse(answer.text), grant_types_supported: ["authorization_code"] }) };
  },
  oauth2RedirectUrl: new URL("/docs/oauth2-redirect.html", location).href,
  onComplete() {
    if (!settings.client) return;
    // Which service a token is for: `resource` by RFC 8707, `audience` as Auth0 calls it.
    const resource = /^[a-z][a-z0-9+.-]*:/i.test(settings.audience) && { resource: settings.audience };
    window.ui.initOAuth({
      clientId: settings.client,
      scopes: ["openid", ...settings.scopes],
      usePkceWithAuthorizationCodeGrant: true,
      additionalQueryStringParams: { ...resource, audience: settings.audience },
    });
  },
});
