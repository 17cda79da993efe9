//! Exit codes: why a command failed, for `cron` or a Kubernetes Job.
//!
//! 0 is success, 1 any failure without a code of its own, 2 a wrong command line, and [`ExitError`] has the rest.

use crate::serve::Signals;
use std::fmt;
use std::process::ExitCode;

/// The exit code of [`ExitError::Unavailable`].
const UNAVAILABLE: u8 = 4;

/// A failure with an exit code of its own.
#[derive(Debug)]
pub enum ExitError {
    /// 3: money, a chain, a sum or an index is broken, in a store or in a file.
    Broken(String),
    /// 4: the store or the file's place could not be reached, or changed meanwhile; or a signal came. Try again.
    Unavailable(String),
    /// 5: what is there already must not be mixed with what would be written.
    Refused(String),
}

impl fmt::Display for ExitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Broken(why) | Self::Unavailable(why) | Self::Refused(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for ExitError {}

/// From now on a signal ends the process with code 4 (try again), since the command has not done its work.
pub fn on_signal() -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let signals = runtime.block_on(async { Signals::new() })?;
    let end = signals.end_the_process(UNAVAILABLE.into(), "Stopped by a signal. Begin again");
    std::thread::Builder::new().name("signals".to_owned()).spawn(move || runtime.block_on(end))?;
    Ok(())
}

/// The exit code for an error.
pub fn code(error: &anyhow::Error) -> ExitCode {
    ExitCode::from(match error.downcast_ref::<ExitError>() {
        Some(ExitError::Broken(_)) => 3,
        Some(ExitError::Unavailable(_)) => UNAVAILABLE,
        Some(ExitError::Refused(_)) => 5,
        None => 1,
    })
}
