//! The bank's routes with nothing in them but storage calls: what `bank` or Spin can do at most.
//!
//! A variable of the component names the calls of each route, with spaces between them: `get`, `miss`
//! (a `get` that finds nothing), `set`, `increment`, `swap` on the key-value store; `read`, `write` and `count` are the bank's own script, sent
//! straight to Redis with the steps that reading a wallet, moving money and counting take. Values are as large
//! as the bank's are on average. The answers are not examined, except that a value must be there.

use spin_sdk::experimental::wasi::keyvalue::{atomics, store as bucket};
use spin_sdk::http::{IntoResponse, Request, Response};
use spin_sdk::redis::{Connection, RedisParameter, RedisResult};
use spin_sdk::{http_service, key_value, variables};
use std::cell::OnceCell;
use std::rc::Rc;
use store::redis::script::{Step, StepVerb, arguments};

/// As a wallet with some entries, and not much less than the rates.
const VALUE: [u8; 1200] = [b'.'; 1200];

type Failed = Box<dyn std::error::Error>;

/// What an instance keeps.
struct Kept {
    store: key_value::Store,
    bucket: bucket::Bucket,
    redis: Option<Connection>,
    calls: [(&'static str, Vec<String>); 4],
}

thread_local! {
    static KEPT: OnceCell<Rc<Kept>> = const { OnceCell::new() };
}

#[http_service]
async fn handle(request: Request) -> impl IntoResponse {
    let (status, body) = match answer(&request).await {
        Ok(()) => (200, "{\"status\":\"ok\"}".to_owned()),
        Err(failed) => (500, format!("{failed:?}")),
    };
    Response::builder()
        .status(status)
        .header("content-type", "application/json")
        .header("content-length", body.len())
        .body(body)
}

async fn answer(request: &Request) -> Result<(), Failed> {
    let route = match request.uri().path() {
        "/v1/bitcoins" => "counter",
        "/v1/deposit" => "deposit",
        "/v1/wallet" => "wallet",
        "/v1/rates" => "rates",
        _ => return Ok(()),
    };
    let user = request.headers().get("x-user-id").and_then(|user| user.to_str().ok());
    let key = format!("bare:{route}:{}", user.unwrap_or_default());
    let kept = kept().await?;
    let calls = kept.calls.iter().find(|(name, _)| *name == route);
    for call in calls.into_iter().flat_map(|(_, calls)| calls) {
        kept.call(call, &key).await?;
    }
    Ok(())
}

async fn kept() -> Result<Rc<Kept>, Failed> {
    if let Some(kept) = KEPT.with(|kept| kept.get().cloned()) {
        return Ok(kept);
    }
    let mut calls = ["counter", "deposit", "wallet", "rates"].map(|route| (route, Vec::new()));
    for (route, calls) in &mut calls {
        calls.extend(variables::get(*route).await?.split_whitespace().map(str::to_owned));
    }
    let straight = |call: &String| ["read", "write", "count"].contains(&call.as_str());
    let redis = if calls.iter().any(|(_, calls)| calls.iter().any(straight)) {
        Some(Connection::open(variables::get("redis_url").await?).await?)
    } else {
        None
    };
    let store = key_value::Store::open_default().await?;
    let bucket = bucket::open("default").map_err(|error| format!("{error:?}"))?;
    let made = Rc::new(Kept { store, bucket, redis, calls });
    Ok(KEPT.with(|kept| kept.get_or_init(|| made).clone()))
}

impl Kept {
    async fn call(&self, call: &str, key: &str) -> Result<(), Failed> {
        let failed = |error: bucket::Error| format!("{error:?}");
        match call {
            "get" if self.store.get(key).await?.is_none() => self.store.set(key, VALUE).await?,
            "get" => {}
            "miss" => drop(self.store.get(format!("{key}:none")).await?),
            "set" => self.store.set(key, VALUE).await?,
            "increment" => {
                atomics::increment(&self.bucket, &format!("{key}:count"), 1).map_err(failed)?;
            }
            "swap" => {
                let cas = atomics::Cas::new(&self.bucket, key).map_err(failed)?;
                cas.current().map_err(failed)?;
                // Whether it was lost does not matter, only that it was asked.
                let _ = atomics::swap(cas, &VALUE);
            }
            "read" if self.carry_out(key, vec![StepVerb::Get]).await? == RedisResult::Nil => {
                drop(self.carry_out(key, vec![StepVerb::Set(VALUE.into())]).await?);
            }
            "read" => {}
            "write" => {
                let (current, next) = (VALUE.into(), VALUE.into());
                let absent = vec![format!("{key}:absent")];
                drop(
                    self.carry_out(key, vec![StepVerb::Swap { current, next, absent, before: vec![] }])
                        .await?,
                );
            }
            "count" => {
                let within = StepVerb::AddWithin { delta: 1, bound: i64::MAX };
                drop(self.carry_out(key, vec![StepVerb::Get, StepVerb::Get, StepVerb::Get, within]).await?);
            }
            _ => return Err(format!("no storage call: {call}").into()),
        }
        Ok(())
    }

    /// Runs the bank's script; says what it found at the first step.
    async fn carry_out(&self, key: &str, verbs: Vec<StepVerb>) -> Result<RedisResult, Failed> {
        let redis = self.redis.as_ref().ok_or("no connection")?;
        let last = verbs.len() - 1;
        let key = |n| if n == last { key.to_owned() } else { format!("{key}:{n}") };
        let steps: Vec<Step> =
            verbs.into_iter().enumerate().map(|(n, verb)| Step { key: key(n), verb }).collect();
        let answer = redis
            .execute(
                "EVAL",
                arguments(&steps.iter().collect::<Vec<_>>()).into_iter().map(RedisParameter::Binary),
            )
            .await?;
        Ok(answer.into_iter().nth(1).unwrap_or(RedisResult::Nil))
    }
}
