//! A model of the script in Rust, for the simulator and whatever else plays Redis.
//!
//! A step reads keys, answers, and writes. A test runs random scripts on a real Redis and on the model
//! (`tests/script.rs`), so the two cannot differ.

use super::script::{NO_SUM, Step, StepReply, StepVerb};
use crate::counter;

/// What a key holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stored {
    /// Nothing.
    Nothing,
    /// A string of bytes: the only type that the bank writes.
    Bytes(Vec<u8>),
    /// A list, a set, or another type that the bank never writes.
    Foreign,
}

/// The kind of a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WriteKind {
    /// It overwrites any value.
    Set,
    /// It adds to a number.
    Increment,
    /// It replaces the value that the same step has compared.
    Swap,
    /// It elects a candidate.
    Elect,
}

/// A write of a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Write {
    /// The key.
    pub key: String,
    /// The new value.
    pub value: Vec<u8>,
    /// Its kind.
    pub kind: WriteKind,
}

/// What Redis says about a value of the wrong type.
pub const WRONG_TYPE: &str = "WRONGTYPE Operation against a key holding the wrong kind of value";
/// What Redis says about a sum that is too large.
pub const OVERFLOW: &str = "ERR increment or decrement would overflow";
const NO_INTEGER: &str = "ERR value is not an integer or out of range";

/// Carries out `step` on keys with the values of `holds`. Returns its answer, and what it writes, in order.
pub fn carry_out(step: &Step, holds: impl Fn(&str) -> Stored) -> (StepReply, Vec<Write>) {
    let look = |key: &str| match holds(key) {
        Stored::Nothing => Ok(None),
        Stored::Bytes(bytes) => Ok(Some(bytes)),
        Stored::Foreign => Err(WRONG_TYPE),
    };
    try_carry_out(step, look).unwrap_or_else(|why| (StepReply::Refused(why.to_owned()), Vec::new()))
}

type Bytes = Vec<u8>;
type Lookup = Result<Option<Bytes>, &'static str>;
type Tried = Result<(StepReply, Vec<Write>), &'static str>;

/// Like [`carry_out`], or why Redis refuses.
fn try_carry_out(Step { key, verb }: &Step, look: impl Fn(&str) -> Lookup) -> Tried {
    let held = look(key)?;
    Ok(match verb {
        StepVerb::Set(value) => (StepReply::Done(None), vec![write(key, value, WriteKind::Set)]),
        StepVerb::Add(delta) => number(key, sum(held, *delta)?, WriteKind::Increment),
        StepVerb::AddWithin { delta, bound } => match sum(held.clone(), *delta)? {
            sum if sum <= *bound => number(key, sum, WriteKind::Increment),
            sum => (StepReply::Unchanged(held), vec![write_sum(key, sum.saturating_sub(*delta))]),
        },
        StepVerb::Total { election, document, ticket, delta, bound } => {
            total(key, held, (election, document, *ticket), (*delta, *bound), look)?
        }
        StepVerb::Post { current, head, tail, otherwise, cell, own, bound }
            if held.as_ref() == Some(current) =>
        {
            post(key, (head, tail, otherwise), look(cell)?, (*own, *bound))?
        }
        StepVerb::Elect(candidate) if held.as_deref().is_none_or(|held| held == b"0") => {
            number(key, *candidate, WriteKind::Elect)
        }
        StepVerb::Swap { current, next, absent, before } if held.as_ref() == Some(current) => {
            swap(key, held, next, absent, before, look)?
        }
        StepVerb::First { tickets, elected, empty, first }
            if held.is_none() && look(tickets)?.is_none() && look(elected)?.is_none() =>
        {
            let opened = [
                write(tickets, b"1", WriteKind::Increment),
                write(key, empty, WriteKind::Set),
                write(elected, b"1", WriteKind::Elect),
                write(key, first, WriteKind::Swap),
            ];
            (StepReply::Done(None), opened.into())
        }
        StepVerb::Get
        | StepVerb::Elect(_)
        | StepVerb::Swap { .. }
        | StepVerb::Post { .. }
        | StepVerb::First { .. } => (StepReply::Unchanged(held), Vec::new()),
    })
}

/// Adds to the cell of a counter, unless the total would pass its bound.
fn total(
    key: &str,
    held: Option<Bytes>,
    (election, document, ticket): (&str, &str, i64),
    (delta, bound): (i64, i64),
    look: impl Fn(&str) -> Lookup,
) -> Tried {
    let (keyed, document) = match look(election)?.filter(|elected| elected != b"0") {
        None => (0, None),
        Some(elected) if elected != ticket.to_string().as_bytes() => {
            return Ok((StepReply::Unchanged(Some(elected)), Vec::new()));
        }
        Some(_) => {
            let document = look(document)?.unwrap_or_default();
            (parse_sum(&document)?, Some(document))
        }
    };
    let before = sum(held, 0)?;
    let total = before.checked_add(keyed).and_then(|sum| sum.checked_add(delta));
    let Some(total) = total.filter(|&total| total <= bound) else {
        return Ok((StepReply::Unchanged(None), vec![write_sum(key, before)]));
    };
    let total = total.to_string().into_bytes();
    let said = document.map_or(total.clone(), |document| [&total, &b" "[..], &document].concat());
    Ok((StepReply::Done(Some(said)), vec![write_sum(key, before.saturating_add(delta))]))
}

/// Writes a document with the total of that moment.
fn post(
    key: &str,
    (head, tail, otherwise): (&[u8], &[u8], &[u8]),
    cell: Option<Bytes>,
    (own, bound): (i64, i64),
) -> Tried {
    let total = match sum(cell, own) {
        Err(why) if why == OVERFLOW => None,
        total => Some(total?).filter(|&total| total <= bound),
    };
    let total = total.map(|total| total.to_string().into_bytes());
    let value = match &total {
        Some(total) => [head, total, tail].concat(),
        None => otherwise.to_vec(),
    };
    Ok((StepReply::Done(total), vec![write(key, &value, WriteKind::Swap)]))
}

/// Writes over a document, after what must be written before it, unless the index has a document that must not exist.
fn swap(
    key: &str,
    held: Option<Bytes>,
    next: &[u8],
    absent: &[String],
    before: &[(String, Bytes)],
    look: impl Fn(&str) -> Lookup,
) -> Tried {
    for key in absent {
        if look(key)?.is_some() {
            return Ok((StepReply::Unchanged(held), Vec::new()));
        }
    }
    before.iter().try_for_each(|(key, _)| look(key).map(drop))?;
    let before = before.iter().map(|(key, value)| write(key, value, WriteKind::Set));
    Ok((StepReply::Done(None), before.chain([write(key, next, WriteKind::Swap)]).collect()))
}

fn write_sum(key: &str, sum: i64) -> Write {
    write(key, sum.to_string().as_bytes(), WriteKind::Increment)
}

fn write(key: &str, value: &[u8], kind: WriteKind) -> Write {
    Write { key: key.to_owned(), value: value.to_vec(), kind }
}

/// Writes a number, and answers it.
fn number(key: &str, number: i64, kind: WriteKind) -> (StepReply, Vec<Write>) {
    let text = number.to_string().into_bytes();
    let written = write(key, &text, kind);
    (StepReply::Done(Some(text)), vec![written])
}

/// The sum that a document holds.
pub(crate) fn parse_sum(document: &[u8]) -> Result<i64, &'static str> {
    const NAME: &[u8] = br#""sum":"#;
    let digits = |place: usize| {
        let behind = document.get(place.saturating_add(NAME.len())..)?;
        let length = behind.iter().take_while(|byte| byte.is_ascii_digit()).count();
        behind.get(..length).filter(|digits| !digits.is_empty())
    };
    let named = document.windows(NAME.len()).enumerate().filter(|(_, window)| *window == NAME);
    let digits = named.filter_map(|(place, _)| digits(place)).next().ok_or(NO_SUM)?;
    counter::decode_text(digits).ok_or(NO_INTEGER)
}

fn sum(held: Option<Bytes>, delta: i64) -> Result<i64, &'static str> {
    let number = held.map_or(Some(0), |held| counter::decode_text(&held)).ok_or(NO_INTEGER)?;
    number.checked_add(delta).ok_or(OVERFLOW)
}
