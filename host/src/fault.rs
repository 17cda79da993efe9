//! Stores that misbehave as Spin's do: `bank up --fault FILE`, for tests only (docs/spin.md).
//!
//! `fault/profile.rs` lists the quirks by name, and `tests/faults/` has the profiles. Without the flag there is no
//! wrapper at all. A call that nobody waits for any more is still carried out, as in Spin (fact 7).
//!
//! Facts 5, 8 and 9 need no quirk: `bank` offers no batches and no listing of keys, adds nothing to a key, and
//! knows `default` without a file. Fact 2 is about cost; a quirk adds that cost so that it can be measured.

mod chance;
mod profile;

pub use profile::Profile;

use crate::kv::{Failure, KvStore, StoreFuture, Stores};
use chance::Chance;
use profile::{CallFaults, FaultPoint};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::time::sleep;

/// Wraps each store as the file says, and prints that.
pub fn wrap(stores: Stores, file: &Path) -> anyhow::Result<Stores> {
    let profile = Profile::load(file)?;
    eprintln!(
        "Warning: --fault {}: the stores misbehave on purpose. This is for tests only, never for money.",
        file.display()
    );
    let wrap = |(label, store)| (label, Arc::new(Faulty::new(store, profile.clone())) as Arc<dyn KvStore>);
    Ok(stores.into_iter().map(wrap).collect())
}

/// A store that misbehaves.
pub struct Faulty {
    core: Arc<Core>,
    chance: Chance,
}

struct Core {
    store: Arc<dyn KvStore>,
    profile: Profile,
    poisoned: AtomicBool,
}

impl Faulty {
    /// A `store` that misbehaves as `profile` says.
    pub fn new(store: Arc<dyn KvStore>, profile: Profile) -> Self {
        let chance = Chance::new(profile.seed);
        Self { core: Arc::new(Core { store, profile, poisoned: AtomicBool::new(false) }), chance }
    }

    /// Runs the call in a task of its own, which goes on when nobody waits for it any more.
    fn call<T, F>(&self, call: impl FnOnce(Arc<Core>) -> F + Send + 'static) -> StoreFuture<'_, T>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, Failure>> + Send + 'static,
    {
        let (core, faults) = (self.core.clone(), self.core.profile.faults(&self.chance));
        Box::pin(async move {
            let task = tokio::spawn(async move { carry_out(faults, call(core)).await });
            task.await.unwrap_or_else(|_| Err(lost_reply()))
        })
    }
}

/// Carries out a call, if its faults allow that.
async fn carry_out<T>(
    faults: CallFaults,
    call: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    sleep(faults.delay).await;
    strike_at(&faults, FaultPoint::Before).await?;
    let answer = call.await;
    strike_at(&faults, FaultPoint::After).await?;
    answer
}

async fn strike_at(faults: &CallFaults, point: FaultPoint) -> Result<(), Failure> {
    if let Some((_, length)) = faults.hang.filter(|(when, _)| *when == point) {
        sleep(length).await;
    }
    if faults.kill == Some(point) {
        return Err(Failure::Fatal("kill-instance"));
    }
    if faults.lose == Some(point) {
        return Err(lost_reply());
    }
    Ok(())
}

fn lost_reply() -> Failure {
    Failure::Reported("lost-replies: the answer was lost".to_owned())
}

impl Core {
    /// The store, unless it is unusable because its host has panicked while holding the lock (fact 4).
    fn usable_store(&self) -> Result<&dyn KvStore, Failure> {
        if self.poisoned.load(Ordering::Relaxed) {
            return Err(Failure::Fatal("increment-of-other-value-poisons"));
        }
        Ok(&*self.store)
    }

    /// Fact 1, and how it will be once that is fixed (`swap-always-succeeds`); fact 3.
    async fn swap(&self, key: &str, expected: Option<Vec<u8>>, value: Vec<u8>) -> Result<bool, Failure> {
        let store = self.usable_store()?;
        let of_absent_key = expected.is_none() && self.profile.swap_of_absent_key_unguarded;
        let done = if of_absent_key || self.profile.swap_unguarded {
            store.set(key, value).await.map(|()| true)?
        } else if self.profile.swap_connects {
            store.swap_alone(key, expected, value).await?
        } else {
            store.swap(key, expected, value).await?
        };
        Ok((done || self.profile.swap_always_succeeds) && !self.profile.swap_always_fails)
    }

    async fn increment(&self, key: &str, delta: i64) -> Result<i64, Failure> {
        let store = self.usable_store()?;
        let answer = store.increment(key, delta).await;
        let Err(Failure::Reported(why)) = &answer else {
            return answer;
        };
        if self.profile.wrap_on_overflow && why.contains("would overflow") {
            return self.wrap(key, delta).await;
        }
        if self.profile.increment_of_other_value_poisons && why.contains("not a") {
            self.poisoned.store(true, Ordering::Relaxed);
            return Err(Failure::Fatal("increment-of-other-value-poisons"));
        }
        answer
    }

    /// Fact 4: adds without a range check, in the form in which the store keeps counters.
    async fn wrap(&self, key: &str, delta: i64) -> Result<i64, Failure> {
        loop {
            let before = self.store.increment(key, 0).await?;
            let sum = before.wrapping_add(delta);
            let text = before.to_string().into_bytes();
            let stored = self.store.get(key).await?;
            let next = match &stored {
                Some(stored) if *stored == text => sum.to_string().into_bytes(),
                _ => sum.to_le_bytes().to_vec(),
            };
            let still = stored.as_deref() == Some(&text) || stored.as_deref() == Some(&before.to_le_bytes());
            if still && self.store.swap(key, stored, next).await? {
                return Ok(sum);
            }
        }
    }
}

impl KvStore for Faulty {
    fn get<'a>(&'a self, key: &'a str) -> StoreFuture<'a, Option<Vec<u8>>> {
        let key = key.to_owned();
        self.call(move |core| async move { core.usable_store()?.get(&key).await })
    }

    fn set<'a>(&'a self, key: &'a str, value: Vec<u8>) -> StoreFuture<'a, ()> {
        let key = key.to_owned();
        self.call(move |core| async move { core.usable_store()?.set(&key, value).await })
    }

    fn increment<'a>(&'a self, key: &'a str, delta: i64) -> StoreFuture<'a, i64> {
        let key = key.to_owned();
        self.call(move |core| async move { core.increment(&key, delta).await })
    }

    fn swap<'a>(&'a self, key: &'a str, expected: Option<Vec<u8>>, value: Vec<u8>) -> StoreFuture<'a, bool> {
        let key = key.to_owned();
        self.call(move |core| async move { core.swap(&key, expected, value).await })
    }
}
