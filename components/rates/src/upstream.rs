//! One request to CoinGecko: `GET {coingecko_origin}/api/v3/exchange_rates`.
//!
//! At most 3 seconds, at most 1 MiB, redirects not followed, nothing but the documented JSON.

use std::pin::pin;
use std::time::Duration;

use futures::future::{Either, select};
use http::header::RETRY_AFTER;
use http_body_util::{BodyExt, Limited};
use spin_sdk::http::{EmptyBody, send};

use crate::settings;
use crate::sheet::Sheet;

/// How long a fetch may take, in all.
pub const DEADLINE: Duration = Duration::from_secs(3);
/// The largest answer.
const BODY_LIMIT: usize = 1 << 20;
/// The longest wait that upstream can ask for.
const LONGEST_WAIT: Duration = Duration::from_secs(3600);

/// Why there are no new rates. For the log; it names no address and no key.
#[derive(Debug, PartialEq, Eq)]
pub struct Failed {
    /// What happened.
    pub why: String,
    /// How long upstream wants to be left alone.
    pub retry_after: Option<Duration>,
}

/// Fetches a sheet, stamped with `now_ms`.
pub async fn fetch(now_ms: u64) -> Result<Sheet, Failed> {
    match select(pin!(request(now_ms)), pin!(spin_sdk::time::sleep(DEADLINE))).await {
        Either::Left((sheet, _)) => sheet,
        Either::Right(_) => Err(failed("no answer within 3 seconds")),
    }
}

async fn request(now_ms: u64) -> Result<Sheet, Failed> {
    let source = settings::source().await;
    let mut request = http::Request::get(format!("{}/api/v3/exchange_rates", source.origin))
        .header("accept", "application/json")
        .header("user-agent", concat!("money-bank/", env!("CARGO_PKG_VERSION")));
    if !source.api_key.is_empty() {
        request = request.header("x-cg-demo-api-key", source.api_key);
    }
    let request = request.body(EmptyBody::new()).map_err(|_| failed("coingecko_origin is no origin"))?;
    let response = send(request).await.map_err(|error| failed(&format!("no answer: {error:?}")))?;
    if response.status() != 200 {
        let retry_after = seconds(response.headers().get(RETRY_AFTER));
        return Err(Failed { why: format!("status {}", response.status().as_u16()), retry_after });
    }
    let body = Limited::new(response.into_body(), BODY_LIMIT).collect().await;
    let body = body.map_err(|_| failed("the answer broke off or is over 1 MiB"))?.to_bytes();
    Sheet::from_upstream(&body, now_ms).ok_or_else(|| failed("the answer is not the documented JSON"))
}

fn seconds(value: Option<&http::HeaderValue>) -> Option<Duration> {
    let seconds = value?.to_str().ok()?.parse().ok()?;
    Some(Duration::from_secs(seconds).min(LONGEST_WAIT))
}

fn failed(why: &str) -> Failed {
    Failed { why: why.to_owned(), retry_after: None }
}
