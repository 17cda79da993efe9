//! The use of the store.

use teller::Error;

use super::event::Event;
use super::invariant::{invariant, must};
use crate::call::what;
use crate::disk::WriteMeans;

/// A wallet's value stays below this many bytes.
const WALLET_BYTES: usize = 8192;

/// Whether this is chosen once.
pub(crate) fn is_election(what: &str) -> bool {
    matches!(what, "wallet:elected" | "posts:elected")
}

invariant! {
    /// The bank reads whatever it wrote.
    NothingIsCorrupt: "nothing is corrupt", seen => {
        let Event::Ended(_, ended) = seen else { return Ok(()) };
        match ended.answer.error() {
            Some(error @ Error::Corrupt { .. }) => Err(error.to_string()),
            _ => Ok(()),
        }
    }
}

invariant! {
    /// With the longest keys too.
    TheWalletStaysUnder8Kb: "the wallet value stays under 8 KB", seen => {
        let Event::Written(written) = seen else { return Ok(()) };
        let length = written.after.bytes().len();
        must(length < WALLET_BYTES, || format!("{} has {length} bytes", written.key))
    }
}

invariant! {
    /// Whoever races to write a page or what a key became writes the same bytes.
    SealedBytesNeverChange: "sealed bytes never change", seen => {
        let Event::Written(written) = seen else { return Ok(()) };
        let what = what(written.key.as_str());
        let immutable = ["page:", "operation:", "post:"].iter().any(|sealed| what.starts_with(sealed));
        let before = written.before.as_ref().map(|cell| &cell.value);
        must(!immutable || before.is_none_or(|before| *before == written.after), || {
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            let before = before.map(|before| text(before.bytes())).unwrap_or_default();
            format!("{} was\n    {before}\n  and is\n    {}", written.key, text(written.after.bytes()))
        })
    }
}

invariant! {
    /// Fact 4; an election is swapped once, in the form that the increment left.
    NoKeyIsBothIncrementedAndSet: "no key is both incremented and set", seen => {
        let Event::Written(written) = seen else { return Ok(()) };
        let Some(before) = &written.before else { return Ok(()) };
        let election = is_election(what(written.key.as_str()));
        let mixes = match written.means {
            WriteMeans::Increment => before.set,
            WriteMeans::Set => before.incremented,
            WriteMeans::Swap | WriteMeans::SwapOfAbsent | WriteMeans::Elect => before.incremented,
        };
        let length = (before.value.bytes().len() == 8) == (written.after.bytes().len() == 8);
        must(!mixes || (election && written.means != WriteMeans::Set && length), || {
            format!("{} was written by {:?}", written.key, written.means)
        })
    }
}

invariant! {
    /// Fact 3.
    NoAbsentKeyIsSwapped: "no absent key is swapped", seen => {
        let Event::Written(written) = seen else { return Ok(()) };
        must(written.means != WriteMeans::SwapOfAbsent, || format!("{} was absent", written.key))
    }
}
