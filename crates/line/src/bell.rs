//! Tells a waiting request something, across the tasks of one instance.
//!
//! In a component, a task that sleeps is only woken by an event of the component model: `wit-bindgen` 0.57
//! panics where one Rust task wakes another, and its feature `inter-task-wakeup` cancels a read in a way
//! that wasmtime 48 traps on. So the bell is a stream that nothing is ever written to: what is told lies
//! in a cell, and dropping the writing end is the ring. Natively it is a channel.

use std::cell::Cell;
use std::rc::Rc;

/// The end that tells. Dropped without a word, it leaves the other end with nothing.
pub struct Teller<T> {
    told: Rc<Cell<Option<T>>>,
    rope: rope::Rope,
}

/// The end that waits.
pub struct Listener<T> {
    told: Rc<Cell<Option<T>>>,
    bell: Option<rope::Bell>,
}

/// Two ends of one bell.
pub fn bell<T>() -> (Teller<T>, Listener<T>) {
    let told = Rc::new(Cell::new(None));
    let (rope, bell) = rope::hang();
    (Teller { told: told.clone(), rope }, Listener { told, bell: Some(bell) })
}

impl<T> Teller<T> {
    /// Tells; gives back what nobody waits for any more.
    pub fn tell(self, word: T) -> Result<(), T> {
        if Rc::strong_count(&self.told) == 1 {
            return Err(word);
        }
        self.told.set(Some(word));
        drop(self.rope);
        Ok(())
    }
}

impl<T> Listener<T> {
    /// Waits to be told; `None` when the other end is gone.
    pub async fn listen(&mut self) -> Option<T> {
        if let Some(bell) = self.bell.take() {
            rope::heard(bell).await;
        }
        self.told.take()
    }

    /// What was told and has not been heard.
    pub fn unheard(&self) -> Option<T> {
        self.told.take()
    }
}

#[cfg(target_arch = "wasm32")]
mod rope {
    use spin_sdk::wasip3::wit_stream;
    use spin_sdk::wit_bindgen::{StreamReader, StreamWriter};

    pub type Rope = StreamWriter<u8>;
    pub type Bell = StreamReader<u8>;

    pub fn hang() -> (Rope, Bell) {
        wit_stream::new()
    }

    pub async fn heard(mut bell: Bell) {
        bell.next().await;
    }
}

#[cfg(not(target_arch = "wasm32"))]
mod rope {
    use std::convert::Infallible;

    use futures::channel::oneshot;

    pub type Rope = oneshot::Sender<Infallible>;
    pub type Bell = oneshot::Receiver<Infallible>;

    pub fn hang() -> (Rope, Bell) {
        oneshot::channel()
    }

    pub async fn heard(bell: Bell) {
        let _ = bell.await;
    }
}
