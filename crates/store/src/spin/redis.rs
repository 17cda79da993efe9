//! The `redis` adapter's script inside a component, by `spin:redis`.
//!
//! The connection is kept by the instance, and given up after an error, when a script was not answered in time
//! (what is left of it may hang for minutes), and when it leads to a server that is no master any more or not yet:
//! the next script goes where the address leads then (design section 5, fact 10).

use std::cell::RefCell;
use std::rc::Rc;

use spin_sdk::redis::{Connection, Error, RedisParameter, RedisResult};

use super::Request;
use super::settings::redis_url;
use crate::reason::Reason;
use crate::redis::script::{self, Value};
use crate::redis::{Failed, RawRedis, Said, Step, Waiting, is_overflow};

thread_local! {
    static CONNECTION: RefCell<Option<Rc<Connection>>> = const { RefCell::new(None) };
    static WAITING: Rc<Waiting> = Rc::default();
}

/// The steps of this instance that wait for the script in flight.
pub fn waiting() -> Rc<Waiting> {
    WAITING.with(Rc::clone)
}

async fn connection() -> Result<Rc<Connection>, Error> {
    if let Some(open) = CONNECTION.take() {
        return Ok(open);
    }
    let address = redis_url().await.unwrap_or_default();
    Connection::open(address).await.map(Rc::new)
}

impl RawRedis for Request {
    async fn run(&self, steps: &[Step]) -> Result<Vec<Said>, Failed> {
        self.call(self.script(steps)).await
    }
}

impl Request {
    async fn script(&self, steps: &[Step]) -> Result<Vec<Said>, Failed> {
        let connection = connection().await.map_err(|error| {
            self.failed(reason(&error), false);
            Failed::Refused
        })?;
        let arguments = script::arguments(steps).into_iter().map(RedisParameter::Binary);
        // One script is in flight at a time. The connection is put back only when this one is answered.
        let answer = connection.execute("EVAL", arguments).await.map_err(|error| reason(&error));
        let answer = answer.and_then(|values| {
            script::said(values.into_iter().map(value).collect()).ok_or(Reason::ANOTHER_ANSWER)
        });
        let keeps = match &answer {
            Ok(said) => !refusals(steps, said).any(|(reason, _)| reason.leads_elsewhere()),
            Err(reason) => reason.is_refusal() && !reason.leads_elsewhere(),
        };
        if keeps {
            CONNECTION.set(Some(connection));
        }
        self.note(steps, &answer);
        answer.map_err(|reason| if reason.is_refusal() { Failed::Refused } else { Failed::Broken })
    }

    fn note(&self, steps: &[Step], answer: &Result<Vec<Said>, Reason>) {
        match answer {
            Err(reason) => self.failed(*reason, false),
            Ok(said) => match refusals(steps, said).next() {
                Some((reason, wrote)) => self.failed(reason, wrote),
                None => self.answered(said.iter().any(|said| matches!(said, Said::Done(_)))),
            },
        }
    }
}

/// Why steps were refused, and whether they were to write. That a sum is too large is no failure of the store.
fn refusals(steps: &[Step], said: &[Said]) -> impl Iterator<Item = (Reason, bool)> {
    steps.iter().zip(said).filter_map(|(step, said)| match said {
        Said::Refused(why) if !is_overflow(why) => Some((Reason::of(why), !step.verb.is_read())),
        _ => None,
    })
}

fn reason(error: &Error) -> Reason {
    match error {
        Error::InvalidAddress => Reason::NO_ADDRESS,
        Error::TooManyConnections => Reason::TOO_MANY_CONNECTIONS,
        Error::TypeError => Reason::ANOTHER_ANSWER,
        Error::Other(text) => Reason::of(text),
    }
}

fn value(result: RedisResult) -> Value {
    match result {
        RedisResult::Nil => Value::Nil,
        RedisResult::Int64(code) => Value::Code(code),
        RedisResult::Binary(bytes) => Value::Bytes(bytes),
        RedisResult::Status(text) => Value::Bytes(text.into_bytes()),
    }
}
