//! One request to CoinGecko: `GET {coingecko_origin}/api/v3/exchange_rates`.
//!
//! At most 3 seconds, at most 1 MiB, redirects not followed, nothing but JSON with rates in it.

use std::pin::pin;
use std::time::{Duration, SystemTime};

use futures::future::{Either, select};
use outbound::FullResponse;
use serde::Deserialize;
use upstream::claim::MAX_CLAIM;

use crate::failure::FetchFailure;
use crate::settings::{self, Source};
use crate::sheet::{FetchedSheet, Sheet};

/// How long a fetch may take, in all.
pub const DEADLINE: Duration = Duration::from_secs(3);
/// The largest answer.
const BODY_LIMIT: usize = 1 << 20;
const PATH: &str = "/api/v3/exchange_rates";
const USER_AGENT: &str = concat!("money-bank/", env!("CARGO_PKG_VERSION"));

/// Fetches a sheet, stamped with `now_ms`.
///
/// # Errors
/// Why there is none.
pub async fn fetch(now_ms: u64) -> Result<FetchedSheet, FetchFailure> {
    match select(pin!(request(now_ms)), pin!(spin_sdk::time::sleep(DEADLINE))).await {
        Either::Left((sheet, _)) => sheet,
        Either::Right(_) => Err(FetchFailure::new("timed-out", "no answer within 3 seconds")),
    }
}

async fn request(now_ms: u64) -> Result<FetchedSheet, FetchFailure> {
    let source = settings::source().await?;
    let answered = outbound::get(&source.origin, PATH, &fields(&source), BODY_LIMIT).await?;
    read_answer(answered, now_ms, SystemTime::now())
}

fn fields(source: &Source) -> Vec<(String, Vec<u8>)> {
    let field = |name: &str, value: &str| (name.to_owned(), value.as_bytes().to_vec());
    let mut fields = vec![field("accept", "application/json"), field("user-agent", USER_AGENT)];
    if !source.api_key.is_empty() {
        fields.push(field(&source.api_key_header, &source.api_key));
    }
    fields
}

/// The result of an answer that arrived at `now`.
fn read_answer(answered: FullResponse, now_ms: u64, now: SystemTime) -> Result<FetchedSheet, FetchFailure> {
    if answered.status == 200 {
        return Sheet::from_upstream(&answered.body, now_ms);
    }
    let code = serde_json::from_slice(&answered.body).ok().and_then(ErrorBody::code);
    let retry_after = retry_after(&answered, now);
    Err(FetchFailure { retry_after, ..FetchFailure::of_status(answered.status, code) })
}

/// CoinGecko's own code for a failure: in one of two places.
#[derive(Deserialize)]
struct ErrorBody {
    error_code: Option<u64>,
    status: Option<Status>,
}

#[derive(Deserialize)]
struct Status {
    error_code: Option<u64>,
}

impl ErrorBody {
    fn code(self) -> Option<u64> {
        self.error_code.or(self.status.and_then(|status| status.error_code))
    }
}

/// How long upstream asks not to be called (RFC 9110, section 10.2.3): seconds, or a date. A date is compared with
/// upstream's own `Date`, if there is one, so that it does not matter whose clock is wrong.
fn retry_after(answered: &FullResponse, now: SystemTime) -> Option<Duration> {
    let wanted = answered.field("retry-after")?.trim();
    if !wanted.is_empty() && wanted.bytes().all(|byte| byte.is_ascii_digit()) {
        // A number with too many digits is a long wait too.
        return Some(wanted.parse().map_or(MAX_CLAIM, Duration::from_secs).min(MAX_CLAIM));
    }
    let until = httpdate::parse_http_date(wanted).ok()?;
    let said = answered.field("date").and_then(|date| httpdate::parse_http_date(date.trim()).ok());
    Some(until.duration_since(said.unwrap_or(now)).unwrap_or_default().min(MAX_CLAIM))
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    /// Sun, 06 Nov 1994 08:49:37 GMT
    const NOW_SECONDS: u64 = 784_111_777;

    fn answered(status: u16, fields: &[(&str, &str)], body: &str) -> FullResponse {
        let field = |(name, value): &(&str, &str)| ((*name).to_owned(), value.as_bytes().to_vec());
        FullResponse { status, fields: fields.iter().map(field).collect(), body: body.into() }
    }

    fn failed(answered: FullResponse) -> FetchFailure {
        read_answer(answered, 7, UNIX_EPOCH + Duration::from_secs(NOW_SECONDS)).unwrap_err()
    }

    #[test]
    fn upstream_says_in_seconds_or_by_a_date_when_it_wants_to_be_asked_again() {
        for (wanted, seconds) in [
            ("6", Some(6)),
            (" 6 ", Some(6)),
            ("0", Some(0)),
            ("86400", Some(3600)),
            ("99999999999999999999999999", Some(3600)),
            ("Sun, 06 Nov 1994 08:50:07 GMT", Some(30)),
            ("Sunday, 06-Nov-94 08:50:07 GMT", Some(30)),
            ("Sun Nov  6 08:50:07 1994", Some(30)),
            ("Sun, 06 Nov 1994 08:49:00 GMT", Some(0)),
            ("Mon, 07 Nov 1994 08:49:37 GMT", Some(3600)),
            ("soon", None),
            ("-1", None),
            ("1.5", None),
            ("", None),
        ] {
            let found = failed(answered(429, &[("Retry-After", wanted)], "")).retry_after;
            assert_eq!(found, seconds.map(Duration::from_secs), "{wanted:?}");
        }
        assert_eq!(failed(answered(429, &[], "")).retry_after, None);
    }

    #[test]
    fn a_date_of_upstreams_is_taken_by_upstreams_own_clock() {
        let fields =
            [("date", "Tue, 06 Nov 2001 08:49:37 GMT"), ("retry-after", "Tue, 06 Nov 2001 08:49:47 GMT")];
        assert_eq!(failed(answered(503, &fields, "")).retry_after, Some(Duration::from_secs(10)));
    }

    #[test]
    fn coingeckos_own_code_is_found_where_it_stands() {
        for (body, cause) in [
            (r#"{"timestamp":"x","error_code":10011,"status":{"error_message":"Demo API key"}}"#, "bad-key"),
            (r#"{"status":{"error_code":10010,"error_message":"Pro API key"}}"#, "bad-key"),
            (r#"{"error":"bad request"}"#, "status"),
            ("<html>", "status"),
            ("", "status"),
        ] {
            assert_eq!(failed(answered(400, &[], body)).cause, cause, "{body}");
        }
    }

    #[test]
    fn the_key_goes_in_the_header_that_is_set_and_no_key_in_none() {
        let source = |api_key: &str| Source {
            origin: String::new(),
            api_key: api_key.to_owned(),
            api_key_header: "x-cg-pro-api-key".to_owned(),
        };
        assert!(fields(&source("k")).contains(&("x-cg-pro-api-key".to_owned(), b"k".to_vec())));
        assert_eq!(fields(&source("")).len(), 2);
    }
}
