// The issuer as a program, for compose.yaml. Whoever writes a name is whom it names: it is to try the bank with, never for money.
//   ISSUER    where browsers reach it
//   PAGES     the addresses of the bank, with spaces between

import { Issuer } from "./issuer.js";

const { ISSUER, PAGES } = process.env;
const issuer = await Issuer.start({ url: ISSUER, port: new URL(ISSUER).port, pages: PAGES.split(" ") });
// Has tokens without a page, by client_credentials.
issuer.employs("teller");
process.on("SIGTERM", () => process.exit());
console.log(`${ISSUER} issues tokens`);
