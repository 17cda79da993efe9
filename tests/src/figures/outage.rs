//! An outage of Redis under load: how long answers take, and when the first one succeeds again.
//!
//! Each client deposits into a wallet of its own, one deposit after the other. After a 503 it sends the same
//! request again a moment later. Redis is killed and started again, or stopped so that it hangs.

use crate::bank::Bank;
use crate::figures::arguments::{FiguresArguments, OutageArguments};
use crate::figures::sample::{AnswerKind, Sample, count, ms, quantile_ms};
use crate::names::fresh;
use crate::prove::deployment::{Deployment, Plan, StoreUnderTest};
use anyhow::{Context as _, ensure};
use serde::Serialize;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tokio::time::sleep;

/// OutageMode Redis is away.
#[derive(Clone, Copy, Serialize)]
pub enum OutageMode {
    Killed,
    Hangs,
}

/// What was seen in one outage.
#[derive(Serialize)]
pub struct Figures {
    pub store: &'static str,
    pub how: OutageMode,
    /// When it began and ended, from the start of the run.
    pub began_ms: f64,
    pub ended_ms: f64,
    pub clients: usize,
    before: Quantiles,
    /// From its beginning to its end, including requests that were in flight then.
    during: Quantiles,
    /// The same from [`SETTLED`] on, when the breakers are open.
    breaker_open: Quantiles,
    pub slowest_ms: f64,
    /// Counted from the end of the outage; an answer before its end was noticed here does not count.
    pub first_success_ms: f64,
    pub untouched: usize,
    unknown: usize,
    other: usize,
    /// The run in steps of [`STEP`].
    pub steps: Vec<StepFigures>,
}

#[derive(Serialize)]
struct Quantiles {
    answers: usize,
    p50_ms: Option<f64>,
    p99_ms: Option<f64>,
    slowest_ms: Option<f64>,
}

#[derive(Serialize)]
pub struct StepFigures {
    pub done: usize,
    pub unavailable: usize,
    pub p50_ms: Option<f64>,
    pub slowest_ms: Option<f64>,
}

const BEFORE: Duration = Duration::from_secs(5);
const AFTER: Duration = Duration::from_secs(7);
/// By this time the breakers of all instances are open.
const SETTLED: Duration = Duration::from_secs(2);
/// What a client does between a 503 and its next try.
const PAUSE: Duration = Duration::from_millis(20);
pub const STEP: Duration = Duration::from_millis(200);

pub async fn measure(all: &FiguresArguments, arguments: &OutageArguments) -> anyhow::Result<Vec<Figures>> {
    let mut figures = Vec::new();
    for how in [OutageMode::Killed, OutageMode::Hangs] {
        for &store in &all.adapter {
            let seen = one(all, arguments, store, how).await?;
            println!("{}", seen.words());
            figures.push(seen);
        }
    }
    Ok(figures)
}

async fn one(
    all: &FiguresArguments,
    arguments: &OutageArguments,
    store: StoreUnderTest,
    how: OutageMode,
) -> anyhow::Result<Figures> {
    let plan = Plan { processes: 1, ..Plan::new(store, &all.bank, &all.manifest) };
    let mut deployment = Deployment::build(plan).await?;
    let bank = deployment.client();
    let users: Vec<String> = (0..all.clients).map(|_| fresh("steady")).collect();
    futures::future::join_all(users.iter().map(|user| bank.deposit(user, "1"))).await;
    let over = AtomicBool::new(false);
    let begun = Instant::now();
    let outage = async {
        sleep(BEFORE).await;
        let began = Instant::now();
        let ended = away(&mut deployment, how, arguments.seconds).await?;
        sleep(AFTER).await;
        over.store(true, Ordering::Relaxed);
        anyhow::Ok((began, ended))
    };
    let clients = futures::future::try_join_all(users.iter().map(|user| deposits(&bank, user, &over)));
    let (outage, told) = tokio::join!(outage, clients);
    let (began, ended) = outage?;
    let mut samples = Vec::new();
    for (user, (done, told)) in users.iter().zip(told?) {
        let wallet = bank.wallet(user).await;
        ensure!(wallet.seq == done + 1, "{user} was told of {done} deposits and one before: {wallet:?}");
        samples.extend(told);
    }
    Figures::of(all, store, how, [begun, began, ended], samples).context("there were no answers")
}

/// Takes Redis away; returns the moment from which on it answers again.
async fn away(deployment: &mut Deployment, how: OutageMode, seconds: u64) -> anyhow::Result<Instant> {
    let length = Duration::from_secs(seconds);
    match how {
        OutageMode::Killed => {
            deployment.redis()?.kill().await?;
            sleep(length).await;
            deployment.redis()?.start_again().await?;
            Ok(Instant::now())
        }
        OutageMode::Hangs => {
            deployment.redis()?.signal("STOP").await?;
            sleep(length).await;
            let ended = Instant::now();
            deployment.redis()?.signal("CONT").await?;
            Ok(ended)
        }
    }
}

/// One client; returns how many deposits were acknowledged, and every answer.
async fn deposits(bank: &Bank, user: &str, over: &AtomicBool) -> anyhow::Result<(u64, Vec<Sample>)> {
    let (mut done, mut samples) = (0, Vec::new());
    while !over.load(Ordering::Relaxed) {
        let key = format!("deposit-{done}");
        let request = bank.post("/v1/deposit").user(user).idempotency_key(&key).amount("1");
        loop {
            let answer = request.clone().send().await.map_err(anyhow::Error::msg)?;
            let sample = Sample::of(&answer);
            samples.push(sample);
            if sample.kind == AnswerKind::Done {
                break;
            }
            sleep(PAUSE).await;
        }
        done += 1;
    }
    Ok((done, samples))
}

impl Figures {
    fn of(
        all: &FiguresArguments,
        store: StoreUnderTest,
        how: OutageMode,
        [begun, began, ended]: [Instant; 3],
        mut samples: Vec<Sample>,
    ) -> Option<Self> {
        samples.sort_by_key(|sample| sample.at);
        let asked = |sample: &Sample| sample.at - sample.took;
        let part = |keep: &dyn Fn(&Sample) -> bool| {
            samples.iter().copied().filter(|sample| keep(sample)).collect::<Vec<Sample>>()
        };
        let during = part(&|sample| sample.at >= began && asked(sample) < ended);
        let settled = part(&|sample| asked(sample) >= began + SETTLED && asked(sample) < ended);
        let again =
            samples.iter().find(|sample| sample.kind == AnswerKind::Done && sample.at > began + SETTLED)?;
        let length = samples.last()?.at - begun;
        let steps = length.as_millis().div_ceil(STEP.as_millis());
        let steps = (0..u32::try_from(steps).ok()?).map(|step| {
            let (from, to) = (begun + STEP * step, begun + STEP * (step + 1));
            StepFigures::of(&part(&|sample| (from..to).contains(&sample.at)))
        });
        Some(Self {
            store: FiguresArguments::name(store),
            how,
            began_ms: ms(began - begun),
            ended_ms: ms(ended - begun),
            clients: all.clients,
            before: Quantiles::of(&part(&|sample| sample.at < began)),
            slowest_ms: quantile_ms(&samples, 1000)?,
            first_success_ms: ms(again.at.saturating_duration_since(ended)),
            untouched: count(&samples, AnswerKind::Untouched),
            unknown: count(&samples, AnswerKind::Unknown),
            other: count(&samples, AnswerKind::Other),
            during: Quantiles::of(&during),
            breaker_open: Quantiles::of(&settled),
            steps: steps.collect(),
        })
    }

    fn words(&self) -> String {
        let Quantiles { answers, p50_ms, p99_ms, slowest_ms } = &self.breaker_open;
        format!(
            "{}, {}: before p50 {:?} p99 {:?} ms; slowest answer {} ms; from {SETTLED:?} into the outage \
             {answers} answers, p50 {p50_ms:?} p99 {p99_ms:?} slowest {slowest_ms:?} ms; first success after \
             {} ms; {} times 503 none, {} unknown, {} other",
            self.store,
            self.how.words(),
            self.before.p50_ms,
            self.before.p99_ms,
            self.slowest_ms,
            self.first_success_ms,
            self.untouched,
            self.unknown,
            self.other,
        )
    }

    /// For the picture.
    pub fn p99_open_ms(&self) -> f64 {
        self.breaker_open.p99_ms.unwrap_or_default()
    }
}

impl OutageMode {
    pub fn words(self) -> &'static str {
        match self {
            Self::Killed => "Redis killed",
            Self::Hangs => "Redis hangs",
        }
    }
}

impl Quantiles {
    fn of(samples: &[Sample]) -> Self {
        let [p50_ms, p99_ms, slowest_ms] = [500, 990, 1000].map(|share| quantile_ms(samples, share));
        Self { answers: samples.len(), p50_ms, p99_ms, slowest_ms }
    }
}

impl StepFigures {
    fn of(samples: &[Sample]) -> Self {
        Self {
            done: count(samples, AnswerKind::Done),
            unavailable: samples.len() - count(samples, AnswerKind::Done),
            p50_ms: quantile_ms(samples, 500),
            slowest_ms: quantile_ms(samples, 1000),
        }
    }
}
