//! Limits on clients: flags of `bank up`, whose defaults are meant for the open network.
//!
//! A client that stalls costs one connection, for a bounded time: while it sends a head or a body, between
//! requests, and while it does not read its answer.

use clap::Args;
use std::time::Duration;

/// The flags.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "What a client may take")]
pub struct ClientLimits {
    /// How long a connection may be kept without a request on it; make it longer than that of a proxy in front
    #[arg(long, value_name = "SECONDS", default_value = "75", value_parser = seconds)]
    pub keep_alive_timeout: Duration,

    /// How long a request's head may take, from its first byte on
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = seconds)]
    pub head_timeout: Duration,

    /// How long a request's body may take, from the end of its head on
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = seconds)]
    pub body_timeout: Duration,

    /// How long an answer may wait for a client that does not read it, or reads less than 1 KiB a second
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = seconds)]
    pub send_timeout: Duration,

    /// After how long without a word a client's host is asked whether it is still there (TCP keepalive)
    #[arg(long, value_name = "SECONDS", default_value = "60", value_parser = seconds)]
    pub tcp_keepalive: Duration,

    /// How many connections there may be, if the system allows so many open files; one more closes the one that
    /// has kept `bank` waiting longest
    #[arg(long, value_name = "NUMBER", default_value = "4096", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub max_connections: u32,

    /// How many requests components work on at once; others wait for their turn
    #[arg(long, value_name = "NUMBER", default_value = "512", value_parser = clap::value_parser!(u32).range(1..=512))]
    pub max_requests: u32,

    /// How many requests may wait for each component; one more is answered 503 at once
    #[arg(long, value_name = "NUMBER", default_value = "1024", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub max_waiting: u32,
}

fn seconds(text: &str) -> Result<Duration, String> {
    match text.parse() {
        Ok(seconds @ 1..=86_400) => Ok(Duration::from_secs(seconds)),
        _ => Err("it must be a whole number of seconds from 1 to 86400".to_owned()),
    }
}

/// Open files that are not connections of clients: stores, listeners, and those of the runtime.
const OTHER_OPEN_FILES: u32 = 128;

impl ClientLimits {
    /// The limit of connections, or fewer if the system allows fewer open files.
    pub fn connections(&self) -> u32 {
        let files = std::fs::read_to_string("/proc/self/limits").ok();
        let files = files.as_deref().and_then(open_files);
        let most = files.map_or(u32::MAX, |files| files.saturating_sub(OTHER_OPEN_FILES).max(1));
        self.max_connections.min(most)
    }
}

/// The soft limit in the text of `/proc/self/limits`.
fn open_files(limits: &str) -> Option<u32> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_of_open_files_is_the_soft_one() {
        let text = "Limit                     Soft Limit           Hard Limit           Units\n\
                    Max processes             95979                95979                processes\n\
                    Max open files            1024                 524288               files\n";
        assert_eq!(open_files(text), Some(1024));
        assert_eq!(open_files(&text.replace("1024", "unlimited")), None);
        assert_eq!(open_files(""), None);
    }

    #[test]
    fn a_time_is_a_whole_number_of_seconds() {
        assert_eq!(seconds("600"), Ok(Duration::from_secs(600)));
        for wrong in ["0", "-1", "1.5", "10s", "86401", ""] {
            assert!(seconds(wrong).is_err(), "{wrong}");
        }
    }
}
