//! Banks that are stopped gracefully and started again.

use crate::bank::Bank;
use crate::limits;
use crate::names::fresh;
use crate::prove::balances::{self, Balances};
use crate::prove::deployment::Deployment;
use crate::raw::Wire;
use anyhow::{Context as _, ensure};
use std::time::Duration;

/// All end with code 0, start again, and give the same answers.
pub async fn restart_all(deployment: &mut Deployment, balances: Option<&Balances>) -> anyhow::Result<()> {
    let before = deployment.client().get("/v1/bitcoins").await.is(200);
    deployment.stop_banks().await?;
    deployment.start_banks().await?;
    let after = deployment.client().get("/v1/bitcoins").await.is(200);
    ensure!(after.body == before.body, "bitcoins: before {before}, after {after}");
    balances::assert_unchanged(deployment, balances).await
}

/// A deposit whose second half arrives after the signal is answered and counts, and the exit code is 0.
pub async fn stop_with_request_in_flight(deployment: &mut Deployment) -> anyhow::Result<()> {
    let user = fresh("late");
    let body = r#"{"amount":"1"}"#;
    let (first, second) = body.split_at(5);
    let head = format!(
        "POST /v1/deposit HTTP/1.1\r\nhost: {{host}}\r\nuser_id: {user}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{first}",
        body.len()
    );
    let mut wire = Wire::to(&deployment.client_of(0)).await;
    wire.send(&head).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    deployment.process(0)?.signal("TERM").await?;
    tokio::time::sleep(Duration::from_millis(300)).await;
    wire.send(second).await;
    let answer = wire.receive().await.context("the request in flight was dropped")?;
    ensure!(answer.status == 200, "the request in flight: {answer}");
    let status = deployment.process(0)?.ended().await?;
    deployment.forget_bank(0);
    ensure!(status.success(), "it ended with {status}");
    deployment.start_banks().await?;
    let balance = deployment.client().balance(&user).await;
    ensure!(balance == "1.00", "the request in flight left {balance}");
    Ok(())
}

/// Clients that send without a pause on kept connections are told to close them; not one request is without an
/// answer.
pub async fn stop_with_kept_connections(deployment: &mut Deployment) -> anyhow::Result<()> {
    for _ in 0..5 {
        let clients: Vec<_> = (0..16).map(|_| deployment.client_of(0)).collect();
        let asking: Vec<_> =
            clients.into_iter().map(|bank| tokio::spawn(until_told_to_close(bank))).collect();
        tokio::time::sleep(Duration::from_millis(300)).await;
        deployment.process(0)?.signal("TERM").await?;
        let mut answered = 0;
        for client in asking {
            answered += client.await?.context("a kept connection was cut")?;
        }
        let status = deployment.process(0)?.ended().await?;
        deployment.forget_bank(0);
        ensure!(status.success(), "it ended with {status}");
        println!("{answered} requests on 16 kept connections, none cut");
        deployment.start_banks().await?;
    }
    Ok(())
}

/// How many requests were answered until an answer had `connection: close`; `None` if the connection ended before.
async fn until_told_to_close(bank: Bank) -> Option<u32> {
    let mut wire = Wire::to(&bank).await;
    for answered in 1.. {
        wire.send("GET /healthz HTTP/1.1\r\nhost: {host}\r\n\r\n").await;
        let answer = wire.receive().await?;
        if answer.header("connection") == Some("close") {
            return Some(answered);
        }
    }
    None
}

/// When everything is compiled: the best of five starts, so that a busy machine does not matter.
pub async fn assert_quick(deployment: &mut Deployment) -> anyhow::Result<()> {
    let mut best = Duration::MAX;
    for _ in 0..5 {
        let status = deployment.process(0)?.stop().await?;
        ensure!(status.success(), "it ended with {status}");
        best = best.min(deployment.start_bank(0).await?);
        deployment.client_of(0).get("/healthz").await.is(200);
    }
    println!("started in {best:?} of {:?}", limits::SECOND_START);
    ensure!(best < limits::SECOND_START, "the second start took {best:?}");
    Ok(())
}
