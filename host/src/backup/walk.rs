//! Reads a whole store in the order of an export, and checks it on the way.
//!
//! Keys are listed twice. The first pass finds wallets and counters. Each is read as it is at one moment, together
//! with the pages that it had then, which never change. Only then does the second pass find the index. An outcome
//! is in the index before it leaves its wallet or counter ([`teller`]), so the second pass misses none. Outcomes
//! that came to the index since then belong to later states, and are left out wherever they would count.

mod counters;
mod refusals;
mod state;
mod wallets;

use super::sorted::Sorter;
use super::store::{Access, WholeStore};
use super::{store, unfinished};
use crate::arguments::VerifyArguments;
use crate::exit::ExitError;
use ::store::keys;
use backup::line::ExportStart;
use backup::{Line, Totals};
use state::{LineSink, Mode, Walk};
use std::io::Write as _;
use std::time::SystemTime;

/// What was found.
pub struct WalkReport {
    pub totals: Totals,
    pub began: String,
    broken: u64,
}

/// Writes the lines of an export to `out`.
pub fn export<'a>(location: &store::Location, out: &'a mut LineSink<'a>) -> anyhow::Result<WalkReport> {
    walk(location, Mode::Export, out)
}

/// `bank verify --all`: the trial balance, and the first breaks.
pub fn verify_all(options: &VerifyArguments) -> anyhow::Result<()> {
    let found = walk(&options.store.location()?, Mode::Verify, &mut |_| Ok(()))?;
    let totals = &found.totals;
    let report = format!("{totals}\nbroken       {}", found.broken);
    writeln!(std::io::stdout(), "{report}")?;
    if found.broken > 0 {
        return Err(ExitError::Broken(format!("{} breaks; the first are named above", found.broken)).into());
    }
    if totals.wallets < options.at_least {
        let why = format!("there are {} wallets, and not {} (--at-least)", totals.wallets, options.at_least);
        return Err(ExitError::Refused(why).into());
    }
    Ok(())
}

/// The moment, as text.
pub fn now() -> String {
    eventlog::rfc3339(SystemTime::now())
}

fn walk<'a>(location: &store::Location, mode: Mode, out: &'a mut LineSink<'a>) -> anyhow::Result<WalkReport> {
    let began = now();
    let mut walk = Walk::new(WholeStore::open(location, Access::Read)?, mode, out);
    walk.refuse_interrupted_import()?;
    let kind = walk.store.kind().to_owned();
    let bank = env!("CARGO_PKG_VERSION").to_owned();
    walk.emit(&Line::Export(ExportStart { bank, store: kind, began: began.clone() }))?;
    walk.run()?;
    walk.store.unchanged()?;
    let sums = walk.reading.sums(now());
    walk.emit(&sums)?;
    let end = walk.reading.end();
    walk.emit(&end)?;
    Ok(WalkReport { totals: walk.reading.totals().clone(), began, broken: walk.broken })
}

impl Walk<'_> {
    fn run(&mut self) -> anyhow::Result<()> {
        let (mut users, mut counters) = (Sorter::new(), Sorter::new());
        self.scan(|key| match key {
            MoneyKey::Wallet(user) => users.push(user.as_bytes()),
            MoneyKey::Counter(tag) => counters.push(tag.as_bytes()),
            MoneyKey::Operation(..) | MoneyKey::Post(..) => Ok(()),
        })?;
        let expected_refusals = self.wallets(users.sorted()?)?;
        let expected_posts = self.counters(counters.sorted()?)?;
        let (mut operations, mut posts) = (Sorter::new(), Sorter::new());
        self.scan(|key| match key {
            MoneyKey::Operation(user, key) => operations.push(format!("{user}\0{key}").as_bytes()),
            MoneyKey::Post(tag, key) => posts.push(format!("{tag}\0{key}").as_bytes()),
            MoneyKey::Wallet(_) | MoneyKey::Counter(_) => Ok(()),
        })?;
        self.refusals(operations.sorted()?, expected_refusals)?;
        self.posts(posts.sorted()?, expected_posts)
    }

    /// Passes on each key that concerns money.
    fn scan(&mut self, mut each: impl FnMut(MoneyKey<'_>) -> anyhow::Result<()>) -> anyhow::Result<()> {
        let (mut strange, mut keys) = (0_u64, 0_u64);
        let progress = &mut self.progress;
        self.store.scan(&mut |key| {
            keys = keys.saturating_add(1);
            progress.report(|| format!("{keys} keys found"));
            match kind_of(key) {
                Some(KeyKind::Money(key)) => each(key),
                Some(KeyKind::Other) => Ok(()),
                None => {
                    strange = strange.saturating_add(1);
                    Ok(())
                }
            }
        })?;
        if strange > 0 {
            eprintln!("{strange} keys are none of the bank's, though they begin as such: they are left out");
        }
        Ok(())
    }

    /// Fails if an import into this store was interrupted.
    fn refuse_interrupted_import(&mut self) -> anyhow::Result<()> {
        let key = keys::import().as_str().to_owned();
        if self.store.get(&[key])?.iter().any(Option::is_some) {
            return Err(unfinished::interrupted());
        }
        Ok(())
    }
}

/// A key that concerns money.
enum MoneyKey<'a> {
    Wallet(String),
    Counter(&'a str),
    Operation(String, &'a str),
    Post(&'a str, &'a str),
}

/// What is stored under a key.
enum KeyKind<'a> {
    Money(MoneyKey<'a>),
    /// Rates, keys of issuers, what readiness writes, and what can be derived.
    Other,
}

/// What is stored under a key; `None` if the bank never writes such a key.
fn kind_of(key: &str) -> Option<KeyKind<'_>> {
    let Some((tag, what)) = keys::parts(key) else {
        return (key == keys::ready().as_str() || key == keys::import().as_str()).then_some(KeyKind::Other);
    };
    let (kind, which) = what.split_once(':').unwrap_or((what, ""));
    let user = || keys::user(tag).filter(|user| user.parse::<ledger::User>().is_ok());
    let counter = || keys::counter_of_tag(tag).is_some();
    Some(match kind {
        "wallet" if which == "tickets" => KeyKind::Other,
        "wallet" => KeyKind::Money(MoneyKey::Wallet(user()?)),
        "operation" if which.parse::<ledger::IdempotencyKey>().is_ok() => {
            KeyKind::Money(MoneyKey::Operation(user()?, which))
        }
        "page" => user().map(|_| KeyKind::Other)?,
        "cell" | "posts" if counter() => KeyKind::Money(MoneyKey::Counter(tag)),
        "post" if counter() && which.parse::<ledger::IdempotencyKey>().is_ok() => {
            KeyKind::Money(MoneyKey::Post(tag, which))
        }
        "last" | "history" | "claim" | "keys" | "write" => KeyKind::Other,
        _ => return None,
    })
}

/// Whether a key concerns money: a store with such a key is not empty.
pub fn is_money(key: &str) -> bool {
    matches!(kind_of(key), Some(KeyKind::Money(_)) | None)
        || key.contains("}:page:")
        || key.ends_with(":tickets")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_money_is_known_by_its_key() {
        for key in [
            keys::rates().as_str(),
            keys::rates_history().as_str(),
            keys::rates_claim().plain().as_str(),
            keys::rates_claim().election().as_str(),
            keys::issuer("0f").as_str(),
            keys::issuer_claim("0f").plain().as_str(),
            keys::ready().as_str(),
            keys::ready_in_cluster(3).as_str(),
        ] {
            assert!(!is_money(key), "{key}");
        }
        let counter = keys::counter("visits");
        for key in [
            keys::wallet("rates").plain().as_str(),
            keys::wallet("urn:a").of_ticket(2).as_str(),
            keys::wallet("ann").tickets().as_str(),
            keys::wallet("ann").election().as_str(),
            keys::page("ann", 0).as_str(),
            keys::operation("ann", "a:b").as_str(),
            keys::bitcoins().cell().as_str(),
            counter.cell().as_str(),
            counter.posts().plain().as_str(),
            counter.post("k").as_str(),
            "bank:something else",
        ] {
            assert!(is_money(key), "{key}");
        }
    }
}
