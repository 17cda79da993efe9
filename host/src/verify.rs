//! `bank verify`: checks a user's wallet in the application's store, from the first entry to the last.
//!
//! It only reads, and may run beside a running bank. Of the application it knows what `crates/teller` says about
//! wallets, and nothing about its components.

use crate::arguments::VerifyArguments;
use crate::backup;
use crate::exit::ExitError;
use crate::kv::reader::StoreReader;
use crate::redis::Patience;
use crate::runtime_config::DEFAULT_LABEL;
use anyhow::{Context as _, anyhow};
use ledger::User;
use std::io::Write as _;
use std::time::Duration;
use store::keys;
use store::kv::Kv;
use teller::audit::{Sound, Unsound, audit, check_index};

/// How long a call may take: nobody waits for the command.
const PATIENCE: Patience = Patience::new(Duration::from_secs(10));
/// How many entries lie between two reports of progress.
const ENTRIES_PER_REPORT: u64 = 100_000;

/// Checks the wallet, or all; the error says where the first break is.
pub fn verify(options: &VerifyArguments) -> anyhow::Result<()> {
    let Some(user) = &options.user else { return backup::verify_all(options) };
    let user: User = user.parse().map_err(|_| anyhow!("`{user}` is no user's name"))?;
    let store = options.store.store()?;
    let label = DEFAULT_LABEL;
    let reader = StoreReader::open(label, &store, PATIENCE)
        .with_context(|| format!("cannot open the key-value store `{label}`, {store}"))?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let checked = runtime.block_on(check(&reader, &user));
    match checked {
        // The reader of stdout may be gone, such as `head`: that must not panic.
        Ok(sound) => {
            writeln!(std::io::stdout(), "{}", report(&user, &sound)).context("cannot write the report")
        }
        Err(Unsound::Unavailable(why)) => Err(ExitError::Unavailable(why.to_string()).into()),
        Err(unsound) => Err(ExitError::Broken(format!("the wallet of {user} is broken: {unsound}")).into()),
    }
}

/// Checks the wallet and its pages; then, if the store can list keys, the whole index.
async fn check(reader: &StoreReader, user: &User) -> Result<Sound, Unsound> {
    let store = Kv::new(reader);
    let sound = audit(&store, user, progress).await?;
    let prefix = keys::operation(user.as_str(), "");
    match reader.keys(prefix.as_str()).await {
        Some(Ok(all)) => {
            let keys = all.iter().filter_map(|key| key.strip_prefix(prefix.as_str())?.parse().ok());
            check_index(&store, user, keys).await?;
        }
        Some(Err(failure)) => eprintln!("keys of entries that are gone were not looked for: {failure}"),
        None => {}
    }
    Ok(sound)
}

fn progress(entries: u64) {
    if entries.is_multiple_of(ENTRIES_PER_REPORT) {
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
