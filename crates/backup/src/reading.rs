//! Checks an export line by line. A line that breaks a rule is refused, and does not count.
//!
//! The order of lines is fixed (wallets by name, each after its pages; counters; refusals; posts). So nothing can
//! be there twice, and no earlier line has to be remembered. For each wallet: its pages follow one another from the
//! first entry, each entry continues the hash chain, and the wallet begins where its pages end. For all: deposits
//! less withdrawals are the balances; no idempotency key that has left a wallet or a counter is missing, and those
//! of a counter add up; totals and SHA-256 at the end are those of the lines before them.

use ledger::{Entry, Mark, Page, Tally, User, Wallet};
use sha2::{Digest, Sha256};

use crate::line::{Count, End, ExportStart, ExportTotals, Line, Malformed};
use crate::totals::Totals;

/// Why a file cannot be relied on as an export.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExportError {
    /// A line is malformed.
    #[error("{0}")]
    Line(#[from] Malformed),
    /// The first line is of another kind.
    #[error("the file does not begin as an export does")]
    Beginning,
    /// There is more after the last line.
    #[error("there is more behind the last line")]
    TrailingData,
    /// The last line is not there.
    #[error("the last line is missing: the file was cut off")]
    Truncated,
    /// A line is not where it belongs, or there twice.
    #[error("{0} is not where it belongs, or there twice")]
    Order(String),
    /// A wallet's chain, or a counter's sum, does not hold.
    #[error("{of}: {what}")]
    Unsound {
        /// Whose wallet or counter.
        of: String,
        /// What does not hold.
        what: &'static str,
    },
    /// The totals or the SHA-256 do not match the lines.
    #[error("{0}")]
    Sums(&'static str),
}

/// The position of a line in the order of the file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct LinePosition(u8, String, String);

/// Checks an export line by line while it is read or written.
#[derive(Debug, Clone)]
pub struct ExportReader {
    begin: Option<ExportStart>,
    /// The line of totals was read, and the last line.
    summed: bool,
    ended: bool,
    lines: u64,
    last: Option<LinePosition>,
    digest: Sha256,
    totals: Totals,
    /// The wallet whose pages are being read.
    group: Option<Group>,
    /// How many refusals must still follow: keys in the index that no page has.
    due_refusals: u64,
    /// The sum of the posts that must follow, and their least number.
    due_sum: i128,
    due_posts: u64,
    /// The sum of the posts so far.
    sum: i128,
}

/// A wallet of which pages were read.
#[derive(Debug, Clone)]
struct Group {
    user: User,
    end: Mark,
    keyed: u64,
    totals: Totals,
}

/// The totals of an export, from its last two lines; `tail` is its end. Lines before them are not checked.
#[must_use]
pub fn totals_at_end(tail: &[u8]) -> Option<Totals> {
    let mut lines = tail.strip_suffix(b"\n")?.rsplit(|byte| *byte == b'\n');
    let (end, sums) = (Line::decode(lines.next()?).ok()?, Line::decode(lines.next()?).ok()?);
    match (end, sums) {
        (Line::End(_), Line::Totals(sums)) => Some(sums.totals),
        _ => None,
    }
}

impl ExportReader {
    /// No line was read yet.
    #[must_use]
    pub fn new() -> Self {
        Self {
            begin: None,
            summed: false,
            ended: false,
            lines: 0,
            last: None,
            digest: Sha256::new(),
            totals: Totals::default(),
            group: None,
            due_refusals: 0,
            due_sum: 0,
            due_posts: 0,
            sum: 0,
        }
    }

    /// How the file began.
    #[must_use]
    pub fn begin(&self) -> Option<&ExportStart> {
        self.begin.as_ref()
    }

    /// What the lines so far come to.
    #[must_use]
    pub fn totals(&self) -> &Totals {
        &self.totals
    }

    /// The SHA-256 of the lines so far.
    #[must_use]
    pub fn sha256(&self) -> String {
        hex(&self.digest.clone().finalize())
    }

    /// Reads the next line, with its line feed.
    ///
    /// # Errors
    ///
    /// [`ExportError`]; then nothing in the line counts.
    pub fn line(&mut self, bytes: &[u8]) -> Result<Line, ExportError> {
        if self.ended {
            return Err(ExportError::TrailingData);
        }
        if !bytes.ends_with(b"\n") {
            return Err(ExportError::Truncated);
        }
        let line = Line::decode(bytes);
        if self.begin.is_none() && !matches!(line, Ok(Line::Export(_)) | Err(Malformed::Version(_))) {
            return Err(ExportError::Beginning);
        }
        let line = line?;
        self.take(&line, bytes)?;
        self.digest.update(bytes);
        self.lines = self.lines.saturating_add(1);
        Ok(line)
    }

    /// The line of totals for all lines so far.
    #[must_use]
    pub fn sums(&self, ended: String) -> Line {
        Line::Totals(Box::new(ExportTotals { ended, totals: self.totals.clone() }))
    }

    /// The last line, behind that one.
    #[must_use]
    pub fn end(&self) -> Line {
        Line::End(End { lines: self.lines, sha256: self.sha256() })
    }

    /// Succeeds if the last line was read, so that nothing is missing.
    ///
    /// # Errors
    ///
    /// [`ExportError::Truncated`].
    pub fn finish(&self) -> Result<&Totals, ExportError> {
        if self.ended { Ok(&self.totals) } else { Err(ExportError::Truncated) }
    }

    /// Drops the wallet whose pages are being read.
    pub fn leave_out(&mut self) {
        self.group = None;
    }

    fn take(&mut self, line: &Line, bytes: &[u8]) -> Result<(), ExportError> {
        self.check_order(line)?;
        match line {
            Line::Export(begin) => self.begin = Some(begin.clone()),
            Line::Page(user, number, page) => self.page(line, user, *number, page)?,
            Line::Wallet(user, wallet) => self.wallet(line, user, wallet)?,
            Line::Counter(_, count) => self.counter(line, count)?,
            Line::Refusal(_, outcome) => {
                if outcome.entry().is_some() || outcome.id().key().is_none() {
                    return Err(unsound(line, "is no refusal under an idempotency key"));
                }
                self.totals.refusals = self.totals.refusals.saturating_add(1);
            }
            Line::Post(_, post) => {
                self.totals.posts = self.totals.posts.saturating_add(1);
                self.sum = self.sum.saturating_add(post.total.map_or(0, |_| post.by.into()));
            }
            Line::Totals(sums) => {
                self.check_sums()?;
                if sums.totals != self.totals {
                    return Err(ExportError::Sums("the lines do not come to the totals behind them"));
                }
                self.summed = true;
            }
            Line::End(_) if self.end().encode() != bytes => {
                return Err(ExportError::Sums(
                    "the lines are not those that were written: some were changed",
                ));
            }
            Line::End(_) => self.ended = true,
        }
        self.last = position(line).or(self.last.take());
        Ok(())
    }

    /// Whether `line` may follow the lines so far.
    fn check_order(&self, line: &Line) -> Result<(), ExportError> {
        if self.summed != matches!(line, Line::End(_)) {
            return Err(ExportError::Order(describe(line)));
        }
        if matches!(line, Line::Export(_)) && self.begin.is_some() {
            return Err(ExportError::Order(describe(line)));
        }
        if let (Some(place), Some(last)) = (position(line), &self.last)
            && place <= *last
        {
            return Err(ExportError::Order(describe(line)));
        }
        if let Some(Group { user, .. }) = &self.group
            && !matches!(line, Line::Page(of, ..) | Line::Wallet(of, _) if of == user)
        {
            return Err(unsound(line, "stands where the wallet of the pages before it should"));
        }
        Ok(())
    }

    /// The wallet whose pages are being read, or that of `user` from its beginning.
    fn group_of(&self, user: &User) -> Group {
        let start = || Group { user: user.clone(), end: Mark::START, keyed: 0, totals: Totals::default() };
        self.group.clone().unwrap_or_else(start)
    }

    fn page(&mut self, line: &Line, user: &User, number: u64, page: &Page) -> Result<(), ExportError> {
        let mut group = self.group_of(user);
        if page.base() != &group.end || page.number() != number {
            return Err(unsound(line, "does not begin where the page before it ends"));
        }
        group.add(page.entries());
        group.end = *page.end();
        self.group = Some(group);
        Ok(())
    }

    fn wallet(&mut self, line: &Line, user: &User, wallet: &Wallet) -> Result<(), ExportError> {
        let mut group = self.group_of(user);
        if *wallet.base() != group.end {
            return Err(unsound(line, "does not begin where its last page ends"));
        }
        let Some(refusals) = wallet.indexed().checked_sub(group.keyed) else {
            return Err(unsound(line, "counts fewer idempotency keys than its pages have"));
        };
        group.add(wallet.entries());
        group.totals.wallets = 1;
        group.totals.balance.0 = wallet.head().balance.units();
        if !group.totals.balances() {
            return Err(unsound(line, "does not hold what its entries add up to"));
        }
        self.due_refusals = self.due_refusals.saturating_add(refusals);
        self.totals.add(&group.totals);
        self.group = None;
        Ok(())
    }

    fn counter(&mut self, line: &Line, count: &Count) -> Result<(), ExportError> {
        let keyed = count.posts.as_ref().map_or(0, Tally::sum);
        let total = count.cell.checked_add(keyed).filter(|total| *total >= 0);
        let total = total.ok_or_else(|| unsound(line, "is past every limit"))?;
        if let Some(posts) = &count.posts {
            self.due_sum = self.due_sum.saturating_add(posts.base().into());
            self.due_posts = self.due_posts.saturating_add(posts.indexed());
        }
        self.totals.counters = self.totals.counters.saturating_add(1);
        self.totals.counted = self.totals.counted.saturating_add(total.into());
        Ok(())
    }

    fn check_sums(&self) -> Result<(), ExportError> {
        if self.group.is_some() {
            return Err(ExportError::Sums("the last pages have no wallet"));
        }
        if !self.totals.balances() {
            return Err(ExportError::Sums("what came in less what went out is not what the wallets hold"));
        }
        if self.totals.refusals < self.due_refusals {
            return Err(ExportError::Sums("the index of wallets lacks idempotency keys"));
        }
        if self.totals.posts < self.due_posts || self.sum != self.due_sum {
            return Err(ExportError::Sums("the index of counters does not add up to what the counters hold"));
        }
        Ok(())
    }
}

impl Default for ExportReader {
    fn default() -> Self {
        Self::new()
    }
}

impl Group {
    fn add<'a>(&mut self, entries: impl Iterator<Item = &'a Entry>) {
        for entry in entries {
            self.totals.entry(entry);
            self.keyed = self.keyed.saturating_add(entry.id.key().is_some().into());
        }
    }
}

/// The position of a line in an export: by its kind, its owner, and its number or key.
fn position(line: &Line) -> Option<LinePosition> {
    let place = |rank, of: &str, which: &str| Some(LinePosition(rank, of.to_owned(), which.to_owned()));
    match line {
        Line::Export(_) | Line::Totals(_) | Line::End(_) => None,
        // A page is in order if it follows the one before; the wallet comes after all of them.
        Line::Page(user, number, _) => place(0, user.as_str(), &format!("{number:020}")),
        Line::Wallet(user, _) => place(0, user.as_str(), "wallet"),
        Line::Counter(tag, _) => place(1, tag.as_str(), ""),
        Line::Refusal(user, outcome) => {
            place(2, user.as_str(), outcome.id().key().map_or("", |key| key.as_str()))
        }
        Line::Post(tag, post) => place(3, tag.as_str(), post.key.as_str()),
    }
}

/// What a line is about, for messages.
fn describe(line: &Line) -> String {
    match line {
        Line::Export(_) => "the first line".to_owned(),
        Line::Page(user, number, _) => format!("page {number} of the wallet of {user}"),
        Line::Wallet(user, _) => format!("the wallet of {user}"),
        Line::Counter(tag, _) => format!("the counter {}", tag.as_str()),
        Line::Refusal(user, _) => format!("a refusal of {user}"),
        Line::Post(tag, _) => format!("a post of the counter {}", tag.as_str()),
        Line::Totals(_) => "the line of totals".to_owned(),
        Line::End(_) => "the last line".to_owned(),
    }
}

fn unsound(line: &Line, what: &'static str) -> ExportError {
    ExportError::Unsound { of: describe(line), what }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests;
