//! Every number that the suites check the product against, in one place. What it may cost is in `budgets.toml`.

use std::time::Duration;

/// The dashboard with all its files, packed: issue 5.
pub const DASHBOARD_BYTES: usize = 60_000;
/// The second start of `bank`, until it says that it is serving.
pub const SECOND_START: Duration = Duration::from_millis(300);
/// How long a test waits for an answer.
pub const ANSWER: Duration = Duration::from_secs(20);
/// How soon `/readyz` says that the store is dead.
pub const NOT_READY: Duration = Duration::from_millis(600);
/// How soon everything is answered in an outage of 3 s or more. It is no performance figure; it shows that nothing
/// hangs.
pub const NOT_HANGING: Duration = Duration::from_millis(2_500);
/// How soon the bank serves again once its store is back.
pub const BACK_AGAIN: Duration = Duration::from_secs(10);
/// How long a request may wait for rates: 3 s for upstream, and some more.
pub const RATES_ANSWER: Duration = Duration::from_millis(4_500);
/// The largest body that is read.
pub const BODY_BYTES: usize = 4096;
