//! What a deployment consists of: its store, its processes, and their settings.

use crate::token;
use clap::ValueEnum;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// An allowed origin, which is set together with others.
pub(super) const CORS_ORIGIN: &str = "https://app.example";
const CORS_ORIGINS: &str = "http://localhost:5173 https://app.example\n";
/// So short that the suites do not wait long for stale rates.
const RATES_TTL_SECONDS: u64 = 1;
/// As `spin.toml` has it.
const STORAGE_DEADLINE: Duration = Duration::from_millis(500);
/// For scenarios that are not about outages: so long that a slow disk under a crowd is no outage.
const PATIENT_DEADLINE: Duration = Duration::from_secs(5);

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum StoreUnderTest {
    /// SQLite behind Spin's key-value store
    Sqlite,
    /// Redis behind Spin's key-value store
    #[value(name = "redis")]
    KvOnRedis,
    /// Redis, `store=redis`
    #[value(name = "direct")]
    RedisAdapter,
    /// One Redis, each bank behind the other adapter than its neighbour
    Both,
}

impl StoreUnderTest {
    /// The store of one of the processes.
    pub(super) fn of(self, index: usize) -> Self {
        match self {
            Self::Both if index.is_multiple_of(2) => Self::KvOnRedis,
            Self::Both => Self::RedisAdapter,
            other => other,
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::KvOnRedis => "redis",
            Self::RedisAdapter => "store=redis",
            Self::Both => "both adapters",
        }
    }
}

/// What a deployment consists of.
#[derive(Clone)]
pub struct Plan {
    pub store: StoreUnderTest,
    pub runner: PathBuf,
    pub manifest: PathBuf,
    pub processes: usize,
    /// How its stores misbehave; without it they do not.
    pub fault: Option<PathBuf>,
    /// How they place requests on instances, if not as `bank` does.
    pub placement: Option<&'static str>,
    /// Whether instances print how often they have called the host.
    pub counts_host_calls: bool,
    /// Where Redis is, if the deployment is not to start one.
    pub redis_url: Option<String>,
    /// Whether the last of its processes reaches Redis through a proxy.
    pub proxy: bool,
    pub rates_ttl_seconds: u64,
    pub storage_deadline: Duration,
    pub cors_origins: &'static str,
    /// Settings beside those of every deployment.
    pub variables: Vec<(&'static str, String)>,
    /// Its clients send tokens of this issuer, signed with this secret.
    pub mint: Option<(String, String)>,
}

impl Plan {
    /// One process on SQLite, three on one Redis.
    pub fn new(store: StoreUnderTest, runner: &Path, manifest: &Path) -> Self {
        let processes = if store == StoreUnderTest::Sqlite { 1 } else { 3 };
        let (runner, manifest) = (runner.to_owned(), manifest.to_owned());
        Self {
            store,
            runner,
            manifest,
            processes,
            fault: None,
            placement: None,
            counts_host_calls: false,
            redis_url: None,
            proxy: false,
            rates_ttl_seconds: RATES_TTL_SECONDS,
            storage_deadline: STORAGE_DEADLINE,
            cors_origins: CORS_ORIGINS,
            variables: Vec::new(),
            mint: None,
        }
    }

    /// The same with tokens that are signed with a secret, and scopes.
    pub fn with_tokens(self) -> Self {
        let variables = [
            ("auth", "jwt"),
            ("jwt_issuer", token::ISSUER),
            ("jwt_audience", token::AUDIENCE),
            ("jwt_secret", token::SECRET),
            ("jwt_scopes", "on"),
            ("oidc_client_id", "pages"),
        ];
        let mint = Some((token::ISSUER.to_owned(), token::SECRET.to_owned()));
        Self { mint, ..self.with(&variables) }
    }

    /// The same with these settings, which win over those that it has.
    pub fn with(mut self, variables: &[(&'static str, &str)]) -> Self {
        self.variables.extend(variables.iter().map(|(name, value)| (*name, (*value).to_owned())));
        self
    }

    /// The same with a long deadline, for scenarios that are not about time.
    pub fn patient(self) -> Self {
        Self { storage_deadline: PATIENT_DEADLINE, ..self }
    }
}
