// The dashboard: each panel starts by itself. None waits for another, or for a sign-in.

import * as converter from "./converter.js";
import * as counter from "./counter.js";
import * as rates from "./rates.js";
import * as session from "./session.js";
import * as wallet from "./wallet.js";

rates.start();
converter.start();
counter.start();
wallet.start();
session.start();
