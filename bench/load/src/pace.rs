//! When the next request is due.
//!
//! At a fixed rate a thread of its own keeps the time: tokio's timers are a millisecond coarse, which is
//! what some of the answers take.

use std::cell::Cell;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;

/// Hands out turns until the end.
pub struct Pace {
    begin: Instant,
    end: Instant,
    fixed: Option<Fixed>,
}

struct Fixed {
    rate: f64,
    taken: Cell<u64>,
    due: Arc<Semaphore>,
}

impl Pace {
    /// At `rate` a second, or whenever somebody asks.
    pub fn new(begin: Instant, end: Instant, rate: Option<f64>) -> Self {
        let fixed = rate.map(|rate| {
            let due = Arc::new(Semaphore::new(0));
            let keeper = due.clone();
            std::thread::spawn(move || keep_time(begin, end, rate, &keeper));
            Fixed { rate, taken: Cell::new(0), due }
        });
        Self { begin, end, fixed }
    }

    /// Waits for the next turn, and says since when it is due; `None` at the end.
    pub async fn turn(&self) -> Option<Instant> {
        let due = match &self.fixed {
            None => Instant::now(),
            Some(fixed) => {
                fixed.due.acquire().await.ok()?.forget();
                let number = fixed.taken.get();
                fixed.taken.set(number + 1);
                moment(self.begin, fixed.rate, number)
            }
        };
        (due < self.end && Instant::now() < self.end).then_some(due)
    }
}

fn moment(begin: Instant, rate: f64, number: u64) -> Instant {
    begin + Duration::from_secs_f64(number as f64 / rate)
}

fn keep_time(begin: Instant, end: Instant, rate: f64, due: &Semaphore) {
    for number in 0.. {
        let moment = moment(begin, rate, number);
        if moment >= end {
            return due.close();
        }
        if let Some(wait) = moment.checked_duration_since(Instant::now()) {
            std::thread::sleep(wait);
        }
        due.add_permits(1);
    }
}
