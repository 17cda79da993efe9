// The dashboard: each panel starts on its own, and none waits for another, nor for somebody to sign in.

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
