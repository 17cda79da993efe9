//! What is never logged: tokens, and the secret that signs them.

use crate::prove::deployment::Deployment;
use crate::token::SECRET;
use anyhow::ensure;

/// The beginning of every token: `{"` in base64url.
const BEGINS_A_TOKEN: &str = "eyJ";

/// No token, nor part of one, nor the secret.
pub async fn assert_not_logged(deployment: &Deployment) -> anyhow::Result<()> {
    let said = deployment.logs()?;
    ensure!(said.contains("\"component\":\"identity\""), "identity was never asked:\n{said}");
    for secret in [BEGINS_A_TOKEN, SECRET] {
        let line = said.lines().find(|line| line.contains(secret));
        ensure!(line.is_none(), "{secret} is in the log: {}", line.unwrap_or_default());
    }
    Ok(())
}
