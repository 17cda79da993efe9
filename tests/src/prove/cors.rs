//! A bank without `cors_origins` sends no CORS header to anybody.
//!
//! `tests/cors.rs` tests a bank with origins.

use crate::prove::deployment::Deployment;
use anyhow::ensure;

/// Neither to a page nor to a preflight, on any kind of answer.
pub async fn assert_no_cors_headers(deployment: &Deployment) -> anyhow::Result<()> {
    let bank = deployment.client();
    for path in
        ["/healthz", "/v1/bitcoins", "/v1/wallet", "/v1/deposit", "/v1/nowhere", "/problems/not-found"]
    {
        for method in ["GET", "POST", "OPTIONS"] {
            let asked = bank.request(method, path).header("origin", "https://app.example");
            let answer = asked.header("access-control-request-method", "POST").await;
            let of_origins = |name: &str| name == "vary" || name.starts_with("access-control-");
            let said = answer.headers.keys().find(|name| of_origins(name.as_str()));
            ensure!(said.is_none(), "it says {said:?}: {answer}");
            ensure!(method != "OPTIONS" || [404, 405].contains(&answer.status), "{answer}");
        }
    }
    Ok(())
}
