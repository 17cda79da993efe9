//! What components may import beside WASI: the interfaces of `wit/world.wit`, and nothing else.
//!
//! `spin:key-value` and `spin:redis` are asynchronous: calls of one instance run at the same time, and a call that
//! the guest drops is dropped here too. `wasi:keyvalue` is synchronous: the guest waits, and its whole instance
//! with it (docs/spin.md, fact 6). Both key-value interfaces open only the stores that the manifest grants.

mod bindings;
mod call_error;
mod key_value;
mod opened;
mod redis;
mod state;
mod timers;
mod traced;
mod variables;
mod wasi_keyvalue;

pub use key_value::{KeyValueInterface, KeyValueView};
pub use redis::{RedisInterface, RedisView, Servers};
pub use state::Imports;
pub use variables::Variables;

use std::sync::Arc;
use wasmtime::component::{HasSelf, Linker};

/// Adds all of them to a linker.
pub fn add_to_linker<T: Imports>(linker: &mut Linker<T>) -> wasmtime::Result<()> {
    use bindings::spin::{key_value::key_value as spin_key_value, redis::redis, variables::variables};
    use bindings::wasi::keyvalue::{atomics, store};
    spin_key_value::add_to_linker::<_, KeyValueInterface>(linker, T::key_value)?;
    store::add_to_linker::<_, KeyValueInterface>(linker, T::key_value)?;
    atomics::add_to_linker::<_, KeyValueInterface>(linker, T::key_value)?;
    traced::add_to_linker(linker)?;
    timers::add_to_linker(linker)?;
    redis::add_to_linker::<_, RedisInterface>(linker, T::redis)?;
    variables::add_to_linker::<_, HasSelf<Arc<Variables>>>(linker, T::variables)
}
