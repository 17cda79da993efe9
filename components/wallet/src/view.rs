//! What the wallet's routes take and show.

use api::limits::{ENTRIES, ENTRIES_USUAL};
use api::view::{EntriesView, EntryView, WalletView};
use api::{Answer, Problem, Request};
use ledger::{Mark, User};
use teller::history::Entries;

/// Begins every cursor, so that its form can change without old ones being misread.
const CURSOR: &str = "e1-";

/// The parameter `at`: a sequence number.
pub fn at(request: &Request) -> Result<Option<u64>, Problem> {
    let Some(text) = request.query("at")? else { return Ok(None) };
    let seq = number(&text)
        .ok_or_else(|| Problem::malformed("The query parameter at is the number of an entry."))?;
    Ok(Some(seq))
}

/// The parameter `limit`.
pub fn limit(request: &Request) -> Result<usize, Problem> {
    let Some(text) = request.query("limit")? else { return Ok(ENTRIES_USUAL) };
    number(&text)
        .and_then(|limit| usize::try_from(limit).ok())
        .filter(|limit| ENTRIES.contains(limit))
        .ok_or_else(|| Problem::malformed("The query parameter limit is an integer from 1 to 200."))
}

/// The parameter `cursor`: the entry that was shown last. To clients it is opaque.
pub fn cursor(request: &Request) -> Result<Option<u64>, Problem> {
    let Some(text) = request.query("cursor")? else { return Ok(None) };
    let seq = text.strip_prefix(CURSOR).and_then(number).filter(|&seq| seq > 1);
    seq.map(Some)
        .ok_or_else(|| Problem::malformed("The query parameter cursor is not one that was given out."))
}

/// Decimal digits as JSON has them: no sign, no leading zeros.
fn number(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    (digits && (text == "0" || !text.starts_with('0'))).then(|| text.parse().ok()).flatten()
}

/// Where a wallet stands.
pub fn wallet(user: &User, mark: &Mark) -> Answer {
    Answer::json(&WalletView {
        user: user.as_str(),
        balance: mark.balance.to_string(),
        seq: mark.seq,
        hash: mark.hash.to_string(),
    })
}

/// A stretch of entries.
pub fn entries(stretch: &Entries) -> Answer {
    Answer::json(&EntriesView {
        entries: stretch.entries.iter().map(EntryView::from).collect(),
        next: stretch.next.map(|seq| format!("{CURSOR}{seq}")),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_number_has_one_spelling() {
        for (text, read) in [("0", Some(0)), ("7", Some(7)), ("18446744073709551615", Some(u64::MAX))] {
            assert_eq!(number(text), read);
        }
        for text in ["", "-1", "+1", "01", "1.0", " 1", "1e3", "18446744073709551616", "\u{661}"] {
            assert_eq!(number(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_number_is_read_back_as_it_is_written_or_not_at_all(text in "[-+0-9. ]{0,22}") {
            if let Some(read) = number(&text) {
                prop_assert_eq!(read.to_string(), text);
            }
        }
    }
}
