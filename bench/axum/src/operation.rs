//! Deposits and withdrawals: read, decide, swap.

use crate::answer::{self, EntryView, OperationView, answer, fresh_id};
use crate::problem::Problem;
use crate::state::Bank;
use axum::http::HeaderMap;
use axum::response::Response;
use ledger::{
    Amount, Decision, IdempotencyKey, Operation, OperationId, OperationKind, Outcome, User, Wallet,
};
use redis::AsyncCommands as _;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::time::SystemTime;

/// KEYS: the wallet, then what is stored with it. ARGV: the wallet as it was read, then the values.
pub const SWAP: &str = "
if (redis.call('GET', KEYS[1]) or '') ~= ARGV[1] then return 0 end
for i = 1, #KEYS do redis.call('SET', KEYS[i], ARGV[i + 1]) end
return 1";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OperationBody<'a> {
    #[serde(borrow)]
    amount: &'a RawValue,
}

/// The whole of `POST /v1/deposit` and `/v1/withdraw`.
pub async fn carry_out(
    mut bank: Bank,
    headers: &HeaderMap,
    body: &[u8],
    kind: OperationKind,
) -> Result<Response, Problem> {
    let user = user(headers)?;
    let operation = operation(headers, body, kind)?;
    let keys = [format!("wallet:{user}"), index_key(&user, &operation.id)];
    let locks = bank.locks.clone();
    let _turn = match locks.get(slot(&user, locks.len())) {
        Some(lock) => Some(lock.lock().await),
        None => None,
    };
    loop {
        let (stored, indexed): (Option<Vec<u8>>, Option<Vec<u8>>) = bank.redis.mget(&keys).await?;
        if let Some(indexed) = indexed {
            return show(headers, &user, Outcome::decode(&indexed)?.answer(&operation));
        }
        let stored = stored.unwrap_or_default();
        let mut wallet = if stored.is_empty() { Wallet::new() } else { Wallet::decode(&stored)? };
        let known = wallet.find(&operation.id).is_some();
        let seal = if known { None } else { wallet.seal() };
        let decision = wallet.decide(&operation);
        if !matches!(&decision, Decision::New(outcome) if outcome.is_remembered()) {
            return show(headers, &user, decision);
        }
        let mut script = bank.swap.prepare_invoke();
        script.key(&keys[0]).arg(stored).arg(wallet.encode());
        if let Some(seal) = seal {
            if let Some(page) = &seal.page {
                script.key(format!("page:{user}:{}", page.number())).arg(page.encode());
            }
            for outcome in &seal.outcomes {
                script.key(index_key(&user, outcome.id())).arg(outcome.encode());
            }
        }
        if script.invoke_async(&mut bank.redis).await? {
            return show(headers, &user, decision);
        }
    }
}

fn slot(user: &User, slots: usize) -> usize {
    let sum = user.as_str().bytes().fold(0_usize, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
    sum % slots
}

fn index_key(user: &User, id: &OperationId) -> String {
    format!("operation:{user}:{}", id.as_str())
}

fn show(headers: &HeaderMap, user: &User, decision: Decision) -> Result<Response, Problem> {
    let (outcome, replayed) = match decision {
        Decision::New(outcome) => (outcome, false),
        Decision::Known(outcome) => (outcome, true),
        Decision::KeyReuse => return Err(Problem::key_reuse()),
    };
    let entry = match &outcome {
        Outcome::Posted(entry) => entry,
        Outcome::Refused(refused) => return Err(Problem::refused(refused, replayed)),
    };
    let shown = OperationView {
        user: user.as_str(),
        balance: entry.balance.to_string(),
        entry: EntryView {
            seq: entry.seq,
            id: entry.id.as_str(),
            kind: entry.kind.as_str(),
            amount: entry.amount.to_string(),
            balance: entry.balance.to_string(),
            at: entry.at.as_str(),
            hash: entry.hash.to_string(),
        },
    };
    Ok(answer::replayed(answer(headers, &shown), replayed))
}

fn operation(headers: &HeaderMap, body: &[u8], kind: OperationKind) -> Result<Operation, Problem> {
    let json = header(headers, "content-type").is_some_and(|kind| kind.starts_with("application/json"));
    if !json {
        return Err(Problem::media_type());
    }
    let id = key(headers)?.map_or_else(|| OperationId::Made(fresh_id()), OperationId::Keyed);
    let malformed = |_| Problem::malformed(r#"The body is {"amount":"10.50"}."#);
    let body: OperationBody<'_> = serde_json::from_slice(body).map_err(malformed)?;
    let token = body.amount.get();
    let text = serde_json::from_str::<String>(token).unwrap_or_else(|_| token.to_owned());
    let amount = text.parse::<Amount>().map_err(|_| Problem::invalid_amount())?;
    let at = humantime::format_rfc3339_millis(SystemTime::now()).to_string().parse()?;
    Ok(Operation { id, kind, amount, at })
}

/// Who asks.
pub fn user(headers: &HeaderMap) -> Result<User, Problem> {
    let mut names = ["user_id", "user-id", "x-user-id"].iter().filter_map(|name| header(headers, name));
    let name = names.next().ok_or(Problem::identity("missing-identity"))?;
    let same = names.all(|other| other == name);
    name.parse().ok().filter(|_| same).ok_or(Problem::identity("invalid-identity"))
}

/// The idempotency key, raw or quoted.
pub fn key(headers: &HeaderMap) -> Result<Option<IdempotencyKey>, Problem> {
    let Some(text) = header(headers, "idempotency-key") else { return Ok(None) };
    let bare = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text);
    bare.parse().map(Some).map_err(|_| Problem::invalid_key())
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}
