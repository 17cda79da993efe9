//! Wallets, each with its pages.

use super::super::sorted::{Scratch, Sorted};
use super::super::store::Stored;
use super::state::{Mode, Walk};
use backup::{Line, item};
use ledger::{Outcome, Page, User, Wallet};
use store::keys;

/// How many wallets are read at a time, and how many pages of one wallet.
const WALLETS_AT_ONCE: usize = 512;
const PAGES_AT_ONCE: u64 = 128;

/// A wallet as it was found.
enum FoundWallet {
    Nowhere,
    /// It was opened, and is gone.
    Gone,
    Here(Vec<u8>),
}

impl Walk<'_> {
    /// Writes the wallets of these users. For each it notes how many refusals it has in the index.
    pub(super) fn wallets(&mut self, mut users: Sorted) -> anyhow::Result<Scratch> {
        let mut expected = Scratch::new()?;
        loop {
            let some = users.next_up_to(WALLETS_AT_ONCE)?;
            if some.is_empty() {
                return Ok(expected);
            }
            let users: Vec<User> =
                some.iter().filter_map(|user| str::from_utf8(user).ok()?.parse().ok()).collect();
            let found = self.find(&users)?;
            let ahead = self.next_pages(&users, &found)?;
            for ((user, found), ahead) in users.iter().zip(found).zip(ahead) {
                self.report_progress();
                match found {
                    FoundWallet::Nowhere => {}
                    FoundWallet::Gone => self.report_unsound(named(user), "it was opened, and is gone")?,
                    FoundWallet::Here(stored) => {
                        if let Some(missing) = self.wallet(user, &stored, ahead)? {
                            expected.push(format_args!("{user} {missing}"))?;
                        }
                    }
                }
            }
        }
    }

    /// Where each wallet is: mostly under its plain key, otherwise under that of the elected ticket
    /// ([`store::first_write`]).
    fn find(&mut self, users: &[User]) -> anyhow::Result<Vec<FoundWallet>> {
        let empty = Wallet::new().encode();
        let opening = |user: &User| keys::wallet(user.as_str());
        let plain: Vec<String> = users.iter().map(|user| opening(user).plain().to_string()).collect();
        let mut found = Vec::with_capacity(users.len());
        for (user, held) in users.iter().zip(self.store.get(&plain)?) {
            found.push(match held.filter(|held| *held != empty) {
                Some(held) => FoundWallet::Here(held),
                None => self.elected(&opening(user))?,
            });
        }
        Ok(found)
    }

    fn elected(&mut self, opening: &keys::ElectedKeys) -> anyhow::Result<FoundWallet> {
        let ticket = self.read_one(opening.election().to_string())?;
        let ticket = ticket.and_then(|held| self.store.number(&held)).filter(|ticket| *ticket != 0);
        let Some(ticket) = ticket else { return Ok(FoundWallet::Nowhere) };
        Ok(self.read_one(opening.of_ticket(ticket).to_string())?.map_or(FoundWallet::Gone, FoundWallet::Here))
    }

    pub(super) fn read_one(&mut self, key: String) -> anyhow::Result<Stored> {
        Ok(self.store.get(&[key])?.pop().flatten())
    }

    /// The page after the last one of each wallet, if it exists; read after the wallet.
    fn next_pages(&mut self, users: &[User], found: &[FoundWallet]) -> anyhow::Result<Vec<Stored>> {
        if self.mode == Mode::Export {
            return Ok(users.iter().map(|_| None).collect());
        }
        let next = |(user, found): (&User, &FoundWallet)| {
            let base = match found {
                FoundWallet::Here(stored) => Wallet::decode(stored).map_or(0, |wallet| wallet.base().seq),
                FoundWallet::Nowhere | FoundWallet::Gone => 0,
            };
            keys::page(user.as_str(), Page::number_of(base.saturating_add(1))).to_string()
        };
        let keys: Vec<String> = users.iter().zip(found).map(next).collect();
        self.store.get(&keys)
    }

    /// Writes a wallet after its pages, and returns how many of its idempotency keys belong to no entry.
    fn wallet(&mut self, user: &User, stored: &[u8], ahead: Stored) -> anyhow::Result<Option<u64>> {
        let broken = self.broken;
        let wallet = match Wallet::decode(stored) {
            Ok(wallet) => wallet,
            Err(corrupt) => {
                self.report_broken(&format!("{}: {corrupt}", named(user)))?;
                return Ok(None);
            }
        };
        if let Some(page) = ahead
            && self.is_ahead(user, &page)?
        {
            self.report_unsound(named(user), "it is an earlier one: a page has entries that it has not")?;
        }
        let pages = wallet.base().seq.div_euclid(ledger::seal::PAGE_ENTRIES as u64);
        let (mut number, mut keyed) = (0, 0_u64);
        while number < pages && self.broken == broken {
            let numbers = number..pages.min(number.saturating_add(PAGES_AT_ONCE));
            number = numbers.end;
            keyed = keyed.saturating_add(self.pages(user, numbers)?);
            self.report_progress();
        }
        if self.broken == broken {
            self.emit(&Line::Wallet(user.clone(), wallet.clone()))?;
        }
        if self.broken != broken {
            self.reading.leave_out();
            return Ok(None);
        }
        Ok(wallet.indexed().checked_sub(keyed).filter(|missing| *missing > 0))
    }

    /// Writes these pages, and returns how many idempotency keys their entries have.
    fn pages(&mut self, user: &User, numbers: std::ops::Range<u64>) -> anyhow::Result<u64> {
        let keys: Vec<String> =
            numbers.clone().map(|number| keys::page(user.as_str(), number).to_string()).collect();
        let stored = self.store.get(&keys)?;
        let mut index = Vec::new();
        for (number, page) in numbers.zip(stored) {
            let page = match page.map(|page| Page::decode(number, &page)) {
                Some(Ok(page)) => page,
                Some(Err(corrupt)) => {
                    self.report_broken(&format!("page {number} of {}: {corrupt}", named(user)))?;
                    return Ok(0);
                }
                None => {
                    self.report_unsound(format!("page {number} of {}", named(user)), "it is missing")?;
                    return Ok(0);
                }
            };
            index.extend(item::index(&page));
            self.emit(&Line::Page(user.clone(), number, page))?;
        }
        if self.mode == Mode::Verify {
            self.check_index(user, &index)?;
        }
        Ok(u64::try_from(index.len()).unwrap_or(u64::MAX))
    }

    /// Checks that the index has what must be in it.
    fn check_index(&mut self, user: &User, index: &[(String, Outcome)]) -> anyhow::Result<()> {
        let keys: Vec<String> =
            index.iter().map(|(key, _)| keys::operation(user.as_str(), key).to_string()).collect();
        for ((_, outcome), held) in index.iter().zip(self.store.get(&keys)?) {
            let seq = outcome.entry().map_or(0, |entry| entry.seq);
            let what = match held.map(|held| Outcome::decode(&held)) {
                Some(Ok(held)) if held == *outcome => continue,
                Some(_) => "the index leads to another entry",
                None => "the idempotency key is not in the index",
            };
            self.report_unsound(format!("entry {seq} of {}", named(user)), what)?;
        }
        Ok(())
    }

    /// Whether a page after the wallet's last one has entries that the wallet lacks now.
    fn is_ahead(&mut self, user: &User, stored: &[u8]) -> anyhow::Result<bool> {
        let FoundWallet::Here(now) =
            self.find(std::slice::from_ref(user))?.pop().unwrap_or(FoundWallet::Nowhere)
        else {
            return Ok(true);
        };
        let Ok(wallet) = Wallet::decode(&now) else { return Ok(true) };
        // The page itself says which one it is.
        let number = |base: u64| Page::number_of(base.saturating_add(1));
        let base = wallet.base().seq;
        let Ok(page) = Page::decode(number(base), stored) else {
            // The wallet has moved on since, and the page belongs to it.
            return Ok(!(0..number(base)).rev().take(64).any(|number| Page::decode(number, stored).is_ok()));
        };
        Ok(!page.entries().all(|entry| wallet.entries().any(|held| held == entry)))
    }

    /// A user's wallet as it is now, if it exists and is sound.
    pub(super) fn wallet_now(&mut self, user: &User) -> anyhow::Result<Option<Wallet>> {
        match self.find(std::slice::from_ref(user))?.pop() {
            Some(FoundWallet::Here(stored)) => Ok(Wallet::decode(&stored).ok()),
            _ => Ok(None),
        }
    }
}

pub(super) fn named(user: &User) -> String {
    format!("the wallet of {user}")
}
