//! `make demo-recording`: breaks and mends things as a visitor would, and records what the page would show, twice a
//! second.
//!
//! The run is real and takes as long as the recording. If the judge misses anything, there is no recording but an
//! error.

use crate::demo::score::{Score, State};
use crate::demo::stage::Order;
use crate::demo::steps::STEP;
use crate::demo::trouble::{Action, Trouble};
use anyhow::{Context as _, ensure};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{interval, sleep};

/// The time before it begins, in which caches warm up.
const WARM_UP: Duration = Duration::from_secs(6);
/// How many steps it has.
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
pub async fn record(score: &Score, door: &mpsc::Sender<Order>) -> anyhow::Result<Vec<State>> {
    score.is_watched();
    sleep(WARM_UP).await;
    let mut ticks = interval(STEP);
    let (mut states, mut pressed) = (Vec::new(), Vec::new());
    for step in 0..STEPS {
        ticks.tick().await;
        score.is_watched();
        for (_, action) in SCRIPT.iter().filter(|(at, _)| *at == step) {
            let (tell, told) = oneshot::channel();
            door.send((*action, tell)).await.context("the stage has ended")?;
            pressed.push(told);
        }
        states.push(score.state());
    }
    for told in pressed {
        told.await?.map_err(anyhow::Error::msg)?;
    }
    let last = states.last().context("there is no state")?;
    ensure!(last.outages.iter().all(|outage| outage.is_judged), "an outage was not judged in time");
    ensure!(
        last.totals.lost + last.totals.doubled + last.totals.broken == 0,
        "the judge says {:?}",
        last.totals
    );
    Ok(states)
}
