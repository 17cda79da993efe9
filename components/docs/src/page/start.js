// Shows the bank's document. Requests go to where the page came from and, where users sign in, to their issuer.
import settings from "/docs/settings.js";

window.ui = SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#docs",
  deepLinking: true,
  tryItOutEnabled: true,
  displayRequestDuration: true,
  defaultModelsExpandDepth: 0,
  validatorUrl: null,
  oauth2RedirectUrl: new URL("/docs/oauth2-redirect.html", location).href,
  onComplete() {
    if (!settings.client) return;
    // Which of its services a token is for: RFC 8707, or as Auth0 calls it.
    const resource = /^[a-z][a-z0-9+.-]*:/i.test(settings.audience) && { resource: settings.audience };
    window.ui.initOAuth({
      clientId: settings.client,
      scopes: ["openid", ...settings.scopes],
      usePkceWithAuthorizationCodeGrant: true,
      additionalQueryStringParams: { ...resource, audience: settings.audience },
    });
  },
});
