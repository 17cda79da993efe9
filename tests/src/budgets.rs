//! `budgets.toml`: the most that the product may cost.

use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::Path;

/// The whole file; a key that no test uses is an error.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Budgets {
    pub bytes: Bytes,
    pub dependencies: Dependencies,
    pub memory: Memory,
    pub start: Start,
    /// By store, then by request: the commands that Redis gets for it, in order.
    pub storage_calls: BTreeMap<String, BTreeMap<String, String>>,
    /// By store, then for the first request of an instance and for the others, then by request: how often it calls
    /// each interface of the host.
    pub host_calls: BTreeMap<String, BTreeMap<String, BTreeMap<String, String>>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bytes {
    /// All components but `docs`, `tar | gzip`.
    pub packed: u64,
    /// Each `.wasm`.
    pub components: BTreeMap<String, u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dependencies {
    /// Crates in the components, without our own.
    pub components: usize,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Memory {
    /// The bank's resident set after 10,000 requests.
    pub resident_bytes: u64,
    /// How much it may grow in the last 8,000 of them.
    pub growth_bytes: u64,
    /// How much it may grow for each answer that nobody reads.
    pub unread_bytes: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Start {
    /// The CPU time of a start that has to compile everything.
    pub cpu_seconds: u64,
}

impl Budgets {
    /// Reads the file at the root.
    pub fn load() -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../budgets.toml");
        let text = std::fs::read_to_string(&path).expect("budgets.toml");
        toml::from_str(&text).expect("budgets.toml")
    }
}
