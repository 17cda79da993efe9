// The issuer as a program, for compose.yaml. It believes whatever name is written: use it to try the bank, never for money.
//   ISSUER    where browsers reach it
//   PAGES     the addresses of the bank, separated by spaces

import { Issuer } from "./issuer.js";

const { ISSUER, PAGES } = process.env;
const issuer = await Issuer.start({ url: ISSUER, port: new URL(ISSUER).port, pages: PAGES.split(" ") });
// This service gets tokens without a page, by client_credentials.
issuer.employs("teller");
process.on("SIGTERM", () => process.exit());
console.log(`${ISSUER} issues tokens`);
