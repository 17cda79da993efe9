//! The cost of authentication: deposits with a header, with a token that the bank remembers, and with a new token
//! each time.
//!
//! The three take turns, so other load on the machine affects them equally. Figures are medians of the rounds. Each
//! client has a wallet of its own. Tokens are made before anything is measured.

use crate::bank::Bank;
use crate::figures::arguments::{FiguresArguments, TokensArguments};
use crate::figures::sample::{AnswerKind, Sample, count, ms, quantile_ms};
use crate::issuer::Issuer;
use crate::names::fresh;
use crate::prove::deployment::{Deployment, Plan, StoreUnderTest};
use crate::token::{AUDIENCE, ISSUER, Key, SECRET, claims};
use anyhow::ensure;
use serde_json::json;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

/// A way to authenticate, and the bank that it is for.
struct Way<'a> {
    name: &'static str,
    bank: Bank,
    /// The signing key and the issuer; none if a header is enough.
    key: Option<(&'a Key, String)>,
    is_new: bool,
    rates: Vec<f64>,
    medians_ms: Vec<f64>,
}

/// A request's user, and its token.
type Asker = (String, Option<String>);

/// Prints one JSON object.
pub async fn measure(all: &FiguresArguments, arguments: &TokensArguments) -> anyhow::Result<()> {
    let hs256 = Key::secret(SECRET);
    let [rs256, es256, ed_dsa] = ["RS256", "ES256", "EdDSA"].map(|algorithm| Key::of(algorithm, 1));
    let issuer = Issuer::start(&[&rs256, &es256, &ed_dsa]).await?;
    let plan = || {
        Plan { processes: 1, ..Plan::new(StoreUnderTest::RedisAdapter, &all.bank, &all.manifest) }.patient()
    };
    let jwt =
        |issuer: &str| plan().with(&[("auth", "jwt"), ("jwt_issuer", issuer), ("jwt_audience", AUDIENCE)]);
    let by_header = Deployment::build(plan()).await?;
    let by_secret = Deployment::build(jwt(ISSUER).with(&[("jwt_secret", SECRET)])).await?;
    let by_issuer = Deployment::build(jwt(&issuer.name())).await?;
    let way = |name, deployment: &Deployment, key, is_new| Way {
        name,
        bank: deployment.client(),
        key,
        is_new,
        rates: vec![],
        medians_ms: vec![],
    };
    let (secret, published) = (|| Some((&hs256, ISSUER.to_owned())), |key| Some((key, issuer.name())));
    let mut ways = [
        way("auth=header", &by_header, None, false),
        way("HS256, remembered", &by_secret, secret(), false),
        way("ES256, remembered", &by_issuer, published(&es256), false),
        way("HS256, new each time", &by_secret, secret(), true),
        way("RS256 (2048 bits), new each time", &by_issuer, published(&rs256), true),
        way("ES256, new each time", &by_issuer, published(&es256), true),
        way("EdDSA, new each time", &by_issuer, published(&ed_dsa), true),
    ];
    let [many, few] = arguments.deposits[..] else { anyhow::bail!("--deposits takes two numbers") };
    for round in 0..=arguments.rounds {
        for way in &mut ways {
            // The first round opens wallets and compiles components.
            way.measure(all.clients, [many, few], round > 0).await?;
        }
    }
    let shown = |way: &Way| json!({"way": way.name, "rate": median(&way.rates), "median_ms": median(&way.medians_ms)});
    let ways: Vec<_> = ways.iter().map(shown).collect();
    println!("{}", json!({"clients": all.clients, "rounds": arguments.rounds, "ways": ways}));
    Ok(())
}

impl Way<'_> {
    /// Measures a round: `many` deposits by all clients, then `few` by one.
    async fn measure(&mut self, clients: usize, [many, few]: [usize; 2], counts: bool) -> anyhow::Result<()> {
        let (rate, _) = self.round(clients, many).await?;
        let (_, median_ms) = self.round(1, few).await?;
        if counts {
            self.rates.push(rate);
            self.medians_ms.push(median_ms);
        }
        Ok(())
    }

    /// Deposits a second, and the median time of one, in milliseconds.
    async fn round(&self, clients: usize, deposits: usize) -> anyhow::Result<(f64, f64)> {
        // A token that is to be remembered is made only once: two ES256 signatures of the same claims differ.
        let kept: Vec<Asker> = (0..clients).map(|number| self.asker(number, clients)).collect();
        let asker = |number: usize| {
            if self.is_new { self.asker(number, clients) } else { kept[number % clients].clone() }
        };
        let askers: Vec<Asker> = (0..deposits).map(asker).collect();
        if !self.is_new {
            // Every instance verifies each token once; the measurement comes after that.
            self.deposit(clients, &askers).await?;
        }
        self.deposit(clients, &askers).await
    }

    /// Makes a deposit for each of `askers`, with this many clients at a time.
    async fn deposit(&self, clients: usize, askers: &[Asker]) -> anyhow::Result<(f64, f64)> {
        let (next, begun) = (AtomicUsize::new(0), Instant::now());
        let all = (0..clients).map(async |_| {
            let mut samples = Vec::new();
            while let Some((user, token)) = askers.get(next.fetch_add(1, Ordering::Relaxed)) {
                let request = self.bank.post("/v1/deposit").idempotency_key(fresh("key")).amount("1");
                let request = match token {
                    Some(token) => request.header("authorization", token),
                    None => request.user(user),
                };
                samples.push(Sample::of(&request.send().await.map_err(anyhow::Error::msg)?));
            }
            anyhow::Ok(samples)
        });
        let samples = futures::future::try_join_all(all).await?.concat();
        let took = begun.elapsed();
        let (done, deposits) = (count(&samples, AnswerKind::Done), askers.len());
        ensure!(done == deposits, "{}: {done} of {deposits} were carried out", self.name);
        Ok((deposits as f64 / took.as_secs_f64(), quantile_ms(&samples, 500).unwrap_or_else(|| ms(took))))
    }

    fn asker(&self, number: usize, clients: usize) -> Asker {
        let user = format!("payer-{}", number % clients);
        let token = self.key.as_ref().map(|(key, issuer)| {
            let mut claims = claims(issuer, &user);
            claims["jti"] = if self.is_new { fresh("token").into() } else { "same".into() };
            format!("Bearer {}", key.token(&claims))
        });
        (user, token)
    }
}

fn median(figures: &[f64]) -> f64 {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or_default()
}
