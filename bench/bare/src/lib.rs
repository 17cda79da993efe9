//! The bank's routes with nothing in them but storage calls: what `bank` or Spin can do at most.
//!
//! A variable of the component names the calls of each route, with spaces between them: `get`, `set`,
//! `increment`, `swap` on the key-value store; `GET`, `INCRBY`, `EVAL` straight to Redis. Values are as
//! large as a wallet of the bank is on average. What the calls answer is not looked at.

use spin_sdk::experimental::wasi::keyvalue::{atomics, store as bucket};
use spin_sdk::http::{IntoResponse, Request, Response};
use spin_sdk::redis::{Connection, RedisParameter};
use spin_sdk::{http_service, key_value, variables};
use std::cell::OnceCell;
use std::rc::Rc;

const VALUE: [u8; 1200] = [b'.'; 1200];
const SWAP: &str = "
if (redis.call('GET', KEYS[1]) or '') ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1])
return 1";

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
    let straight = |call: &String| call.starts_with(|letter: char| letter.is_ascii_uppercase());
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
            "get" => drop(self.store.get(key).await?),
            "set" => self.store.set(key, VALUE).await?,
            "increment" => drop(atomics::increment(&self.bucket, key, 1).map_err(failed)?),
            "swap" => {
                let cas = atomics::Cas::new(&self.bucket, key).map_err(failed)?;
                cas.current().map_err(failed)?;
                // Whether it was lost does not matter, only that it was asked.
                let _ = atomics::swap(cas, &VALUE);
            }
            "GET" => self.redis("GET", &[key.as_bytes()]).await?,
            "INCRBY" => self.redis("INCRBY", &[key.as_bytes(), b"1"]).await?,
            "EVAL" => self.redis("EVAL", &[SWAP.as_bytes(), b"1", key.as_bytes(), &VALUE]).await?,
            _ => return Err(format!("no storage call: {call}").into()),
        }
        Ok(())
    }

    async fn redis(&self, command: &str, arguments: &[&[u8]]) -> Result<(), Failed> {
        let redis = self.redis.as_ref().ok_or("no connection")?;
        let arguments = arguments.iter().map(|bytes| RedisParameter::Binary(bytes.to_vec()));
        redis.execute(command, arguments).await?;
        Ok(())
    }
}
