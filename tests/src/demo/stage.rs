//! Breaks and mends the banks of a deployment, its Redis and the way to it, in one task; a slot moves beside it.
//!
//! Every wallet is judged after each outage, and every few seconds between outages.

use crate::demo::cluster::DemoCluster;
use crate::demo::score::Score;
use crate::demo::trouble::{Action, Trouble};
use crate::prove::deployment::Deployment;
use crate::proxy::{Direction, ProxyMode};
use anyhow::{Context as _, bail};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::sleep;

/// How long a killed bank stays away.
const BANK_AWAY: Duration = Duration::from_secs(2);
/// The time between two rounds of the judge, while nothing is broken.
const BETWEEN_ROUNDS: Duration = Duration::from_secs(5);
/// The time between two checks whether a round is over.
const CHECK_EVERY: Duration = Duration::from_millis(50);
/// Answers are lost for one second in three: in between, operations get through, so some are under way when answers
/// are lost again.
const BEAT: Duration = Duration::from_secs(1);
const BEATS: u64 = 3;
/// How long Redis may take to answer, since it may hang.
const PATIENCE: Duration = Duration::from_secs(1);

/// An action, and where its result goes.
pub type Order = (Action, oneshot::Sender<Result<(), String>>);

/// The deployment, and everything that has to know what happens to it.
pub struct Stage {
    deployment: Deployment,
    cluster: DemoCluster,
    score: Arc<Score>,
    judge: Judge,
    users: Vec<String>,
    stolen: usize,
    /// How many slots have begun to move.
    moves: usize,
    /// The move that is under way.
    moving: JoinSet<()>,
    /// While answers are lost: how many beats ago that began.
    losing: Option<u64>,
    orders: (mpsc::Sender<Order>, mpsc::Receiver<Order>),
}

/// Starts the rounds in which wallets are judged.
#[derive(Clone)]
struct Judge {
    score: Arc<Score>,
    round: watch::Sender<u64>,
}

impl Stage {
    /// A stage with a deployment, its Redis and these clients' wallets; clients wait for `round`.
    pub fn new(
        (deployment, cluster): (Deployment, DemoCluster),
        score: Arc<Score>,
        round: watch::Sender<u64>,
        users: Vec<String>,
    ) -> Self {
        let judge = Judge { score: Arc::clone(&score), round };
        Self {
            deployment,
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

    /// Where orders are sent to.
    pub fn orders(&self) -> mpsc::Sender<Order> {
        self.orders.0.clone()
    }

    /// Carries out orders, one after the other.
    pub async fn run(&mut self) {
        let rounds = tokio::spawn(self.judge.clone().judge_periodically());
        let mut beats = tokio::time::interval(BEAT);
        loop {
            tokio::select! {
                order = self.orders.1.recv() => {
                    let Some((action, told)) = order else { break };
                    let done = self.act(action).await.map_err(|problem| format!("{problem:#}"));
                    // The sender may be gone.
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
        self.deployment.end().await;
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
                self.score.begin_outage(trouble);
                let begun = self.begin(trouble).await;
                if begun.is_err() {
                    self.end_outage(trouble);
                }
                begun
            }
            Action::End(trouble) if self.score.troubles().contains(&trouble) => {
                self.mend(trouble).await?;
                self.end_outage(trouble);
                Ok(())
            }
            Action::End(_) => bail!("it is not broken"),
            Action::Restart(index) => {
                self.deployment.start_bank(index).await?;
                self.end_outage(Trouble::Bank(index));
                Ok(())
            }
            Action::Moved(moved) => {
                self.score.note_move(moved);
                self.end_outage(Trouble::Moves);
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
                self.cluster.proxy()?.set(ProxyMode::Swallow(Direction::ToBank));
                self.losing = Some(0);
                Ok(())
            }
            Trouble::Moves => self.move_slot().await,
            Trouble::Bank(index) => self.kill_bank(index).await,
        }
    }

    async fn mend(&mut self, trouble: Trouble) -> anyhow::Result<()> {
        match trouble {
            Trouble::Killed => self.cluster.start_again().await,
            Trouble::Hangs => self.cluster.signal("CONT").await,
            Trouble::Full => self.cluster.empty().await,
            Trouble::Mute => {
                self.cluster.proxy()?.set(ProxyMode::Pass);
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
            0 => proxy.set(ProxyMode::Swallow(Direction::ToBank)),
            1 => proxy.set(ProxyMode::Pass),
            _ => (),
        }
    }

    fn end_outage(&self, trouble: Trouble) {
        if let Some(outage) = self.score.end_outage(trouble) {
            tokio::spawn(self.judge.clone().judge_after(outage));
        }
    }

    /// Begins to move the slot of a wallet, each time of another one.
    async fn move_slot(&mut self) -> anyhow::Result<()> {
        // From the end, since wallets are removed from the beginning.
        let user = self.users.iter().rev().cycle().nth(self.moves).context("there are no wallets")?;
        let planned = self.cluster.plan_to_move(&format!("bank:{{{user}}}:wallet")).await?;
        self.moves += 1;
        self.score.note_move(planned.begun());
        let orders = self.orders();
        self.moving.spawn(async move {
            let moved = planned.carry_out().await;
            let (told, _) = oneshot::channel();
            // When the demo has ended, nobody takes orders any more.
            let _ = orders.send((Action::Moved(moved), told)).await;
        });
        Ok(())
    }

    /// Kills a bank; it restarts after a while, as it would in a cluster.
    async fn kill_bank(&mut self, index: usize) -> anyhow::Result<()> {
        self.deployment.process(index)?.kill().await?;
        self.deployment.forget_bank(index);
        let orders = self.orders();
        tokio::spawn(async move {
            sleep(BANK_AWAY).await;
            let (told, _) = oneshot::channel();
            // When the demo has ended, nobody takes orders any more.
            let _ = orders.send((Action::Restart(index), told)).await;
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
        self.judge.start_round();
        Ok(())
    }
}

impl Judge {
    /// Asks for every wallet to be judged; returns the number of the round.
    fn start_round(&self) -> u64 {
        let mut number = 0;
        self.round.send_modify(|round| {
            *round += 1;
            number = *round;
        });
        number
    }

    /// Judges every wallet after an outage.
    async fn judge_after(self, outage: u64) {
        let round = self.start_round();
        while !self.score.is_round_over(round) {
            sleep(CHECK_EVERY).await;
        }
        self.score.note_outage_judged(outage);
    }

    /// Judges every wallet again and again, while nothing is broken.
    async fn judge_periodically(self) {
        loop {
            sleep(BETWEEN_ROUNDS).await;
            if self.score.troubles().is_empty() {
                self.start_round();
            }
        }
    }
}
