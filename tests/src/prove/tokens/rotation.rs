//! An issuer that changes its keys, dies, hangs and lies.

use crate::answer::Answer;
use crate::bank::Bank;
use crate::issuer::{Issuer, Mode};
use crate::names::fresh;
use crate::prove::house::{House, Plan};
use crate::prove::tokens::are_not_logged;
use crate::request::Request;
use crate::token::{AUDIENCE, Key, claims};
use anyhow::{Context as _, ensure};
use futures::future::join_all;
use serde_json::Value;
use std::time::{Duration, Instant};

/// How many ask at once.
const CROWD: usize = 60;
/// How soon the issuer may be asked again, for whatever reason.
const AGAIN: Duration = Duration::from_secs(30);
/// How long a bank may wait for an issuer that does not answer, and then for a store.
const PATIENCE: Duration = Duration::from_secs(5);
const HOUR_MS: u64 = 3_600_000;
/// What the name of the stored keys begins and ends with; their source is in between.
const KEPT: (&str, &str) = ("bank:{issuer:", "}:keys");

fn of(issuer: &Issuer, plan: Plan) -> Plan {
    plan.with(&[("auth", "jwt"), ("jwt_issuer", &issuer.name()), ("jwt_audience", AUDIENCE)])
}

fn wallet<'a>(bank: &'a Bank, token: &str) -> Request<'a> {
    bank.get("/v1/wallet").header("authorization", format!("Bearer {token}"))
}

async fn crowd(bank: &Bank, token: impl Fn(usize) -> String) -> Vec<Answer> {
    join_all((0..CROWD).map(|number| {
        let request = wallet(bank, &token(number));
        async move { request.await }
    }))
    .await
}

pub async fn is_followed(plan: Plan) -> anyhow::Result<()> {
    let keys = ["RS256", "PS256", "ES256", "EdDSA"].map(|algorithm| Key::of(algorithm, 1));
    let issuer = Issuer::start(&keys.each_ref()).await?;
    let mut house = House::build(of(&issuer, plan)).await?;
    let bank = house.client();
    let user = fresh("ann");
    let token = |key: &Key| key.token(&claims(&issuer.name(), &user));
    issuer.set_mode(Mode::Late);
    for answer in crowd(&bank, |number| token(&keys[number % keys.len()])).await {
        answer.is(200);
    }
    ensure!(
        issuer.key_fetches() == 1,
        "{CROWD} at once on three banks: asked {} times",
        issuer.key_fetches()
    );
    issuer.set_mode(Mode::Ok);
    let fetched = Instant::now();
    follows_new_keys(&house, &issuer, &keys, fetched, &token).await?;
    does_without_it(&mut house, &issuer, &keys, &token).await?;
    are_not_logged(&house).await
}

/// Tokens of known keys are good all the time; a new key is found by the first token that names it, at most every 30
/// s.
async fn follows_new_keys(
    house: &House,
    issuer: &Issuer,
    keys: &[Key],
    fetched: Instant,
    token: &impl Fn(&Key) -> String,
) -> anyhow::Result<()> {
    let (bank, new) = (house.client(), Key::of("EdDSA", 2));
    issuer.publishes(&keys.iter().chain([&new]).collect::<Vec<_>>());
    let (old_token, new_token) = (token(&keys[3]), token(&new));
    while fetched.elapsed() < AGAIN + Duration::from_secs(1) {
        wallet(&bank, &old_token).await.is(200);
        if fetched.elapsed() < AGAIN - Duration::from_secs(2) {
            wallet(&bank, &new_token).await.problem(503, "storage-unavailable");
            ensure!(issuer.key_fetches() == 1, "asked again after {:?}", fetched.elapsed());
        }
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
    let tokens = [&old_token, &new_token];
    for (number, answer) in crowd(&bank, |number| tokens[number % 2].clone()).await.into_iter().enumerate() {
        // A few requests wait for the issuer. The others get a 503, and succeed when they come again.
        if number % 2 == 0 || answer.status == 200 {
            drop(answer.is(200));
        } else {
            answer.problem(503, "storage-unavailable");
            ensure!(answer.header("retry-after").is_some(), "{answer:?}");
        }
    }
    for answer in crowd(&bank, |number| tokens[number % 2].clone()).await {
        answer.is(200);
    }
    ensure!(issuer.key_fetches() == 2, "for a new key asked {} times", issuer.key_fetches() - 1);
    let unknown = Key::of("EdDSA", 3);
    for answer in crowd(&bank, |_| token(&unknown)).await {
        // The key may be newer than the issuer's last answer, and the issuer is not asked again so soon.
        answer.problem(503, "storage-unavailable");
    }
    ensure!(issuer.key_fetches() == 2, "for a key that nobody has asked {} times", issuer.key_fetches() - 2);
    Ok(())
}

/// While the issuer cannot be reached, its keys are good for a day, and no longer.
async fn does_without_it(
    house: &mut House,
    issuer: &Issuer,
    keys: &[Key],
    token: &impl Fn(&Key) -> String,
) -> anyhow::Result<()> {
    for (mode, age_hours, is_good) in
        [(Mode::Status(500), 23, true), (Mode::Hangs, 23, true), (Mode::Status(500), 25, false)]
    {
        issuer.set_mode(mode.clone());
        let is_kept = |name: &String| name.starts_with(KEPT.0) && name.ends_with(KEPT.1);
        let mut stored = house.stored().await?;
        let name = stored.keys().find(|name| is_kept(name)).cloned().context("no keys are kept")?;
        let kept = stored.remove(&name).context("no keys are kept")?;
        let mut kept: Value = serde_json::from_slice(&kept)?;
        let now_ms = crate::token::now() * 1000;
        kept["as_of_ms"] = (now_ms - age_hours * HOUR_MS).into();
        house.plant(&name, kept.to_string().as_bytes()).await?;
        // So that no instance remembers newer keys.
        house.restart_with(&[]).await?;
        for answer in crowd(&house.client(), |number| token(&keys[number % keys.len()])).await {
            ensure!(answer.took < PATIENCE, "{mode:?}: {:?}", answer.took);
            if is_good { drop(answer.is(200)) } else { drop(answer.problem(503, "storage-unavailable")) }
        }
    }
    Ok(())
}

/// Nobody gets in by keys that are not the issuer's, and no other host is called that the issuer points at.
pub async fn never_believes_a_liar(plan: Plan) -> anyhow::Result<()> {
    let (key, other_key) = (Key::of("EdDSA", 1), Key::of("EdDSA", 2));
    let other = Issuer::start(&[&other_key]).await?;
    let (name, keys_url) = (other.name(), other.keys_url());
    let origin = name.trim_end_matches("/realm").to_owned();
    for (mode, by_jwks_url) in [
        (Mode::Discovery(name.clone(), keys_url.clone()), false),
        (Mode::Discovery(format!("{origin}/else"), keys_url), false),
        (Mode::Redirect(origin.clone()), false),
        (Mode::Redirect(origin), true),
        (Mode::Padded(64 * 1024), true),
        (Mode::Document("{}".into()), true),
        (Mode::Document("<html>".into()), true),
        (Mode::Status(500), false),
        (Mode::Hangs, false),
    ] {
        println!("an issuer in the mode {mode:?}");
        let issuer = Issuer::start(&[&key]).await?;
        issuer.set_mode(mode.clone());
        let plan = of(&issuer, plan.clone());
        let keys_url = issuer.keys_url();
        let plan = if by_jwks_url { plan.with(&[("jwt_jwks_url", &keys_url)]) } else { plan };
        let house = House::build(plan).await?;
        refuses_all(&house, &issuer, &[key.clone(), other_key.clone()])
            .await
            .with_context(|| format!("{mode:?}"))?;
    }
    ensure!(other.requests() == 0, "another host was asked");
    Ok(())
}

async fn refuses_all(house: &House, issuer: &Issuer, keys: &[Key]) -> anyhow::Result<()> {
    let bank = house.client();
    let mut asked = 0;
    for round in 0..2 {
        for key in keys {
            let answer = wallet(&bank, &key.token(&claims(&issuer.name(), "ann"))).await;
            ensure!(answer.took < PATIENCE, "{:?}", answer.took);
            let problem = answer.problem(503, "storage-unavailable");
            ensure!(problem.member("outcome") == "none", "{answer}");
            if asked == 0 {
                asked = issuer.requests();
            }
        }
        ensure!(asked > 0 && issuer.requests() == asked, "round {round}: asked again");
    }
    let said = house.logs()?;
    ensure!(said.contains("keys-not-fetched"), "the log does not say why there are no keys");
    are_not_logged(house).await
}
