//! Reads a whole store in the order of an export, and checks it on the way.
//!
//! Keys are listed twice. The first pass finds wallets and counters. Each is read as it is at one moment, together
//! with the pages that it had then, which never change. Only then does the second pass find the index. An outcome
//! is in the index before it leaves its wallet or counter ([`teller`]), so the second pass misses none. Outcomes
//! that came to the index since then belong to later states, and are left out wherever they would count.

mod counters;
mod refusals;
mod wallets;

use super::sorted::Sorter;
use super::store::{Access, Store};
use super::{Reporter, store, unfinished};
use crate::arguments::Verify;
use crate::exit::ExitError;
use ::store::keys;
use backup::line::Begin;
use backup::{Broken, Line, Reading, Totals};
use std::io::Write as _;
use std::time::SystemTime;

/// So many breaks are named.
const NAMED: u64 = 10;

/// Where lines go.
pub type Out<'a> = dyn FnMut(&[u8]) -> anyhow::Result<()> + 'a;

/// What is done with what is found.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// A break ends it.
    Export,
    /// Reports breaks, and compares the index with the entries.
    Verify,
}

/// A store that is being read.
struct Walk<'a> {
    store: Store,
    mode: Mode,
    out: &'a mut Out<'a>,
    reading: Reading,
    broken: u64,
    progress: Reporter,
}

/// What was found.
pub struct Found {
    pub totals: Totals,
    pub began: String,
    broken: u64,
}

/// Writes the lines of an export to `out`.
pub fn export<'a>(place: &store::Location, out: &'a mut Out<'a>) -> anyhow::Result<Found> {
    walk(place, Mode::Export, out)
}

/// `bank verify --all`: the trial balance, and the first breaks.
pub fn verify_all(options: &Verify) -> anyhow::Result<()> {
    let found = walk(&options.store.place()?, Mode::Verify, &mut |_| Ok(()))?;
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

fn walk<'a>(place: &store::Location, mode: Mode, out: &'a mut Out<'a>) -> anyhow::Result<Found> {
    let began = now();
    let store = Store::open(place, Access::Read)?;
    let reading = Reading::new();
    let mut walk = Walk { store, mode, out, reading, broken: 0, progress: Reporter::new() };
    walk.is_no_ruin()?;
    let kind = walk.store.kind().to_owned();
    let bank = env!("CARGO_PKG_VERSION").to_owned();
    walk.emit(&Line::Export(Begin { bank, store: kind, began: began.clone() }))?;
    walk.all()?;
    walk.store.unchanged()?;
    let sums = walk.reading.sums(now());
    walk.emit(&sums)?;
    let end = walk.reading.end();
    walk.emit(&end)?;
    Ok(Found { totals: walk.reading.totals().clone(), began, broken: walk.broken })
}

impl Walk<'_> {
    fn all(&mut self) -> anyhow::Result<()> {
        let (mut users, mut counters) = (Sorter::new(), Sorter::new());
        self.scan(|whose| match whose {
            Whose::Wallet(user) => users.push(user.as_bytes()),
            Whose::Counter(tag) => counters.push(tag.as_bytes()),
            Whose::Operation(..) | Whose::Post(..) => Ok(()),
        })?;
        let due_refusals = self.wallets(users.sorted()?)?;
        let due_posts = self.counters(counters.sorted()?)?;
        let (mut operations, mut posts) = (Sorter::new(), Sorter::new());
        self.scan(|whose| match whose {
            Whose::Operation(user, key) => operations.push(format!("{user}\0{key}").as_bytes()),
            Whose::Post(tag, key) => posts.push(format!("{tag}\0{key}").as_bytes()),
            Whose::Wallet(_) | Whose::Counter(_) => Ok(()),
        })?;
        self.refusals(operations.sorted()?, due_refusals)?;
        self.posts(posts.sorted()?, due_posts)
    }

    /// Passes on each key that concerns money.
    fn scan(&mut self, mut each: impl FnMut(Whose<'_>) -> anyhow::Result<()>) -> anyhow::Result<()> {
        let (mut strange, mut keys) = (0_u64, 0_u64);
        let progress = &mut self.progress;
        self.store.scan(&mut |key| {
            keys = keys.saturating_add(1);
            progress.say(|| format!("{keys} keys found"));
            match whose(key) {
                Some(Sort::Money(whose)) => each(whose),
                Some(Sort::Other) => Ok(()),
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
    fn is_no_ruin(&mut self) -> anyhow::Result<()> {
        let key = keys::import().as_str().to_owned();
        if self.store.get(&[key])?.iter().any(Option::is_some) {
            return Err(unfinished::refused());
        }
        Ok(())
    }

    /// Writes a line, after checking it by the rules by which it will be read.
    fn emit(&mut self, line: &Line) -> anyhow::Result<()> {
        let bytes = line.encode();
        match self.reading.line(&bytes) {
            Ok(_) => (self.out)(&bytes),
            Err(broken) => self.breaks(&broken),
        }
    }

    /// Something does not hold.
    fn breaks(&mut self, what: &dyn std::fmt::Display) -> anyhow::Result<()> {
        if self.mode == Mode::Export {
            let why = format!("{what}. Nothing was exported; `bank verify --all` says what else is broken");
            return Err(ExitError::Broken(why).into());
        }
        self.broken = self.broken.saturating_add(1);
        if self.broken <= NAMED {
            eprintln!("broken: {what}");
        }
        Ok(())
    }

    fn unsound(&mut self, of: String, what: &'static str) -> anyhow::Result<()> {
        self.breaks(&Broken::Unsound { of, what })
    }

    fn say(&mut self) {
        let (totals, progress) = (self.reading.totals(), &mut self.progress);
        progress.say(|| format!("{} wallets, {} entries read", totals.wallets, totals.entries()));
    }
}

/// What a key has to do with money.
enum Whose<'a> {
    Wallet(String),
    Counter(&'a str),
    Operation(String, &'a str),
    Post(&'a str, &'a str),
}

enum Sort<'a> {
    Money(Whose<'a>),
    /// Rates, keys of issuers, what readiness writes, and what can be derived.
    Other,
}

/// What is stored under a key; `None` if the bank never writes such a key.
fn whose(key: &str) -> Option<Sort<'_>> {
    let Some((tag, what)) = keys::parts(key) else {
        return (key == keys::ready().as_str() || key == keys::import().as_str()).then_some(Sort::Other);
    };
    let (kind, which) = what.split_once(':').unwrap_or((what, ""));
    let user = || keys::user(tag).filter(|user| user.parse::<ledger::User>().is_ok());
    let counter = || keys::counter_of_tag(tag).is_some();
    Some(match kind {
        "wallet" if which == "tickets" => Sort::Other,
        "wallet" => Sort::Money(Whose::Wallet(user()?)),
        "operation" if which.parse::<ledger::IdempotencyKey>().is_ok() => {
            Sort::Money(Whose::Operation(user()?, which))
        }
        "page" => user().map(|_| Sort::Other)?,
        "cell" | "posts" if counter() => Sort::Money(Whose::Counter(tag)),
        "post" if counter() && which.parse::<ledger::IdempotencyKey>().is_ok() => {
            Sort::Money(Whose::Post(tag, which))
        }
        "last" | "history" | "claim" | "keys" | "write" => Sort::Other,
        _ => return None,
    })
}

/// Whether a key concerns money: a store with such a key is not empty.
pub fn is_money(key: &str) -> bool {
    matches!(whose(key), Some(Sort::Money(_)) | None) || key.contains("}:page:") || key.ends_with(":tickets")
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
