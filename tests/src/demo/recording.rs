//! `make demo-recording`: breaks and mends things as a visitor would, and records what the page would show, twice a
//! second.
//!
//! The run is real and takes as long as the recording. If the judge misses anything, there is an error and no
//! recording.

use crate::demo::outage::Outage;
use crate::demo::score::{PageState, Score};
use crate::demo::stage::Order;
use crate::demo::steps::STEP;
use crate::demo::trouble::{Action, Trouble};
use anyhow::{Context as _, ensure};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{interval, sleep};

/// The time before the recording begins, in which caches warm up.
const WARM_UP: Duration = Duration::from_secs(6);
/// How many steps the recording has.
const STEPS: u64 = 84;
/// The visitor's actions, by step.
const SCRIPT: &[(u64, Action)] = &[
    (6, Action::Begin(Trouble::Killed)),
    (16, Action::End(Trouble::Killed)),
    (25, Action::Begin(Trouble::Hangs)),
    (34, Action::End(Trouble::Hangs)),
    (43, Action::Begin(Trouble::Mute)),
    (50, Action::End(Trouble::Mute)),
    (57, Action::Begin(Trouble::Bank(1))),
    (68, Action::Begin(Trouble::Moves)),
];

/// The states that the page showed, one for each step; the last state has the whole run.
pub async fn record(score: &Score, orders: &mpsc::Sender<Order>) -> anyhow::Result<Vec<PageState>> {
    score.note_viewer();
    sleep(WARM_UP).await;
    let mut ticks = interval(STEP);
    let (mut states, mut pressed) = (Vec::new(), Vec::new());
    for step in 0..STEPS {
        ticks.tick().await;
        score.note_viewer();
        for (_, action) in SCRIPT.iter().filter(|(at, _)| *at == step) {
            let (tell, told) = oneshot::channel();
            orders.send((*action, tell)).await.context("the stage has ended")?;
            pressed.push(told);
        }
        states.push(score.state());
    }
    for told in pressed {
        told.await?.map_err(anyhow::Error::msg)?;
    }
    let last = states.last().context("there is no state")?;
    ensure!(last.outages.iter().all(|outage| outage.is_judged), "an outage was not judged in time");
    let has_failed = |outage: &Outage| outage.moved.is_some_and(|moved| moved.has_failed);
    ensure!(!last.outages.iter().any(has_failed), "a slot was not moved");
    ensure!(
        last.totals.lost + last.totals.doubled + last.totals.broken == 0,
        "the judge says {:?}",
        last.totals
    );
    Ok(states)
}
