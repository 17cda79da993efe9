//! `bank verify`: checks a user's wallet in the application's store, from the first entry to the last.
//!
//! Reads only, and beside a running bank. Of the application it knows what `crates/teller` says of a
//! wallet, and nothing of its components.

use crate::cli::Verify;
use crate::kv;
use crate::manifest::Manifest;
use crate::redis::Patience;
use crate::runtime_config::{DEFAULT_LABEL, RuntimeConfig};
use anyhow::{Context as _, anyhow, bail};
use ledger::User;
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use store::breaker::{Breaker, Limits};
use store::kv::{Failed, Kv, RawKv};
use teller::audit::{Sound, audit};

/// Nobody waits behind it.
const PATIENCE: Patience = Patience::new(Duration::from_secs(10));
/// Entries between two words of progress.
const STEP: u64 = 100_000;

/// Checks the wallet; an error says where the first break is.
pub fn verify(options: &Verify) -> anyhow::Result<()> {
    let user: User = options.user.parse().map_err(|_| anyhow!("`{}` is no user's name", options.user))?;
    let manifest = Manifest::load(&options.from)?;
    let file = options.runtime_config_file.as_deref();
    let config = RuntimeConfig::load(file, &manifest.folder, options.state_dir.as_deref().map(Path::new))?;
    let store = kv::open(&config, PATIENCE, |label| label == DEFAULT_LABEL)?
        .remove(DEFAULT_LABEL)
        .context("the runtime config defines no store `default`")?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let read_only = ReadOnly { store, breaker: Breaker::new() };
    let checked = runtime.block_on(audit(&Kv::new(read_only), &user, progress));
    match checked {
        // Whoever reads may have gone already, as `head` does: that is no panic.
        Ok(sound) => {
            writeln!(std::io::stdout(), "{}", report(&user, &sound)).context("cannot write the report")
        }
        Err(unsound) => bail!("the wallet of {user} is broken: {unsound}"),
    }
}

fn progress(entries: u64) {
    if entries.is_multiple_of(STEP) {
        eprintln!("{entries} entries checked");
    }
}

fn report(user: &User, sound: &Sound) -> String {
    let Sound { head, pages, keys } = sound;
    format!(
        "{user}: {} entries in {pages} pages and the wallet, {keys} keys in the index, all sound\n\
         balance {}\nhash {}",
        head.seq, head.balance, head.hash
    )
}

/// A store of which nothing but reading is asked.
struct ReadOnly {
    store: Arc<dyn kv::Store>,
    breaker: Breaker,
}

impl RawKv for ReadOnly {
    type Cas = ();

    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, Failed> {
        self.store.get(key).await.map_err(|failure| {
            eprintln!("{failure}");
            Failed::Other
        })
    }

    async fn set(&self, _key: &str, _value: &[u8]) -> Result<(), Failed> {
        Err(Failed::Other)
    }

    async fn increment(&self, _key: &str, _delta: i64) -> Result<i64, Failed> {
        Err(Failed::Other)
    }

    async fn begin(&self, _key: &str) -> Result<((), Option<Vec<u8>>), Failed> {
        Err(Failed::Other)
    }

    async fn swap(&self, _cas: (), _value: &[u8]) {}
}

/// Whoever verifies has time.
impl Limits for ReadOnly {
    fn now(&self) -> Duration {
        Duration::ZERO
    }

    fn breaker(&self) -> &Breaker {
        &self.breaker
    }

    async fn by_deadline<T>(&self, call: impl Future<Output = T>) -> Option<T> {
        Some(call.await)
    }
}
