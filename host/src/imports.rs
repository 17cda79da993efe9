//! What components may import beside WASI: the interfaces of `wit/world.wit`, and nothing else.
//!
//! `spin:key-value` and `spin:redis` are asynchronous: calls of one instance run at the same time, and a call that
//! the guest drops is dropped here too. `wasi:keyvalue` is synchronous: the guest waits, and its whole instance
//! with it (docs/spin.md, fact 6). Both key-value interfaces open only the stores that the manifest grants.

mod call_error;
mod key_value;
mod redis;
mod timers;
mod traced;
mod variables;
mod wasi_keyvalue;

pub use key_value::{KeyValueInterface, KeyValueView};
pub use redis::{RedisInterface, RedisView, Servers};
pub use variables::Variables;

use crate::telemetry::Callers;
use std::sync::Arc;
use wasmtime::component::{HasSelf, Linker};

pub(crate) mod bindings {
    wasmtime::component::bindgen!({
        path: "../wit",
        world: "imports",
        imports: {
            "spin:key-value/key-value.[static]store.open": trappable,
            "spin:key-value/key-value.[method]store.get": trappable,
            "spin:key-value/key-value.[method]store.set": trappable,
            "spin:redis/redis.[static]connection.open": trappable,
            "spin:redis/redis.[method]connection.execute": trappable,
            "wasi:keyvalue/store.open": async | trappable,
            "wasi:keyvalue/store.[method]bucket.get": async | trappable,
            "wasi:keyvalue/atomics.[static]cas.new": async | trappable,
            "wasi:keyvalue/atomics.[method]cas.current": async | trappable,
            "wasi:keyvalue/atomics.increment": async | trappable,
            "wasi:keyvalue/atomics.swap": async | trappable,
        },
        trappable_error_type: {
            "spin:key-value/key-value.error" => super::call_error::CallError<spin::key_value::key_value::Error>,
            "spin:redis/redis.error" => super::call_error::CallError<spin::redis::redis::Error>,
            "wasi:keyvalue/store.error" => super::call_error::CallError<wasi::keyvalue::store::Error>,
            "wasi:keyvalue/atomics.cas-error" => super::call_error::CallError<wasi::keyvalue::atomics::CasError>,
        },
        with: {
            "spin:key-value/key-value.store": super::key_value::OpenStore,
            "spin:redis/redis.connection": crate::redis::ComponentConnection,
            "wasi:keyvalue/store.bucket": super::key_value::OpenStore,
            "wasi:keyvalue/atomics.cas": super::wasi_keyvalue::OpenSwap,
        },
    });
}

/// What an instance needs for its imports.
pub trait Imports: Send + 'static {
    /// For `spin:key-value` and `wasi:keyvalue`.
    fn key_value(&mut self) -> KeyValueView<'_>;
    /// For `spin:redis`.
    fn redis(&mut self) -> RedisView<'_>;
    /// For `spin:variables`.
    fn variables(&mut self) -> &mut Arc<Variables>;
    /// The requests that it works on.
    fn callers(&self) -> &Callers;
    /// Counts a timer.
    fn count_timer(&mut self);
}

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
