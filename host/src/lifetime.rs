//! When an instance ends: Spin's defaults, for either way of placing requests. And the error for requests whose
//! instance ended before it had answered.

use std::fmt;
use std::time::Duration;

/// How many requests an instance serves.
pub const REQUESTS_PER_INSTANCE: usize = 128;
/// How many at a time.
pub const REQUESTS_AT_ONCE: usize = 16;
/// How long it is kept idle.
pub const IDLE_LIMIT: Duration = Duration::from_secs(1);

/// The instance that had the request has failed, and has logged why.
#[derive(Debug)]
pub struct InstanceFailed;

impl fmt::Display for InstanceFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the instance failed")
    }
}

impl std::error::Error for InstanceFailed {}
