// The issuer redirects to this page. It hands the code to the page that began the sign-in, if `state` is the same.
"use strict";

const request = window.opener?.swaggerUIRedirectOauth2;
const params = new URLSearchParams(location.search);
const refuse = (message) => request.errCb({ authId: request.auth.name, source: "auth", level: "error", message });

if (request) {
  if (params.get("state") !== request.state) {
    refuse("That was no answer to this sign-in. Authorize again.");
  } else if (params.has("code")) {
    delete request.state;
    request.auth.code = params.get("code");
    request.callback({ auth: request.auth, redirectUrl: request.redirectUrl });
  } else {
    refuse(`The issuer says ${params.get("error") ?? "nothing"}. ${params.get("error_description") ?? ""}`.trim());
  }
  window.close();
}
