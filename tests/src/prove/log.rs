//! What the log says about requests, and what it never says, seen from outside.
//!
//! Scenario: logs are read by people who may not know what clients send. Mechanism: requests whose user, key, body,
//! token and path occur nowhere else; each leaves one line with its trace id, and none of these values.

use crate::bank::Bank;
use crate::names::fresh;
use crate::prove::deployment::Deployment;
use crate::request::Request;
use anyhow::{Context as _, ensure};
use serde_json::Value;
use std::time::{Duration, Instant};

/// How long after the answer the line of a request may appear.
const LOGGED_WITHIN: Duration = Duration::from_secs(5);
const CHECK_EVERY: Duration = Duration::from_millis(20);

/// What no log may contain.
struct Secrets {
    user: String,
    key: String,
    token: String,
}

/// A request, and what its line must say.
struct Case<'a> {
    request: Request<'a>,
    says: &'static [(&'static str, &'static str)],
}

/// One line for each request, without anything that it was about.
pub async fn assert_requests_and_no_secrets(deployment: &Deployment) -> anyhow::Result<()> {
    let bank = deployment.client();
    let secrets = Secrets { user: fresh("nobody"), key: fresh("key"), token: fresh("token") };
    for (number, Case { request, says }) in secrets.cases(&bank).into_iter().enumerate() {
        let trace = trace_id();
        request.header("traceparent", format!("00-{trace}-00f067aa0ba902b7-01")).await;
        let line = line_of(deployment, &trace).await.with_context(|| format!("request {number}"))?;
        for member in ["time", "level", "component", "event", "method", "duration_ms", "request_id"] {
            ensure!(!line[member].is_null(), "{member} is not there: {line}");
        }
        for (member, value) in says {
            ensure!(text(&line[*member]) == *value, "{member} is not {value}: {line}");
        }
    }
    let trace = trace_id();
    bank.get("/v1/rates").header("traceparent", format!("00-{trace}-00f067aa0ba902b7-01")).await;
    let line = line_of(deployment, &trace).await?;
    ensure!(line["age_seconds"].is_u64(), "it does not say how old the rates are: {line}");
    let said = deployment.logs()?;
    let Secrets { user, key, token } = &secrets;
    for secret in [user, key, token, "31.41592653", "forged"] {
        let line = said.lines().find(|line| line.contains(secret));
        ensure!(line.is_none(), "{secret} is in the log: {}", line.unwrap_or_default());
    }
    Ok(())
}

impl Secrets {
    fn cases<'a>(&self, bank: &'a Bank) -> Vec<Case<'a>> {
        let post = |path| bank.post(path).user(&self.user).idempotency_key(&self.key);
        let counter = "/v1/counters/a%0A%7B%22event%22%3A%22forged%22%7D";
        vec![
            Case {
                request: post("/v1/deposit").amount("31.41592653"),
                says: &[
                    ("component", "deposit"),
                    ("route", "/v1/deposit"),
                    ("status", "200"),
                    ("level", "info"),
                ],
            },
            Case {
                request: post("/v1/deposit").amount("31.41592653"),
                says: &[("status", "200"), ("replayed", "true")],
            },
            Case {
                request: post("/v1/withdraw").amount("31.41592653"),
                says: &[("status", "422"), ("code", "idempotency-key-reuse")],
            },
            Case {
                request: bank.get(counter).header("authorization", format!("Bearer {}", self.token)),
                says: &[("component", "counter"), ("method", "GET")],
            },
            Case {
                request: bank.get("/v1/wallet").user(&self.user).header("x-request-id", "\"forged\""),
                says: &[("component", "wallet"), ("status", "200")],
            },
        ]
    }
}

/// 32 hex digits that no other request has.
fn trace_id() -> String {
    let digits = |name: String| name.rsplit('-').next().unwrap_or_default().to_owned();
    digits(fresh("trace")) + &digits(fresh("trace"))
}

/// The one line of the request with this trace id.
async fn line_of(deployment: &Deployment, trace: &str) -> anyhow::Result<Value> {
    let begun = Instant::now();
    loop {
        let said = deployment.logs()?;
        // A line that is being written has no line feed yet.
        let whole = said.split_inclusive('\n').filter(|line| line.ends_with('\n'));
        let lines: Vec<&str> = whole.filter(|line| line.contains(trace)).collect();
        match lines[..] {
            [line] => return serde_json::from_str(line).with_context(|| line.to_owned()),
            [] if begun.elapsed() < LOGGED_WITHIN => tokio::time::sleep(CHECK_EVERY).await,
            _ => anyhow::bail!("{} lines: {lines:?}", lines.len()),
        }
    }
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
