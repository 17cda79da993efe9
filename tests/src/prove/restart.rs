//! Banks that are asked to end and start again.

use crate::limits;
use crate::names::fresh;
use crate::prove::book::{self, Book};
use crate::prove::house::House;
use crate::raw::Wire;
use anyhow::{Context as _, ensure};
use std::time::Duration;

/// All end with code 0, start again, and say what they said.
pub async fn in_the_middle(house: &mut House, book: Option<&Book>) -> anyhow::Result<()> {
    let before = house.client().get("/v1/bitcoins").await.is(200);
    house.stop_banks().await?;
    house.start_banks().await?;
    let after = house.client().get("/v1/bitcoins").await.is(200);
    ensure!(after.body == before.body, "bitcoins: before {before}, after {after}");
    book::still_holds(house, book).await
}

/// A deposit whose second half comes after the signal is answered, counts, and the exit code is 0.
pub async fn with_a_request_in_flight(house: &mut House) -> anyhow::Result<()> {
    let user = fresh("late");
    let body = r#"{"amount":"1"}"#;
    let (first, second) = body.split_at(5);
    let head = format!(
        "POST /v1/deposit HTTP/1.1\r\nhost: {{host}}\r\nuser_id: {user}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{first}",
        body.len()
    );
    let mut wire = Wire::to(&house.client_of(0)).await;
    wire.say(&head).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    house.process(0)?.signal("TERM").await?;
    tokio::time::sleep(Duration::from_millis(300)).await;
    wire.say(second).await;
    let answer = wire.hear().await.context("the request in flight was dropped")?;
    ensure!(answer.status == 200, "the request in flight: {answer}");
    let status = house.process(0)?.ended().await?;
    house.is_gone(0);
    ensure!(status.success(), "it ended with {status}");
    house.start_banks().await?;
    let balance = house.client().balance(&user).await;
    ensure!(balance == "1.00", "the request in flight left {balance}");
    Ok(())
}

/// With everything compiled before: the best of five, so that a busy machine is not what is measured.
pub async fn is_quick(house: &mut House) -> anyhow::Result<()> {
    let mut best = Duration::MAX;
    for _ in 0..5 {
        let status = house.process(0)?.stop().await?;
        ensure!(status.success(), "it ended with {status}");
        best = best.min(house.start_bank(0).await?);
        house.client_of(0).get("/healthz").await.is(200);
    }
    println!("started in {best:?} of {:?}", limits::SECOND_START);
    ensure!(best < limits::SECOND_START, "the second start took {best:?}");
    Ok(())
}
