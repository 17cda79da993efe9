//! The one Lua script of the adapter: its arguments and its answer.
//!
//! Each step names a key and a verb, and is answered by two values: a code and what the key holds. Every command is
//! a `pcall`, so an error such as `OOM`, `READONLY` or `WRONGTYPE` is the answer of its own step and of no other.
//! After an error a step does nothing more. Numbers are sent as text, since Lua's numbers are floats.
//!
//! [`super::model`] is the same in Rust, and a test compares the two on a real Redis. `docs/redis.md` lists the
//! rights that the script's commands need.

/// The script: a function for each verb, which returns whether it wrote, what to answer then, and what to answer instead
/// of what the key holds. `ARGV`: the verbs, each followed by its values. `KEYS`: a key for each verb, each followed by
/// the keys that the verb or its values name.
///
/// It is sent in full each time, which costs less than a lost `EVALSHA` (`NOSCRIPT`) after each restart. So its comments
/// are here: after a failure `call` does nothing more. `exceeds` compares two integers as text. `sum_with` adds to a
/// number, reads the sum, and takes back what it added, so that Redis itself does the arithmetic. A sum that overflows
/// is unknown; it is not a failure.
pub const SCRIPT: &str = include_str!("script.lua");

/// Why a total is not known: the document with one part of it has no sum.
pub const NO_SUM: &str = "ERR a document holds no sum";

/// An operation on one key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The key.
    pub key: String,
    /// What to do with it.
    pub verb: StepVerb,
}

/// What to do with a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StepVerb {
    /// Say what it holds.
    Get,
    /// Write this, whatever it holds.
    Set(Vec<u8>),
    /// Write `next` if the key holds `current`, if none of `absent` exists, and after `before` is written.
    Swap {
        /// What it must hold.
        current: Vec<u8>,
        /// The value to write.
        next: Vec<u8>,
        /// Keys that hold nothing.
        absent: Vec<String>,
        /// What is written first, if all conditions hold.
        before: Vec<(String, Vec<u8>)>,
    },
    /// Add to the number in the key; 0 if it is absent.
    Add(i64),
    /// Add to the number in the key, unless the sum would pass a bound.
    AddWithin {
        /// What is added; 1 or more.
        delta: i64,
        /// The largest sum; 0 or more.
        bound: i64,
    },
    /// Add to the number in the key, unless its sum with the number in a document would pass a bound. Answer the
    /// total and, after a space, the document, if it counts. If another ticket was elected, answer which.
    Total {
        /// The election of the document that counts; none does before the election.
        election: String,
        /// The document that counts if `ticket` was elected. Its sum is the first number after `"sum":`.
        document: String,
        /// The ticket of that document.
        ticket: i64,
        /// What is added; 1 or more.
        delta: i64,
        /// The largest total.
        bound: i64,
    },
    /// If the key holds `current`, write `head`, the total and `tail`, or `otherwise` if the total passes a bound.
    Post {
        /// What it must hold.
        current: Vec<u8>,
        /// The value up to the total.
        head: Vec<u8>,
        /// The value after the total.
        tail: Vec<u8>,
        /// The value if the total would pass the bound.
        otherwise: Vec<u8>,
        /// The key of the other part of the total.
        cell: String,
        /// This document's part of the total; 1 or more.
        own: i64,
        /// The largest total.
        bound: i64,
    },
    /// Write this if it is absent or 0.
    Elect(i64),
    /// Open a document that nobody has opened, like [`crate::first_write`], and write `first` into it.
    First {
        /// Where openers take their tickets.
        tickets: String,
        /// Where one of them is elected.
        elected: String,
        /// What it is opened with.
        empty: Vec<u8>,
        /// The value to write.
        first: Vec<u8>,
    },
}

/// The result of a step.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum StepReply {
    /// It was written. For numbers: the new number, or the total.
    Done(Option<Vec<u8>>),
    /// Nothing was written, and this is what the key holds.
    Unchanged(Option<Vec<u8>>),
    /// Redis refuses, for this reason; nothing was written.
    Refused(String),
    /// It was written, but fewer replicas have it than required: a failover may forget it.
    TooFewReplicas,
}

impl StepReply {
    /// Whether something was written.
    #[must_use]
    pub fn is_done(&self) -> bool {
        matches!(self, Self::Done(_))
    }
}

/// Marks all that was written as `TooFewReplicas`.
pub fn mark_too_few_replicas(said: &mut [StepReply]) {
    said.iter_mut().filter(|said| said.is_done()).for_each(|said| *said = StepReply::TooFewReplicas);
}

/// A value in Redis's answer to the script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReplyValue {
    /// Nothing.
    Nil,
    /// A code.
    Code(i64),
    /// Text, or what a key holds.
    Bytes(Vec<u8>),
}

impl Step {
    /// Every key of the step, in the script's order.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        let behind: Vec<&String> = match &self.verb {
            StepVerb::Swap { absent, before, .. } => {
                absent.iter().chain(before.iter().map(|(key, _)| key)).collect()
            }
            StepVerb::First { tickets, elected, .. } => vec![tickets, elected],
            StepVerb::Total { election, document, .. } => vec![election, document],
            StepVerb::Post { cell, .. } => vec![cell],
            _ => Vec::new(),
        };
        std::iter::once(&self.key).chain(behind).map(String::as_str)
    }
}

impl StepVerb {
    /// Whether it writes nothing.
    #[must_use]
    pub fn is_read(&self) -> bool {
        matches!(self, Self::Get)
    }
}

/// The arguments of `EVAL`: the script, the number of keys, the keys, and the verbs with their values.
#[must_use]
pub fn arguments(steps: &[&Step]) -> Vec<Vec<u8>> {
    let keys: Vec<Vec<u8>> = steps.iter().flat_map(|step| step.keys()).map(Into::into).collect();
    let mut arguments = vec![SCRIPT.into(), count(&keys)];
    arguments.extend(keys);
    for Step { verb, .. } in steps {
        match verb {
            StepVerb::Get => arguments.push(b"get".into()),
            StepVerb::Set(value) => arguments.extend([b"set".into(), value.clone()]),
            StepVerb::Swap { current, next, absent, before } => {
                arguments.extend([b"swap".into(), current.clone(), next.clone()]);
                arguments.extend([count(absent), count(before)]);
                arguments.extend(before.iter().map(|(_, value)| value.clone()));
            }
            StepVerb::Add(delta) => arguments.extend([b"add".into(), delta.to_string().into_bytes()]),
            StepVerb::AddWithin { delta, bound } => {
                let numbers = [delta, bound].map(|number| number.to_string().into_bytes());
                arguments.extend([b"within".into()].into_iter().chain(numbers));
            }
            StepVerb::Total { ticket, delta, bound, .. } => {
                let numbers = [ticket, delta, bound].map(|number| number.to_string().into_bytes());
                arguments.extend([b"total".into()].into_iter().chain(numbers));
            }
            StepVerb::Post { current, head, tail, otherwise, own, bound, .. } => {
                arguments.push(b"post".into());
                arguments.extend([current, head, tail, otherwise].map(Clone::clone));
                arguments.extend([own, bound].map(|number| number.to_string().into_bytes()));
            }
            StepVerb::Elect(candidate) => {
                arguments.extend([b"elect".into(), candidate.to_string().into_bytes()]);
            }
            StepVerb::First { empty, first, .. } => {
                arguments.extend([b"first".into(), empty.clone(), first.clone()]);
            }
        }
    }
    arguments
}

fn count<T>(list: &[T]) -> Vec<u8> {
    list.len().to_string().into_bytes()
}

/// The answer to each step in Redis' answer to the script; `None` if it is not an answer to it.
#[must_use]
pub fn replies(values: Vec<ReplyValue>) -> Option<Vec<StepReply>> {
    let mut values = values.into_iter();
    let mut said = Vec::new();
    while let Some(code) = values.next() {
        let bytes = match values.next()? {
            ReplyValue::Nil => None,
            ReplyValue::Bytes(bytes) => Some(bytes),
            ReplyValue::Code(_) => return None,
        };
        said.push(match code {
            ReplyValue::Code(1) => StepReply::Done(bytes),
            ReplyValue::Code(0) => StepReply::Unchanged(bytes),
            ReplyValue::Code(-1) => StepReply::Refused(String::from_utf8_lossy(&bytes?).into_owned()),
            _ => return None,
        });
    }
    Some(said)
}
