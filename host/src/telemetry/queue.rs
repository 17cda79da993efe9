//! The SDK keeps spans and lines in a queue until they are sent, and silently drops what comes while it is full. This
//! counts both ends of the queue, so that a warning can say so.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// How many threads may have counted a record, at most, that is not in the queue yet.
const ON_THE_WAY: u64 = 256;

/// The queue of a signal.
#[derive(Debug)]
pub struct Queue {
    /// How many records it holds.
    size: u64,
    enqueued: AtomicU64,
    dequeued: AtomicU64,
    /// How many are known to be dropped.
    dropped: AtomicU64,
}

impl Queue {
    pub fn new(size: u64) -> Self {
        Self { size, enqueued: AtomicU64::new(0), dequeued: AtomicU64::new(0), dropped: AtomicU64::new(0) }
    }

    /// Counts a record that is to be sent.
    pub fn enqueue(&self) {
        self.enqueued.fetch_add(1, Relaxed);
    }

    /// `number` records are being sent. True if more have been dropped than were known: those that are neither sent nor
    /// in the queue.
    pub fn dequeue(&self, number: usize) -> bool {
        let number = u64::try_from(number).unwrap_or(u64::MAX);
        let dequeued = self.dequeued.fetch_add(number, Relaxed).saturating_add(number);
        let waiting = self.size.saturating_add(ON_THE_WAY);
        let dropped = self.enqueued.load(Relaxed).saturating_sub(dequeued).saturating_sub(waiting);
        dropped > self.dropped.fetch_max(dropped, Relaxed)
    }

    /// How many were dropped, once the queue is empty.
    pub fn dropped(&self) -> u64 {
        self.enqueued.load(Relaxed).saturating_sub(self.dequeued.load(Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_neither_sent_nor_in_the_queue_was_dropped_and_that_is_news_once() {
        let queue = Queue::new(10);
        for _ in 0..10 + ON_THE_WAY {
            queue.enqueue();
        }
        assert!(!queue.dequeue(0));
        queue.enqueue();
        assert!(queue.dequeue(0));
        assert!(!queue.dequeue(5));
        for _ in 0..5 {
            queue.enqueue();
        }
        assert!(!queue.dequeue(0), "five have room now");
        queue.enqueue();
        assert!(queue.dequeue(0));
        assert!(!queue.dequeue(200));
        assert_eq!(queue.dropped(), 10 + ON_THE_WAY + 7 - 205);
    }
}
