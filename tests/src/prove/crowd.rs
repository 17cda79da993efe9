//! Clients that move money while something goes wrong, and the answers that they got.
//!
//! Some have a wallet of their own, others share one, some post to a counter. Each sends a request again, under its
//! key, until it is answered ([`RetryingClient`]). Then every wallet is compared with these answers.

use crate::bank::Bank;
use crate::names::fresh;
use crate::prove::client::{Answers, RetryingClient};
use crate::prove::judge;
use futures::future::try_join_all;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

const CLIENTS_OF_A_HOT_WALLET: usize = 5;

/// How many wallets and clients there are.
#[derive(Clone, Copy)]
pub enum Size {
    Large,
    /// For scenarios that run many times.
    Small,
}

impl Size {
    fn cold_wallets(self) -> usize {
        match self {
            Self::Large => 8,
            Self::Small => 10,
        }
    }

    fn hot_wallets(self) -> usize {
        match self {
            Self::Large => 2,
            Self::Small => 1,
        }
    }

    fn clients_of_the_counter(self) -> usize {
        match self {
            Self::Large => 4,
            Self::Small => 6,
        }
    }
}

pub struct Crowd {
    wallets: Vec<String>,
    counter: String,
    answers: Vec<Answers>,
    kills: bool,
}

impl Crowd {
    /// Lets the clients run until the accident is over; returns the crowd with its answers, and the result of the
    /// accident.
    pub async fn during<T>(
        bank: &Bank,
        size: Size,
        kills: bool,
        accident: impl Future<Output = anyhow::Result<T>>,
    ) -> anyhow::Result<(Self, T)> {
        let over = AtomicBool::new(false);
        let wallets: Vec<String> =
            (0..size.cold_wallets() + size.hot_wallets()).map(|_| fresh("steady")).collect();
        let counter = fresh("steady");
        let accident = async {
            let ended = accident.await;
            over.store(true, Ordering::Relaxed);
            ended
        };
        let client = RetryingClient::new(bank, kills);
        let (cold, hot) = wallets.split_at(size.cold_wallets());
        let hot = hot.iter().flat_map(|user| std::iter::repeat_n(user, CLIENTS_OF_A_HOT_WALLET));
        let money = cold.iter().chain(hot).enumerate();
        let money = try_join_all(money.map(|(index, user)| client.move_money(user, index, &over)));
        let counters = (0..size.clients_of_the_counter()).map(|index| client.count(&counter, index, &over));
        let (ended, money, counted) = tokio::join!(accident, money, try_join_all(counters));
        let answers = money?.into_iter().chain(counted?).collect();
        Ok((Self { wallets, counter, answers, kills }, ended?))
    }

    /// How many operations were answered.
    pub fn done(&self) -> usize {
        self.answers.iter().map(|one| one.done.len()).sum()
    }

    pub fn sent_again(&self) -> usize {
        self.answers.iter().map(|one| one.sent_again).sum()
    }

    /// How many operations were unknown, and then resolved under their key.
    pub fn unknown(&self) -> usize {
        self.answers.iter().map(|one| one.unknown).sum()
    }

    /// How many operations the bank reported as not done, and nobody sent again.
    pub fn given_up(&self) -> usize {
        self.answers.iter().map(|one| one.given_up.len()).sum()
    }

    pub fn slowest(&self) -> Duration {
        self.answers.iter().map(|one| one.slowest).max().unwrap_or_default()
    }

    /// The users whose money they move.
    pub fn wallets(&self) -> &[String] {
        &self.wallets
    }

    /// Sends everything that was answered again under its key; returns how much was there, and how much was done
    /// anew.
    pub async fn replay_all(&self, bank: &Bank) -> anyhow::Result<(usize, usize)> {
        let (client, mut there, mut anew) = (RetryingClient::new(bank, self.kills), 0, 0);
        for one in &self.answers {
            for done in &one.done {
                let replayed = client.replay(&one.user, done).await?.replayed();
                there += usize::from(replayed);
                anew += usize::from(!replayed);
            }
        }
        Ok((there, anew))
    }

    /// Every acknowledged operation is there once and nothing else is.
    pub async fn judge(&self, bank: &Bank) -> anyhow::Result<()> {
        let judge = RetryingClient::new(bank, self.kills);
        let of = |user: &str| self.answers.iter().filter(|one| one.user == user).collect::<Vec<_>>();
        for wallet in &self.wallets {
            judge::wallet(&judge, wallet, &of(wallet)).await?;
        }
        judge::counter(&judge, &self.counter, &of(&self.counter)).await
    }
}

impl fmt::Display for Crowd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} operations were answered, {} of them unknown at first; {} times one was sent again; \
             {} were given up; the slowest answer took {} ms",
            self.done(),
            self.unknown(),
            self.sent_again(),
            self.given_up(),
            self.slowest().as_millis()
        )
    }
}
