//! Rates for a test: the stand-in for CoinGecko is set to an answer, and a bank has fetched it.

use crate::answer::Answer;
use crate::bank::Bank;
use crate::coingecko::{Control, Requests};
use crate::paint;
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use tokio::sync::{Mutex, MutexGuard};

/// All tests share the stand-in: only one at a time may change it.
static ALONE: Mutex<()> = Mutex::const_new(());

/// How long a bank with a short `rates_ttl_seconds` may take to notice a change.
const NOTICED: Duration = Duration::from_secs(20);

pub struct Feed {
    server: Bank,
    bank: Bank,
    _alone: MutexGuard<'static, ()>,
}

impl Feed {
    /// The stand-in at `COINGECKO_URL`, and the bank that fetches from it.
    pub async fn from_env() -> Self {
        let url = std::env::var("COINGECKO_URL").unwrap_or_default();
        let missing = "COINGECKO_URL is not set. Start the stand-in (`cargo run --profile native -p tests \
                       --bin coingecko`), a bank with --variable coingecko_origin=<its address> --variable \
                       rates_ttl_seconds=1 --variable rates_max_stale_seconds=8, and set it to that address.";
        assert!(url.starts_with("http://"), "{}", paint::red(missing));
        let alone = ALONE.lock().await;
        Self { server: Bank::at(vec![url]), bank: Bank::from_env(), _alone: alone }
    }

    pub fn bank(&self) -> &Bank {
        &self.bank
    }

    /// Sets how the stand-in behaves from now on.
    pub async fn control(&self, control: Control) {
        command(&self.server, &control).await.unwrap();
    }

    /// Sets its mode, with the usual values.
    pub async fn set_mode(&self, mode: &str) {
        self.control(Control { mode: mode.into(), ..Control::default() }).await;
    }

    /// Sets the document that it answers with.
    pub async fn set_body(&self, body: &str) {
        self.control(Control { mode: "body".into(), body: body.into(), ..Control::default() }).await;
    }

    /// Makes it answer correctly, and waits until the bank has fetched.
    pub async fn refresh(&self) {
        self.refresh_with([]).await;
    }

    /// The same with these values. A value that no test has used before identifies the new answer.
    pub async fn refresh_with<const N: usize>(&self, values: [(&str, &str); N]) {
        let mark = unused_value();
        let values = values.map(|(code, value)| (code.to_owned(), value.to_owned()));
        let mut rates = BTreeMap::from(values);
        rates.insert("gbp".into(), mark.clone());
        self.control(Control { mode: "ok".into(), rates, ..Control::default() }).await;
        self.until("fresh rates (is its rates_ttl_seconds 1 or 2?)", |answer| {
            answer.status == 200 && answer.json::<Value>()["rates"]["gbp"]["value"] == *mark
        })
        .await;
    }

    /// Waits until the answer of `/v1/rates` satisfies `holds`.
    pub async fn until(&self, what: &str, holds: impl Fn(&Answer) -> bool) -> Answer {
        let begun = Instant::now();
        loop {
            let answer = self.bank.get("/v1/rates").await;
            if holds(&answer) {
                return answer;
            }
            assert!(begun.elapsed() < NOTICED, "the bank never got {what}; at last: {answer}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// The requests of the bank so far.
    pub async fn requests(&self) -> Requests {
        self.server.get("/control").send().await.expect("the stand-in").json()
    }
}

/// Sets the mode of a stand-in without a bank.
pub async fn set_mode(server: &Bank, mode: &str) -> Result<(), String> {
    command(server, &Control { mode: mode.into(), ..Control::default() }).await
}

async fn command(server: &Bank, control: &Control) -> Result<(), String> {
    let body = serde_json::to_vec(control).map_err(|problem| problem.to_string())?;
    let answer = server.request("PUT", "/control").json(body).send().await?;
    if answer.status == 200 { Ok(()) } else { Err(format!("the stand-in refused: {answer}")) }
}

/// `52651.000001…`: digits of now.
fn unused_value() -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    format!("52651.{:020}1", now.unwrap().as_nanos())
}
