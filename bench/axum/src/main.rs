//! The bank as a native service: axum, one multiplexed Redis connection, the rules of `crates/ledger`.
//!
//! Two round trips a deposit: one reads the wallet and the index, one script swaps the wallet and stores
//! what it seals. `REDIS_URL` and `LISTEN` say where.

mod answer;
mod operation;
mod problem;
mod state;

use answer::answer;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{Query, State};
use axum::http::HeaderMap;
use axum::response::Response;
use axum::routing::{get, post};
use ledger::{OperationKind, Wallet};
use problem::Problem;
use redis::{AsyncCommands as _, Script};
use serde_json::json;
use state::Bank;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::sync::Mutex;

const SATOSHIS: i64 = 100_000_000;
const LOCKS: usize = 1024;
const MOST_SATOSHIS: i64 = 21_000_000 * SATOSHIS;

/// KEYS: the counter, the post. ARGV: how much. Answers a post that is known with what it became.
const COUNT_ONCE: &str = "
local known = redis.call('GET', KEYS[2])
if known then return {1, known} end
redis.call('INCRBY', KEYS[1], ARGV[1])
local made = ARGV[1] .. ' ' .. redis.call('GET', KEYS[1])
redis.call('SET', KEYS[2], made)
return {0, made}";

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let setting = |name: &str| std::env::var(name).map_err(|_| format!("{name} is not set"));
    let client = redis::Client::open(setting("REDIS_URL")?)?;
    let bank = Bank {
        redis: client.get_multiplexed_async_connection().await?,
        swap: Arc::new(Script::new(operation::SWAP)),
        count_once: Arc::new(Script::new(COUNT_ONCE)),
        locks: std::iter::repeat_with(Mutex::default).take(LOCKS).collect(),
    };
    let app = Router::new()
        .route("/healthz", get(healthz))
        .route("/v1/bitcoins", get(bitcoins).post(add_bitcoins))
        .route("/v1/deposit", post(deposit))
        .route("/v1/withdraw", post(withdraw))
        .route("/v1/wallet", get(wallet))
        .route("/v1/rates", get(rates))
        .with_state(bank);
    let listener = tokio::net::TcpListener::bind(setting("LISTEN")?).await?;
    let listener = axum::serve::ListenerExt::tap_io(listener, |stream| {
        let _ = stream.set_nodelay(true);
    });
    Ok(axum::serve(listener, app).await?)
}

async fn healthz(headers: HeaderMap) -> Response {
    answer(&headers, &json!({"status": "ok"}))
}

async fn bitcoins(State(mut bank): State<Bank>, headers: HeaderMap) -> Result<Response, Problem> {
    let satoshis: Option<i64> = bank.redis.get("bitcoins").await?;
    Ok(show_bitcoins(&headers, satoshis.unwrap_or_default()))
}

async fn add_bitcoins(
    State(mut bank): State<Bank>,
    Query(query): Query<HashMap<String, String>>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let text = query.get("bitcoins").ok_or(Problem::malformed("The query parameter bitcoins is missing."))?;
    let amount = text.parse::<ledger::Amount>().map_err(|_| Problem::invalid_amount())?;
    let satoshis = i64::try_from(amount.units()).unwrap_or(i64::MAX);
    if satoshis > MOST_SATOSHIS {
        return Err(Problem::invalid_amount());
    }
    let Some(key) = operation::key(&headers)? else {
        let sum = redis::cmd("INCRBY").arg("bitcoins").arg(satoshis).query_async(&mut bank.redis).await?;
        return Ok(show_bitcoins(&headers, sum));
    };
    let mut script = bank.count_once.prepare_invoke();
    script.key("bitcoins").key(format!("post:bitcoins:{}", key.as_str())).arg(satoshis);
    let (replayed, made): (bool, String) = script.invoke_async(&mut bank.redis).await?;
    let numbers = made.split_once(' ').and_then(|(by, sum)| Some((by.parse().ok()?, sum.parse().ok()?)));
    let (by, sum): (i64, i64) = numbers.ok_or(Problem::internal())?;
    if by != satoshis {
        return Err(Problem::key_reuse());
    }
    Ok(answer::replayed(show_bitcoins(&headers, sum), replayed))
}

fn show_bitcoins(headers: &HeaderMap, satoshis: i64) -> Response {
    let (whole, rest) = (satoshis / SATOSHIS, satoshis % SATOSHIS);
    let number = format!("{whole}.{rest:08}");
    let number = number.trim_end_matches('0').trim_end_matches('.');
    answer::raw(headers, format!(r#"{{"bitcoins":{number}}}"#).into())
}

async fn deposit(State(bank): State<Bank>, headers: HeaderMap, body: Bytes) -> Result<Response, Problem> {
    operation::carry_out(bank, &headers, &body, OperationKind::Deposit).await
}

async fn withdraw(State(bank): State<Bank>, headers: HeaderMap, body: Bytes) -> Result<Response, Problem> {
    operation::carry_out(bank, &headers, &body, OperationKind::Withdrawal).await
}

async fn wallet(State(mut bank): State<Bank>, headers: HeaderMap) -> Result<Response, Problem> {
    let user = operation::user(&headers)?;
    let stored: Option<Vec<u8>> = bank.redis.get(format!("wallet:{user}")).await?;
    let wallet = stored.map_or(Ok(Wallet::new()), |bytes| Wallet::decode(&bytes))?;
    let head = wallet.head();
    let shown = answer::WalletView {
        user: user.as_str(),
        balance: head.balance.to_string(),
        seq: head.seq,
        hash: head.hash.to_string(),
    };
    Ok(answer(&headers, &shown))
}

/// What a job keeps in Redis: since when, and the rates as JSON.
async fn rates(State(mut bank): State<Bank>, headers: HeaderMap) -> Result<Response, Problem> {
    let stored: Option<String> = bank.redis.get("rates").await?;
    let stored = stored.ok_or(Problem::unavailable())?;
    let (as_of, rates) = stored.split_once('\n').ok_or(Problem::internal())?;
    let since = humantime::parse_rfc3339(as_of).map_err(|_| Problem::internal())?;
    let age = SystemTime::now().duration_since(since).unwrap_or_default();
    let stale = age > Duration::from_secs(3600);
    let age = age.as_secs();
    let body =
        format!(r#"{{"base":"btc","as_of":"{as_of}","age_seconds":{age},"stale":{stale},"rates":{rates}}}"#);
    Ok(answer::cached(answer::raw(&headers, body.into())))
}
