//! The `redis` adapter's script inside a component, by `spin:redis`.
//!
//! The connection is kept by the instance, and replaced after an error or when a script was not answered in
//! time: what is left of it may hang for minutes.

use std::cell::RefCell;
use std::rc::Rc;

use spin_sdk::redis::{Connection, Error, RedisParameter, RedisResult};

use super::Request;
use super::settings::setting;
use crate::redis::script::{self, Value};
use crate::redis::{Failed, RawRedis, Said, Step, Waiting};

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
    let address = setting("redis_url").await.unwrap_or_default();
    Connection::open(address).await.map(Rc::new)
}

impl RawRedis for Request {
    async fn run(&self, steps: &[Step]) -> Result<Vec<Said>, Failed> {
        let connection = connection().await.map_err(|_| Failed::Refused)?;
        let arguments = script::arguments(steps).into_iter().map(RedisParameter::Binary);
        // One script is in flight at a time. The connection is put back only when this one is answered.
        let answer = connection.execute("EVAL", arguments).await;
        let refused = |error: &Error| matches!(error, Error::Other(text) if script::is_refusal(text));
        if !answer.as_ref().is_err_and(|error| !refused(error)) {
            CONNECTION.set(Some(connection));
        }
        let answer =
            answer.map_err(|error| if refused(&error) { Failed::Refused } else { Failed::Broken })?;
        script::said(answer.into_iter().map(value).collect()).ok_or(Failed::Broken)
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
