//! Every limit of the contract on a request. The published document takes its numbers from here.

use std::ops::RangeInclusive;
use std::time::Duration;

/// The largest body, in bytes.
pub const MAX_BODY_BYTES: usize = 4096;
/// How long a body may take to arrive.
pub const BODY_TIMEOUT: Duration = Duration::from_secs(10);
/// The longest request id that is echoed.
pub const MAX_REQUEST_ID_LENGTH: usize = 128;
/// The most bitcoins of one post: as many as there will ever be.
pub const MAX_BITCOINS: i64 = 21_000_000;
/// The longest name of a counter.
pub const MAX_COUNTER_NAME_LENGTH: usize = 64;
/// The largest value of a counter: every JSON reader keeps it exactly (2^53 - 1, RFC 8259 section 6).
pub const MAX_COUNTER_VALUE: i64 = 9_007_199_254_740_991;
/// What one post may add to a counter.
pub const COUNTER_INCREMENT: RangeInclusive<i64> = 1..=1_000_000_000;
/// How many entries one answer may show.
pub const ENTRIES: RangeInclusive<usize> = 1..=200;
/// How many it shows if the request has no `limit`.
pub const DEFAULT_ENTRIES: usize = 50;
