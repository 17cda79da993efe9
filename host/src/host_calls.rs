//! How often an instance has called its host. Each call costs about a microsecond, and under Spin's placement a route
//! is as fast as it makes few of them, so `budgets.toml` holds their number.
//!
//! wasmtime 48 runs no call hooks for components. But each imported function begins with a look at the instance's
//! state, by one of a few getters ([`crate::component`]), and these count. `wasi:http` looks a few times more while
//! the host hands over a request and takes its answer, and what waits for an answer may look once more after it; a
//! count is the same for the same requests. Not counted is what wasmtime does by itself, without the host's state:
//! streams, futures, `task.return`, waitable sets, and the end of a call or a resource of its own.

use std::env;
use std::fmt::{self, Display, Formatter};
use std::sync::LazyLock;

/// If it is set, each instance prints at its end how often it has called its host.
const HOST_CALLS: &str = "BANK_HOST_CALLS";
static ARE_PRINTED: LazyLock<bool> = LazyLock::new(|| env::var_os(HOST_CALLS).is_some());

/// An interface of the host.
#[derive(Clone, Copy)]
pub enum Interface {
    /// `wasi:http`.
    Http,
    /// `wasi:keyvalue` and `spin:key-value`.
    KeyValue,
    /// `spin:redis`.
    Redis,
    /// `wait-for` of `wasi:clocks`.
    Timers,
    /// `spin:variables`.
    Variables,
    /// The rest of WASI: clocks, random, the environment, stdout and stderr.
    Wasi,
}

impl Interface {
    const ALL: [Self; 6] =
        [Self::Http, Self::KeyValue, Self::Redis, Self::Timers, Self::Variables, Self::Wasi];

    fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::KeyValue => "key-value",
            Self::Redis => "redis",
            Self::Timers => "timers",
            Self::Variables => "variables",
            Self::Wasi => "wasi",
        }
    }
}

/// The calls of one instance, in the order of [`Interface::ALL`].
#[derive(Default)]
pub struct HostCalls([u64; Interface::ALL.len()]);

impl HostCalls {
    /// Counts a call.
    pub fn count(&mut self, interface: Interface) {
        if let Some(count) = self.0.get_mut(interface as usize) {
            *count = count.wrapping_add(1);
        }
    }

    /// Prints a line for an instance of `component`, if [`HOST_CALLS`] asks for it.
    pub fn print(&self, component: &str) {
        if *ARE_PRINTED {
            eprintln!("[{component}] host calls: {self}");
        }
    }
}

/// `http 8, redis 2, timers 1`.
impl Display for HostCalls {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let mut between = "";
        for (interface, count) in Interface::ALL.into_iter().zip(self.0).filter(|(_, count)| *count > 0) {
            write!(f, "{between}{} {count}", interface.name())?;
            between = ", ";
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{HostCalls, Interface};

    #[test]
    fn calls_are_listed_by_interface_and_none_is_left_out() {
        let mut calls = HostCalls::default();
        assert_eq!(calls.to_string(), "");
        Interface::ALL.into_iter().for_each(|interface| calls.count(interface));
        calls.count(Interface::Redis);
        assert_eq!(calls.to_string(), "http 1, key-value 1, redis 2, timers 1, variables 1, wasi 1");
    }
}
