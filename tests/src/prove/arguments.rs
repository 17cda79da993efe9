//! The arguments of `prove`: which parts to run.

use super::deployment::{Plan, StoreUnderTest};
use clap::{Parser, ValueEnum};
use std::path::PathBuf;

/// Proves the contract against banks that it starts itself.
#[derive(Parser)]
pub struct ProveArguments {
    /// The runner; `bank`, or another that takes the same flags
    #[arg(long, default_value = "target/native/bank")]
    pub(super) bank: PathBuf,
    /// The application to serve
    #[arg(long, default_value = "spin.toml")]
    pub(super) manifest: PathBuf,
    /// Prove only this part; may be repeated
    #[arg(long, value_enum)]
    pub(super) only: Vec<Part>,
    /// Run only this suite (and no scenario) on the stores; may be repeated
    #[arg(long)]
    pub(super) suite: Vec<String>,
    /// How often a bank is killed under load, on each store
    #[arg(long, default_value_t = 5)]
    pub(super) rounds: u32,
    /// How often a master of Redis is killed under load
    #[arg(long, default_value_t = 2)]
    pub(super) failovers: usize,
    /// The seed of the requests that are made of the published document
    #[arg(long, default_value_t = 1)]
    pub(super) seed: u64,
    /// How many of them for each operation, at most
    #[arg(long, default_value_t = 100)]
    pub(super) cases: u32,
    /// Behind which of its adapters a Redis is killed and taken away; may be repeated
    #[arg(long, value_enum, default_values = ["redis", "direct"])]
    pub(super) adapter: Vec<StoreUnderTest>,
}

/// What can be proven on its own.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Part {
    /// The manifest, the runtime configuration, the size of the components
    Files,
    /// One process on SQLite
    Sqlite,
    /// Three processes on one Redis
    Redis,
    /// A crowd that asks three processes for rates
    Crowd,
    /// Three processes on one Redis Cluster, `store=redis`
    Cluster,
    /// Masters that are killed under load: of a Redis Cluster, and behind Sentinel
    Failover,
    /// Totals of a counter that is posted to with and without keys, `store=redis`
    Totals,
    /// A crowd at one wallet on three processes that place requests as Spin does, behind each adapter
    Hot,
    /// A CoinGecko that refuses, fails or is away; clocks and settings that are off
    Upstream,
    /// The money part on both, on stores that misbehave as Spin's do and worse
    Faults,
    /// Redis away in every way there is, behind each adapter
    Outages,
    /// What an operator of Redis does, behind each adapter: few rights, a failover, wrong addresses
    Operator,
    /// The published document, and every answer held to it
    Api,
    /// What requests cost, on each of the ways to Redis: storage calls and memory
    Budget,
    /// Banks killed under load, and nothing else; a part of `sqlite` and `redis`
    Torture,
    /// `auth=jwt`: every route, every way to be refused, an issuer that dies, lies and changes its keys, all suites
    Tokens,
    /// Exports under load, restored into stores of other kinds
    Backup,
    /// The other pairs of them, and disasters; not a part of `make test`
    Drills,
    /// Stored documents that another hand changed, and nothing else; a part of `sqlite` and `redis`
    Damage,
}

impl ProveArguments {
    /// Whether this part is to be proven.
    pub(super) fn want(&self, part: Part) -> bool {
        self.only.is_empty() || self.only.contains(&part)
    }

    /// The same for a part that has scenarios and no suites of its own.
    pub(super) fn want_scenarios(&self, part: Part) -> bool {
        self.want(part) && self.suite.is_empty()
    }

    /// Whether any part that satisfies `holds` is to be proven.
    pub(super) fn want_any(&self, holds: impl Fn(Part) -> bool) -> bool {
        self.only.is_empty() || self.only.iter().any(|part| holds(*part))
    }

    /// The usual plan for banks on this store.
    pub(super) fn plan(&self, store: StoreUnderTest) -> Plan {
        Plan::new(store, &self.bank, &self.manifest)
    }
}

impl Part {
    pub(super) fn needs_suites(self) -> bool {
        !matches!(
            self,
            Self::Budget
                | Self::Failover
                | Self::Outages
                | Self::Torture
                | Self::Damage
                | Self::Backup
                | Self::Drills
                | Self::Upstream
                | Self::Totals
                | Self::Hot
        )
    }

    pub(super) fn needs_redis(self) -> bool {
        !matches!(self, Self::Files | Self::Sqlite | Self::Upstream | Self::Api)
    }
}
