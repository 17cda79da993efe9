//! The parameters and answers of the wallet's routes.

use std::fmt::Display;

use api::limits::{DEFAULT_ENTRIES, ENTRIES};
use api::view::{EntriesView, EntryView, WalletView};
use api::{Answer, Code, Problem, Request};
use ledger::{Mark, User};
use teller::history::Entries;

/// The prefix of every cursor, so that its form can change without old ones being misread.
const CURSOR: &str = "e1-";

/// The parameter `at`: a sequence number. No wallet has an entry whose number does not fit into 64 bits.
pub fn at(request: &Request) -> Result<Option<u64>, Problem> {
    let Some(text) = request.query("at")? else { return Ok(None) };
    if !is_number(&text) {
        return Err(Problem::malformed("The query parameter at is the number of an entry."));
    }
    text.parse().map(Some).map_err(|_| no_such_entry(&text))
}

/// The parameter `limit`.
pub fn limit(request: &Request) -> Result<usize, Problem> {
    let Some(text) = request.query("limit")? else { return Ok(DEFAULT_ENTRIES) };
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

fn number(text: &str) -> Option<u64> {
    is_number(text).then(|| text.parse().ok()).flatten()
}

/// Decimal digits as JSON has them: no sign, no leading zeros.
fn is_number(text: &str) -> bool {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits && (text == "0" || !text.starts_with('0'))
}

/// There is no entry with this number yet.
pub fn no_such_entry(seq: impl Display) -> Problem {
    Problem::new(Code::NoSuchEntry, format!("The wallet has no entry {seq} yet."))
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

    fn request(query: &str) -> Option<Request> {
        let request = http::Request::get(format!("/v1/wallet/entries?{query}"));
        request.body(String::new()).ok().map(Request::new)
    }

    #[test]
    fn what_was_given_out_is_taken_back() {
        for seq in [2, 3, 51, u64::MAX] {
            assert_eq!(cursor(&request(&format!("cursor={CURSOR}{seq}")).unwrap()).unwrap(), Some(seq));
        }
        let plain = request("").unwrap();
        assert_eq!(
            (cursor(&plain).unwrap(), limit(&plain).unwrap(), at(&plain).unwrap()),
            (None, DEFAULT_ENTRIES, None)
        );
    }

    #[test]
    fn another_cursor_limit_or_entry_is_malformed() {
        for query in
            ["cursor=", "cursor=e1-", "cursor=e1-0", "cursor=e1-1", "cursor=e2-5", "cursor=5", "cursor=e1-05"]
        {
            assert!(cursor(&request(query).unwrap()).is_err(), "{query}");
        }
        for query in
            ["limit=", "limit=0", "limit=201", "limit=-1", "limit=1&limit=1", "limit=18446744073709551617"]
        {
            assert!(limit(&request(query).unwrap()).is_err(), "{query}");
        }
        for query in ["at=", "at=-1", "at=1.0", "at=1&at=1"] {
            assert!(at(&request(query).unwrap()).is_err(), "{query}");
        }
        let far = at(&request("at=18446744073709551616").unwrap()).unwrap_err();
        assert_eq!(far.code(), Code::NoSuchEntry);
    }

    proptest! {
        #[test]
        fn no_query_is_taken_that_is_not_its_own_number(text in "(e1-)?[-+0-9e%.]{0,22}") {
            let spelled = |prefix: &str, number: u64| format!("{prefix}{number}") == text;
            if let Some(request) = request(&format!("cursor={text}&limit={text}&at={text}")).filter(|_| !text.contains(['%', '+'])) {
                if let Ok(seq) = cursor(&request) {
                    prop_assert!(seq.is_some_and(|seq| seq > 1 && spelled(CURSOR, seq)));
                }
                if let Ok(limit) = limit(&request) {
                    prop_assert!((1..=200).contains(&limit) && spelled("", limit as u64));
                }
                if let Ok(seq) = at(&request) {
                    prop_assert!(seq.is_some_and(|seq| spelled("", seq)));
                }
            }
        }

        #[test]
        fn no_query_panics(query in "[!-~]{0,40}") {
            if let Some(request) = request(&query) {
                let _ = (cursor(&request), limit(&request), at(&request));
            }
        }

        #[test]
        fn a_number_is_read_back_as_it_is_written_or_not_at_all(text in "[-+0-9. ]{0,22}") {
            if let Some(read) = number(&text) {
                prop_assert_eq!(read.to_string(), text);
            }
        }
    }
}
