//! A mutex between the requests of one instance.

use std::cell::{Cell, RefCell};

use crate::oneshot::{Sender, channel};

/// A lock between the requests of one instance. It is not fair: all that wait try again together.
#[derive(Default)]
pub struct Mutex {
    is_locked: Cell<bool>,
    waiting: RefCell<Vec<Sender<()>>>,
}

/// Holds the lock until it is dropped.
pub struct Guard<'a>(&'a Mutex);

impl Mutex {
    /// Waits until the lock is free.
    pub async fn lock(&self) -> Guard<'_> {
        while self.is_locked.replace(true) {
            let (sender, mut receiver) = channel();
            self.waiting.borrow_mut().push(sender);
            receiver.receive().await;
        }
        Guard(self)
    }
}

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        self.0.is_locked.set(false);
        for sender in self.0.waiting.take() {
            // One that is gone no longer waits.
            let _ = sender.send(());
        }
    }
}
