//! The index of idempotency keys. Refusals are written, since they are in the index alone. Entries are not: they
//! follow from the pages.

use super::super::sorted::{Scratch, Sorted};
use super::super::store::Stored;
use super::state::{Mode, Walk};
use super::wallets::named;
use anyhow::Context as _;
use backup::Line;
use ledger::{IdempotencyKey, Outcome, Page, User};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{BufRead as _, BufReader, Lines};
use store::keys;

/// How many keys of one user are read at a time.
const KEYS_AT_ONCE: usize = 512;

/// The owner of something that the index must have, and what that is.
type ExpectedItem = (String, String);

/// What the index must have for the wallets that were read, in the order of their users.
pub(super) struct ExpectedInIndex {
    lines: Lines<BufReader<File>>,
    next: Option<ExpectedItem>,
}

impl ExpectedInIndex {
    pub(super) fn of(expected: Scratch) -> anyhow::Result<Self> {
        let mut expected = Self { lines: expected.read()?.lines(), next: None };
        expected.step()?;
        Ok(expected)
    }

    fn step(&mut self) -> anyhow::Result<()> {
        self.next = match self.lines.next() {
            Some(line) => {
                let line = line?;
                let (whose, what) = line.split_once(' ').context("a temporary file was changed")?;
                Some((whose.to_owned(), what.to_owned()))
            }
            None => None,
        };
        Ok(())
    }

    /// What must be there for `whose`, and for the users before, who have nothing in the index.
    pub(super) fn up_to(
        &mut self,
        whose: Option<&str>,
    ) -> anyhow::Result<(Vec<ExpectedItem>, Option<String>)> {
        let mut before = Vec::new();
        while let Some((next, what)) = self.next.take() {
            match whose {
                Some(whose) if next == whose => {
                    self.step()?;
                    return Ok((before, Some(what)));
                }
                Some(whose) if *next > *whose => {
                    self.next = Some((next, what));
                    return Ok((before, None));
                }
                _ => {
                    before.push((next, what));
                    self.step()?;
                }
            }
        }
        Ok((before, None))
    }
}

/// Keys of one owner at a time.
pub(super) struct KeysByOwner {
    sorted: Sorted,
    ahead: Option<(String, String)>,
}

impl KeysByOwner {
    pub(super) fn of(sorted: Sorted) -> Self {
        Self { sorted, ahead: None }
    }

    fn next(&mut self) -> anyhow::Result<Option<(String, String)>> {
        if let Some(next) = self.ahead.take() {
            return Ok(Some(next));
        }
        let Some(text) = self.sorted.next()? else { return Ok(None) };
        let text = str::from_utf8(&text)?;
        Ok(text.split_once('\0').map(|(owner, key)| (owner.to_owned(), key.to_owned())))
    }

    /// The next owner.
    pub(super) fn owner(&mut self) -> anyhow::Result<Option<String>> {
        self.ahead = self.next()?;
        Ok(self.ahead.as_ref().map(|(owner, _)| owner.clone()))
    }

    /// Some more keys of this owner; none at the end.
    pub(super) fn keys(&mut self, owner: &str) -> anyhow::Result<Vec<String>> {
        let mut keys = Vec::new();
        while keys.len() < KEYS_AT_ONCE
            && let Some(next) = self.next()?
        {
            if next.0 != owner {
                self.ahead = Some(next);
                break;
            }
            keys.push(next.1);
        }
        Ok(keys)
    }
}

impl Walk<'_> {
    /// Writes the refusals under users' idempotency keys. `expected` says how many each wallet counts.
    pub(super) fn refusals(&mut self, operations: Sorted, expected: Scratch) -> anyhow::Result<()> {
        let (mut operations, mut expected) = (KeysByOwner::of(operations), ExpectedInIndex::of(expected)?);
        loop {
            let owner = operations.owner()?;
            let (without, expected) = expected.up_to(owner.as_deref())?;
            for (user, missing) in without {
                self.report_missing(&user, missing.parse()?)?;
            }
            let Some(owner) = owner else { return Ok(()) };
            let user: User = owner.parse().ok().context("a user's name was changed")?;
            let expected: u64 = expected.as_deref().unwrap_or("0").parse()?;
            let mut found = 0_u64;
            loop {
                let some = operations.keys(&owner)?;
                if some.is_empty() {
                    break;
                }
                // A refusal that has come since the wallet was read changes nothing, so it is not read.
                if expected > 0 || self.mode == Mode::Verify {
                    found = found.saturating_add(self.write_refusals(&user, &some, expected > 0)?);
                }
                self.report_progress();
            }
            if found < expected {
                self.report_missing(&owner, expected.saturating_sub(found))?;
            }
        }
    }

    fn report_missing(&mut self, user: &str, missing: u64) -> anyhow::Result<()> {
        self.report_broken(&format!(
            "the wallet of {user}: {missing} idempotency keys that were refused are not in the index"
        ))
    }

    /// Writes the refusals under these keys, and returns their number.
    fn write_refusals(&mut self, user: &User, some: &[String], written: bool) -> anyhow::Result<u64> {
        let keys: Vec<String> =
            some.iter().map(|key| keys::operation(user.as_str(), key).to_string()).collect();
        let stored = self.store.get(&keys)?;
        let (mut refusals, mut entries) = (0_u64, Vec::new());
        for (key, stored) in some.iter().zip(stored) {
            let Some(stored) = stored else { continue };
            let outcome = match Outcome::decode(&stored) {
                Ok(outcome) if outcome.id().key().map(IdempotencyKey::as_str) == Some(key) => outcome,
                Ok(_) => {
                    self.report_unsound(named(user), "the index has another key in the place of one")?;
                    continue;
                }
                Err(corrupt) => {
                    self.report_broken(&format!("an idempotency key of {user}: {corrupt}"))?;
                    continue;
                }
            };
            if outcome.entry().is_some() {
                entries.push(outcome);
            } else if written {
                refusals = refusals.saturating_add(1);
                self.emit(&Line::Refusal(user.clone(), outcome))?;
            }
        }
        if self.mode == Mode::Verify {
            self.check_entries_exist(user, &entries)?;
        }
        Ok(refusals)
    }

    /// Checks that the entries in the index are in the wallet or its pages. A store that went back to an earlier wallet
    /// leaves keys whose entries are gone.
    fn check_entries_exist(&mut self, user: &User, outcomes: &[Outcome]) -> anyhow::Result<()> {
        if outcomes.is_empty() {
            return Ok(());
        }
        // Read after the index: what was in the index then is in a wallet by now.
        let Some(wallet) = self.wallet_now(user)? else {
            return self.report_unsound(named(user), "the index has entries of it, and it is gone or broken");
        };
        let entries = || outcomes.iter().filter_map(Outcome::entry);
        let sealed = entries().filter(|entry| entry.seq <= wallet.base().seq);
        let numbers: Vec<u64> =
            sealed.map(|entry| Page::number_of(entry.seq)).collect::<BTreeSet<u64>>().into_iter().collect();
        let keys: Vec<String> =
            numbers.iter().map(|number| keys::page(user.as_str(), *number).to_string()).collect();
        let stored: Vec<Stored> = self.store.get(&keys)?;
        let pages: BTreeMap<u64, Page> = numbers
            .into_iter()
            .zip(stored)
            .filter_map(|(number, page)| Some((number, Page::decode(number, &page?).ok()?)))
            .collect();
        for entry in entries() {
            let is_there = if entry.seq > wallet.base().seq {
                wallet.entries().any(|held| held == entry)
            } else {
                let page = pages.get(&Page::number_of(entry.seq));
                page.is_some_and(|page| page.entries().any(|held| held == entry))
            };
            if !is_there {
                self.report_unsound(
                    format!("entry {} of {}", entry.seq, named(user)),
                    "the index has it, and it is gone",
                )?;
            }
        }
        Ok(())
    }
}
