//! A channel for one message, across the tasks of one instance.
//!
//! In a component, a task that sleeps is only woken by an event of the component model: `wit-bindgen` 0.57
//! panics where one Rust task wakes another, and its feature `inter-task-wakeup` cancels a read in a way
//! that wasmtime 48 traps on. So the receiver waits on a stream that nothing is ever written to: the message
//! lies in a cell, and dropping the stream's writing end wakes the receiver. Natively it is a channel.

use std::cell::Cell;
use std::rc::Rc;

/// The sending end. If it is dropped without sending, the receiver gets nothing.
pub struct Sender<T> {
    message: Rc<Cell<Option<T>>>,
    waker: signal::Sender,
}

/// The end that waits.
pub struct Receiver<T> {
    message: Rc<Cell<Option<T>>>,
    signal: Option<signal::Receiver>,
}

/// The two ends of a new channel.
pub fn channel<T>() -> (Sender<T>, Receiver<T>) {
    let message = Rc::new(Cell::new(None));
    let (waker, signal) = signal::channel();
    (Sender { message: message.clone(), waker }, Receiver { message, signal: Some(signal) })
}

impl<T> Sender<T> {
    /// Sends; returns the message if nobody waits for it any more.
    pub fn send(self, message: T) -> Result<(), T> {
        if Rc::strong_count(&self.message) == 1 {
            return Err(message);
        }
        self.message.set(Some(message));
        drop(self.waker);
        Ok(())
    }
}

impl<T> Receiver<T> {
    /// Waits for the message; `None` if the sender is gone.
    pub async fn receive(&mut self) -> Option<T> {
        if let Some(signal) = self.signal.take() {
            signal::wait(signal).await;
        }
        self.message.take()
    }

    /// The message, if it was sent and not received yet.
    pub fn try_receive(&self) -> Option<T> {
        self.message.take()
    }
}

#[cfg(target_arch = "wasm32")]
mod signal {
    use spin_sdk::wasip3::wit_stream;
    use spin_sdk::wit_bindgen::{StreamReader, StreamWriter};

    pub type Sender = StreamWriter<u8>;
    pub type Receiver = StreamReader<u8>;

    pub fn channel() -> (Sender, Receiver) {
        wit_stream::new()
    }

    pub async fn wait(mut signal: Receiver) {
        signal.next().await;
    }
}

#[cfg(not(target_arch = "wasm32"))]
mod signal {
    use std::convert::Infallible;

    use futures::channel::oneshot;

    pub type Sender = oneshot::Sender<Infallible>;
    pub type Receiver = oneshot::Receiver<Infallible>;

    pub fn channel() -> (Sender, Receiver) {
        oneshot::channel()
    }

    pub async fn wait(signal: Receiver) {
        let _ = signal.await;
    }
}
