//! Every route with every kind of token, good and bad.

use crate::answer::Answer;
use crate::bank::Bank;
use crate::names::fresh;
use crate::prove::deployment::{Deployment, Plan};
use crate::prove::tokens::log::assert_not_logged;
use crate::request::Request;
use crate::token::{AUDIENCE, ISSUER, Key, SECRET, claims, now};
use anyhow::ensure;
use serde_json::{Value, json};
use std::time::Duration;

/// What a route asks of a client.
#[derive(Clone, Copy, PartialEq)]
enum Asks {
    /// A token that allows this.
    Scope(&'static str),
    /// Any token.
    Token,
    Nothing,
}

const READ: Asks = Asks::Scope("wallet:read");
const WRITE: Asks = Asks::Scope("wallet:write");

const ROUTES: &[(&str, &str, Asks)] = &[
    ("POST", "/v1/deposit", WRITE),
    ("POST", "/deposit", WRITE),
    ("POST", "/v1/withdraw", WRITE),
    ("POST", "/withdraw", WRITE),
    ("GET", "/v1/wallet", READ),
    ("HEAD", "/v1/wallet", READ),
    ("GET", "/v1/wallet?at=0", READ),
    ("GET", "/v1/wallet/entries", READ),
    ("POST", "/v1/bitcoins?bitcoins=1", Asks::Token),
    ("POST", "/v1/counters/gate", Asks::Token),
    ("GET", "/v1/bitcoins", Asks::Nothing),
    ("GET", "/v1/counters/gate", Asks::Nothing),
    ("GET", "/v1/rates", Asks::Nothing),
    ("GET", "/v1/rates/usd", Asks::Nothing),
    ("GET", "/v1/rates/history", Asks::Nothing),
    ("GET", "/v1/convert?amount=1&from=usd&to=eth", Asks::Nothing),
    ("GET", "/healthz", Asks::Nothing),
    ("GET", "/readyz", Asks::Nothing),
    ("GET", "/", Asks::Nothing),
    ("GET", "/docs", Asks::Nothing),
    ("GET", "/openapi.json", Asks::Nothing),
    ("GET", "/problems/insufficient-scope", Asks::Nothing),
];

/// An honest issuer's claims, with these replaced; null removes one.
fn with(user: &str, members: Value) -> Value {
    let mut claims = claims(ISSUER, user);
    for (name, value) in members.as_object().unwrap() {
        match value {
            Value::Null => drop(claims.as_object_mut().unwrap().remove(name)),
            value => claims[name] = value.clone(),
        }
    }
    claims
}

/// Invalid tokens, each with its reason.
fn bad_tokens(user: &str) -> Vec<(&'static str, String)> {
    let key = Key::secret(SECRET);
    let good = key.token(&claims(ISSUER, user));
    let (head, signature) = good.rsplit_once('.').unwrap();
    let forged = Key::secret("another-secret-that-is-long-enough");
    let unsigned = key.with_header(&json!({"alg": "none"}), &claims(ISSUER, user));
    let critical = json!({"alg": "HS256", "crit": ["b64"], "b64": true});
    let signed = |members: Value| key.token(&with(user, members));
    vec![
        ("no token at all", "nonsense".to_owned()),
        ("cut", head.to_owned()),
        ("without its signature", format!("{head}.")),
        ("another's signature", forged.token(&claims(ISSUER, user))),
        ("changed", good.replacen("eyJ", "eyK", 2).replacen("eyK", "eyJ", 1)),
        ("alg none", format!("{}.", unsigned.rsplit_once('.').unwrap().0)),
        ("alg none with a signature", format!("{}.{signature}", unsigned.rsplit_once('.').unwrap().0)),
        ("an algorithm of an issuer", Key::of("EdDSA", 1).token(&claims(ISSUER, user))),
        ("critical", key.with_header(&critical, &claims(ISSUER, user))),
        ("too long", signed(json!({"more": "x".repeat(8192)}))),
        ("expired", signed(json!({"exp": now() - 31}))),
        ("for ever", signed(json!({"exp": null}))),
        ("not yet", signed(json!({"nbf": now() + 90}))),
        ("another issuer's", signed(json!({"iss": "https://issuer.prove.example/"}))),
        ("nobody's", signed(json!({"iss": null}))),
        ("for another audience", signed(json!({"aud": "another-bank"}))),
        ("for no audience", signed(json!({"aud": null}))),
        ("without a user", signed(json!({"sub": null}))),
        ("of a user that is none", signed(json!({"sub": "a b"}))),
    ]
}

/// Only requests that the contract allows are served, and money moves only with good tokens.
pub async fn try_every_token(plan: Plan) -> anyhow::Result<()> {
    let deployment = Deployment::build(plan).await?;
    let bank = &deployment.client().with_tokens(None);
    let (ann, bob) = (fresh("ann"), fresh("bob"));
    let key = Key::secret(SECRET);
    let good = key.token(&with(&ann, json!({"aud": ["other", AUDIENCE]})));
    // So that a withdrawal has something to take.
    for _ in 0..2 {
        bearing(ask(bank, "POST", "/v1/deposit"), &good).await.is(200);
    }
    for &(method, path, asks) in ROUTES {
        let route = || ask(bank, method, path);
        assert_open_or_challenged(asks, route().await, "Bearer");
        assert_open_or_challenged(asks, route().header("user_id", &ann).await, "Bearer");
        for (what, token) in bad_tokens(&ann) {
            let answer = bearing(route(), &token).await;
            println!("{method} {path}, {what}: {}", answer.status);
            assert_open_or_challenged(asks, answer, "Bearer error=\"invalid_token\", error_description=\"");
        }
        try_every_scope(bank, (method, path, asks), &ann).await;
        try_headers_beside_token(bank, (method, path, asks), &good, &ann, &bob).await?;
    }
    // First two deposits; then one on each of two routes with two kinds of good tokens and with a header; and as many
    // withdrawals.
    let wallet: Value = bearing(bank.get("/v1/wallet"), &good).await.is(200).json();
    ensure!(wallet["user"] == *ann && wallet["balance"] == "2.00", "{wallet}");
    let none = Key::secret(SECRET).token(&claims(ISSUER, &bob));
    let wallet: Value = bearing(bank.get("/v1/wallet"), &none).await.is(200).json();
    ensure!(wallet["seq"] == 0, "{wallet}");
    assert_not_logged(&deployment).await
}

fn ask<'a>(bank: &'a Bank, method: &str, path: &str) -> Request<'a> {
    let request = bank.request(method, path);
    let moves = method == "POST" && (path.ends_with("deposit") || path.ends_with("withdraw"));
    if moves { request.amount("1") } else { request }
}

fn bearing<'a>(request: Request<'a>, token: &str) -> Request<'a> {
    request.header("authorization", format!("Bearer {token}"))
}

/// Without a good token only open routes are served; the answer says what to bring.
fn assert_open_or_challenged(asks: Asks, answer: Answer, challenge: &str) {
    if asks == Asks::Nothing {
        answer.is(200);
        return;
    }
    let said = answer.header("www-authenticate").unwrap_or_default().to_owned();
    assert!(said.starts_with(challenge) && (challenge != "Bearer" || said == "Bearer"), "{answer}");
    assert!(!answer.text().contains("eyJ") && !said.contains("eyJ"), "{answer}");
    if answer.asked.method == http::Method::HEAD {
        answer.is(401);
        return;
    }
    answer.problem(401, if challenge == "Bearer" { "missing-identity" } else { "invalid-identity" });
}

/// A token whose scope does not cover the request gets 403; one whose scope does passes.
async fn try_every_scope(bank: &Bank, (method, path, asks): (&str, &str, Asks), user: &str) {
    for scope in ["", "openid", "wallet:read", "wallet:write", "wallet:read wallet:write"] {
        let token = Key::secret(SECRET).token(&with(user, json!({ "scope": scope })));
        let answer = bearing(ask(bank, method, path), &token).await;
        match asks {
            Asks::Scope(needed) if !scope.contains(needed) => {
                let challenge = format!("Bearer error=\"insufficient_scope\", scope=\"{needed}\"");
                assert_eq!(answer.header("www-authenticate"), Some(challenge.as_str()), "{answer}");
                answer.is(403);
            }
            _ => drop(answer.is(200)),
        }
    }
}

/// A header beside the token must name the same user, if the route needs a token.
async fn try_headers_beside_token(
    bank: &Bank,
    (method, path, asks): (&str, &str, Asks),
    token: &str,
    user: &str,
    other: &str,
) -> anyhow::Result<()> {
    for name in ["user_id", "user-id", "x-user-id"] {
        let beside = |user: &str| bearing(ask(bank, method, path), token).header(name, user);
        let answer = beside(other).await;
        match asks {
            Asks::Scope(_) | Asks::Token => {
                ensure!(answer.status == 401, "{answer}");
                ensure!(answer.header("www-authenticate").is_some(), "{answer}");
            }
            Asks::Nothing => drop(answer.is(200)),
        }
        if method != "POST" {
            beside(user).await.is(200);
        }
    }
    Ok(())
}

/// The same user sees the same money, and gets the same answer to the same key, whichever way the user is named.
pub async fn switch_authentication(plan: Plan) -> anyhow::Result<()> {
    let mut deployment = Deployment::build(plan).await?;
    let (user, order) = (fresh("ann+tag@example.org"), fresh("order"));
    let token = Key::secret(SECRET).token(&claims(ISSUER, &user));
    let ask = async |deployment: &Deployment, name: &'static str, value: String| {
        let bank = deployment.client();
        let again =
            bank.post("/v1/deposit").header(name, value.clone()).idempotency_key(&order).amount("12.50");
        let paths = ["/v1/wallet", "/v1/wallet?at=1", "/v1/wallet/entries"];
        let mut seen = vec![again.await.is(200).text().to_owned()];
        for path in paths {
            seen.push(bank.get(path).header(name, value.clone()).await.is(200).text().to_owned());
        }
        seen
    };
    let before = ask(&deployment, "user_id", user.clone()).await;
    let jwt = [("auth", "jwt"), ("jwt_issuer", ISSUER), ("jwt_audience", AUDIENCE), ("jwt_secret", SECRET)];
    deployment.restart_with(&jwt).await?;
    let by_token = ask(&deployment, "authorization", format!("Bearer {token}")).await;
    ensure!(by_token == before, "with tokens: {by_token:?}\nand before: {before:?}");
    deployment.client().get("/v1/wallet").user(&user).await.problem(401, "missing-identity");
    deployment.restart_with(&[("auth", "header")]).await?;
    let after = ask(&deployment, "user_id", user).await;
    ensure!(after == before, "with headers again: {after:?}\nand before: {before:?}");
    Ok(())
}

/// A token that was good a moment ago is refused once it has expired, including the leeway.
pub async fn let_token_expire(plan: Plan) -> anyhow::Result<()> {
    let deployment = Deployment::build(plan).await?;
    let bank = deployment.client().with_tokens(None);
    let user = fresh("ann");
    // With 30 s of leeway it is good for three more seconds.
    let expires = now() - 27;
    let token = Key::secret(SECRET).token(&with(&user, json!({ "exp": expires })));
    loop {
        let asked_at = now();
        let answer = bearing(bank.get("/v1/wallet"), &token).await;
        if answer.status == 401 {
            answer.problem(401, "invalid-identity");
            ensure!(now() >= expires + 30, "refused too early");
            return Ok(());
        }
        answer.is(200);
        ensure!(asked_at < expires + 30, "remembered past its time");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
