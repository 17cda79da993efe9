//! Settings of Redis that may lose acknowledged writes, as `INFO` reports them.

use crate::reason::is_in;

/// The risks, in words for the log; empty if `INFO` shows none.
#[must_use]
pub fn risks(info: &[u8]) -> Vec<&'static str> {
    let evicts = is_in(b"maxmemory_policy:", info) && !is_in(b"maxmemory_policy:noeviction", info);
    let forgets = is_in(b"aof_enabled:0", info);
    let all = [(evicts, "maxmemory-policy is not noeviction"), (forgets, "appendonly is off")];
    all.into_iter().filter(|(is_so, _)| *is_so).map(|(_, what)| what).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_redis_that_evicts_or_forgets_says_so_itself() {
        for (info, expected) in [
            ("maxmemory_policy:noeviction\r\naof_enabled:1\r\n", &[][..]),
            ("maxmemory_policy:volatile-lru\r\naof_enabled:1\r\n", &["maxmemory-policy is not noeviction"]),
            ("aof_enabled:0\r\nmaxmemory_policy:noeviction\r\n", &["appendonly is off"]),
            (
                "aof_enabled:0\r\nmaxmemory_policy:allkeys-lru\r\n",
                &["maxmemory-policy is not noeviction", "appendonly is off"],
            ),
            ("redis_version:7.0.15\r\n", &[]),
            ("", &[]),
        ] {
            assert_eq!(risks(info.as_bytes()), expected, "{info}");
        }
    }
}
