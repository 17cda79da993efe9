//! Breaks and mends the banks, Redis and the proxy of one house, in one task.
//!
//! Every wallet is judged after each outage, and every few seconds between outages.

use crate::demo::score::Score;
use crate::demo::trouble::{Action, BANKS, Trouble};
use crate::prove::house::House;
use crate::proxy::{Mode, Way};
use anyhow::{Context as _, bail};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};
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
/// How much is put into Redis beyond `maxmemory`, so that memory that clients and scripts free does not make room
/// again.
const ROOM_MIB: u64 = 2;
const JUNK_MIB: u64 = 4;
const MIB: u64 = 1 << 20;
/// A script that has written may go on, so this fills Redis to more than `maxmemory`.
const FILL: &str = "for i = 1, ARGV[1] do redis.call('SET', 'demo:junk:' .. i, string.rep('x', 1048576)) end";
const REMOVE: &str = "for _, key in ipairs(redis.call('KEYS', ARGV[1])) do redis.call('DEL', key) end";

/// An action, and where its result goes.
pub type Order = (Action, oneshot::Sender<Result<(), String>>);

/// The house, and everything that must know about what happens to it.
pub struct Stage {
    house: House,
    score: Arc<Score>,
    judge: Judge,
    users: Vec<String>,
    stolen: usize,
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
    /// For a house with these clients' wallets; clients wait for `round`.
    pub fn new(house: House, score: Arc<Score>, round: watch::Sender<u64>, users: Vec<String>) -> Self {
        let judge = Judge { score: Arc::clone(&score), round };
        Self { house, score, judge, users, stolen: 0, losing: None, orders: mpsc::channel(8) }
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
    pub async fn end(self) {
        self.house.end().await;
    }

    async fn act(&mut self, action: Action) -> anyhow::Result<()> {
        match action {
            Action::Begin(trouble) => {
                let broken = self.score.troubles();
                if broken.contains(&trouble) {
                    bail!("it is broken already");
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
            Action::Steal => self.steal().await,
        }
    }

    async fn begin(&mut self, trouble: Trouble) -> anyhow::Result<()> {
        match trouble {
            Trouble::Killed => self.house.redis()?.kill().await,
            Trouble::Hangs => self.house.redis()?.signal("STOP").await,
            Trouble::Full => self.fill().await,
            Trouble::Mute => {
                self.house.proxy()?.set(Mode::Swallow(Way::Answered));
                self.losing = Some(0);
                Ok(())
            }
            Trouble::Bank(index) => self.kill_bank(index).await,
        }
    }

    async fn end_of(&mut self, trouble: Trouble) -> anyhow::Result<()> {
        match trouble {
            Trouble::Killed => self.house.redis()?.start_again().await,
            Trouble::Hangs => self.house.redis()?.signal("CONT").await,
            Trouble::Full => self.empty().await,
            Trouble::Mute => {
                self.house.proxy()?.set(Mode::Pass);
                self.losing = None;
                Ok(())
            }
            Trouble::Bank(_) => bail!("it starts again by itself"),
        }
    }

    /// Loses answers again, or lets them through.
    fn beat(&mut self) {
        let (Some(beats), Ok(proxy)) = (&mut self.losing, self.house.proxy()) else { return };
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

    /// Sets `maxmemory` a little above what is used, and puts in more.
    async fn fill(&mut self) -> anyhow::Result<()> {
        let mut talk = self.house.redis()?.talk().await?;
        let told = talk.ask(&[b"INFO", b"memory"]).await?.concat();
        let told = String::from_utf8_lossy(&told);
        let used = told.lines().find_map(|line| line.strip_prefix("used_memory:"));
        let used: u64 = used.context("Redis does not say what it uses")?.trim().parse()?;
        talk.command("CONFIG SET maxmemory-policy noeviction").await?;
        talk.command(&format!("CONFIG SET maxmemory {}", used + ROOM_MIB * MIB)).await?;
        talk.ask(&[b"EVAL", FILL.as_bytes(), b"0", JUNK_MIB.to_string().as_bytes()]).await?;
        Ok(())
    }

    async fn empty(&mut self) -> anyhow::Result<()> {
        let mut talk = self.house.redis()?.talk().await?;
        talk.ask(&[b"EVAL", REMOVE.as_bytes(), b"0", b"demo:junk:*"]).await?;
        talk.command("CONFIG SET maxmemory 0").await
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
        let user = self.users.get(self.stolen % self.users.len()).context("there are no wallets")?;
        let keys = format!("bank:{{{user}}}*");
        let talk = tokio::time::timeout(PATIENCE, self.house.redis()?.talk()).await;
        let mut talk = talk.context("Redis does not answer")?.context("Redis is away")?;
        talk.ask(&[b"EVAL", REMOVE.as_bytes(), b"0", keys.as_bytes()]).await?;
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

const _: () = assert!(BANKS > 1, "one bank is behind the proxy, the others are not");
