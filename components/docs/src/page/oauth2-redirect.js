// Where the issuer leads back to. The code is handed to the page that asked for it, and only in answer to what it asked.
"use strict";

const asked = window.opener?.swaggerUIRedirectOauth2;
const said = new URLSearchParams(location.search);
const refuse = (message) => asked.errCb({ authId: asked.auth.name, source: "auth", level: "error", message });

if (asked) {
  if (said.get("state") !== asked.state) {
    refuse("That was no answer to this sign-in. Authorize again.");
  } else if (said.has("code")) {
    delete asked.state;
    asked.auth.code = said.get("code");
    asked.callback({ auth: asked.auth, redirectUrl: asked.redirectUrl });
  } else {
    refuse(`The issuer says ${said.get("error") ?? "nothing"}. ${said.get("error_description") ?? ""}`.trim());
  }
  window.close();
}
