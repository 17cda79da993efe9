//! Breaks and mends the banks of a house, its Redis and the way to it, in one task; a slot moves beside it.
//!
//! Every wallet is judged after each outage, and every few seconds between outages.

use crate::demo::cluster::Cluster;
use crate::demo::score::Score;
use crate::demo::trouble::{Action, Trouble};
use crate::prove::house::House;
use crate::proxy::{Mode, Way};
use anyhow::{Context as _, bail};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::sleep;

/// How long a killed bank is away.
const BANK_AWAY: Duration = Duration::from_secs(2);
/// The time between two rounds of the judge, while nothing is broken.
const BETWEEN_ROUNDS: Duration = Duration::from_secs(5);
/// The time between two checks whether a round is over.
const LOOK: Duration = Duration::from_millis(50);
/// Answers are lost for one second in three: between two losses operations get through, and the next loss meets some under way.
const BEAT: Duration = Duration::from_secs(1);
const BEATS: u64 = 3;
/// How long Redis may take to answer, since it may hang.
const PATIENCE: Duration = Duration::from_secs(1);

/// An action, and where its result goes.
pub type Order = (Action, oneshot::Sender<Result<(), String>>);

/// The house, and everything that must know about what happens to it.
pub struct Stage {
    house: House,
    cluster: Cluster,
    score: Arc<Score>,
    judge: Judge,
    users: Vec<String>,
    stolen: usize,
    /// How many slots have begun to move.
    moves: usize,
    /// The move that goes on.
    moving: JoinSet<()>,
    /// Where answers are lost: how many beats ago that began.
    losing: Option<u64>,
    orders: (mpsc::Sender<Order>, mpsc::Receiver<Order>),
}

/// Calls rounds.
#[derive(Clone)]
struct Judge {
    score: Arc<Score>,
    round: watch::Sender<u64>,
}

impl Stage {
    /// For a house and its Redis with these clients' wallets; clients wait for `round`.
    pub fn new(
        (house, cluster): (House, Cluster),
        score: Arc<Score>,
        round: watch::Sender<u64>,
        users: Vec<String>,
    ) -> Self {
        let judge = Judge { score: Arc::clone(&score), round };
        Self {
            house,
            cluster,
            score,
            judge,
            users,
            stolen: 0,
            moves: 0,
            moving: JoinSet::new(),
            losing: None,
            orders: mpsc::channel(8),
        }
    }

    /// Where orders are taken.
    pub fn door(&self) -> mpsc::Sender<Order> {
        self.orders.0.clone()
    }

    /// Carries out orders, one after the other.
    pub async fn run(&mut self) {
        let rounds = tokio::spawn(self.judge.clone().goes_round());
        let mut beats = tokio::time::interval(BEAT);
        loop {
            tokio::select! {
                order = self.orders.1.recv() => {
                    let Some((action, told)) = order else { break };
                    let done = self.act(action).await.map_err(|problem| format!("{problem:#}"));
                    // Who asked may be gone.
                    let _ = told.send(done);
                }
                _ = beats.tick() => self.beat(),
            }
        }
        rounds.abort();
    }

    /// Ends everything that was started.
    pub async fn end(mut self) {
        self.moving.shutdown().await;
        self.house.end().await;
        self.cluster.end().await;
    }

    async fn act(&mut self, action: Action) -> anyhow::Result<()> {
        match action {
            Action::Begin(trouble) => {
                let broken = self.score.troubles();
                if broken.contains(&trouble) {
                    bail!("it is broken already");
                }
                if trouble.is_of_redis() && broken.contains(&Trouble::Moves) {
                    bail!("a slot still moves");
                }
                if trouble.is_of_redis() && broken.iter().any(|other| other.is_of_redis()) {
                    bail!("mend Redis first");
                }
                self.score.begins(trouble);
                let begun = self.begin(trouble).await;
                if begun.is_err() {
                    self.is_mended(trouble);
                }
                begun
            }
            Action::End(trouble) if self.score.troubles().contains(&trouble) => {
                self.end_of(trouble).await?;
                self.is_mended(trouble);
                Ok(())
            }
            Action::End(_) => bail!("it is not broken"),
            Action::Restart(index) => {
                self.house.start_bank(index).await?;
                self.is_mended(Trouble::Bank(index));
                Ok(())
            }
            Action::Moved(moved) => {
                self.score.moves(moved);
                self.is_mended(Trouble::Moves);
                Ok(())
            }
            Action::Steal => self.steal().await,
        }
    }

    async fn begin(&mut self, trouble: Trouble) -> anyhow::Result<()> {
        match trouble {
            Trouble::Killed => self.cluster.kill().await,
            Trouble::Hangs => self.cluster.signal("STOP").await,
            Trouble::Full => self.cluster.fill().await,
            Trouble::Mute => {
                self.cluster.proxy()?.set(Mode::Swallow(Way::Answered));
                self.losing = Some(0);
                Ok(())
            }
            Trouble::Moves => self.move_slot().await,
            Trouble::Bank(index) => self.kill_bank(index).await,
        }
    }

    async fn end_of(&mut self, trouble: Trouble) -> anyhow::Result<()> {
        match trouble {
            Trouble::Killed => self.cluster.start_again().await,
            Trouble::Hangs => self.cluster.signal("CONT").await,
            Trouble::Full => self.cluster.empty().await,
            Trouble::Mute => {
                self.cluster.proxy()?.set(Mode::Pass);
                self.losing = None;
                Ok(())
            }
            Trouble::Moves | Trouble::Bank(_) => bail!("it ends by itself"),
        }
    }

    /// Loses answers again, or lets them through.
    fn beat(&mut self) {
        let (Some(beats), Ok(proxy)) = (&mut self.losing, self.cluster.proxy()) else { return };
        *beats += 1;
        match *beats % BEATS {
            0 => proxy.set(Mode::Swallow(Way::Answered)),
            1 => proxy.set(Mode::Pass),
            _ => (),
        }
    }

    fn is_mended(&self, trouble: Trouble) {
        if let Some(outage) = self.score.ends(trouble) {
            tokio::spawn(self.judge.clone().judges(outage));
        }
    }

    /// Begins to move the slot of a wallet, at each call another one's.
    async fn move_slot(&mut self) -> anyhow::Result<()> {
        // From the end, since wallets are removed from the beginning.
        let user = self.users.iter().rev().cycle().nth(self.moves).context("there are no wallets")?;
        let planned = self.cluster.plan_to_move(&format!("bank:{{{user}}}:wallet")).await?;
        self.moves += 1;
        self.score.moves(planned.begun());
        let door = self.door();
        self.moving.spawn(async move {
            let moved = planned.carry_out().await;
            let (told, _) = oneshot::channel();
            // When the demo has ended, nobody takes orders any more.
            let _ = door.send((Action::Moved(moved), told)).await;
        });
        Ok(())
    }

    /// Kills a bank; it restarts after a while, as it would in a cluster.
    async fn kill_bank(&mut self, index: usize) -> anyhow::Result<()> {
        self.house.process(index)?.kill().await?;
        self.house.forget(index);
        let door = self.door();
        tokio::spawn(async move {
            sleep(BANK_AWAY).await;
            let (told, _) = oneshot::channel();
            // When the demo has ended, nobody takes orders any more.
            let _ = door.send((Action::Restart(index), told)).await;
        });
        Ok(())
    }

    /// Removes a wallet, and everything that the bank stores about it.
    async fn steal(&mut self) -> anyhow::Result<()> {
        if self.score.troubles().contains(&Trouble::Moves) {
            bail!("a slot still moves");
        }
        let user = self.users.get(self.stolen % self.users.len()).context("there are no wallets")?;
        let keys = format!("bank:{{{user}}}*");
        let removed = tokio::time::timeout(PATIENCE, self.cluster.remove(&keys)).await;
        removed.context("Redis does not answer")?.context("Redis is away")?;
        self.stolen += 1;
        self.judge.calls();
        Ok(())
    }
}

impl Judge {
    /// Asks for every wallet to be judged; returns the number of the round.
    fn calls(&self) -> u64 {
        let mut number = 0;
        self.round.send_modify(|round| {
            *round += 1;
            number = *round;
        });
        number
    }

    /// Judges every wallet after an outage.
    async fn judges(self, outage: u64) {
        let round = self.calls();
        while !self.score.is_round_over(round) {
            sleep(LOOK).await;
        }
        self.score.is_judged(outage);
    }

    /// Judges every wallet again and again, while nothing is broken.
    async fn goes_round(self) {
        loop {
            sleep(BETWEEN_ROUNDS).await;
            if self.score.troubles().is_empty() {
                self.calls();
            }
        }
    }
}
