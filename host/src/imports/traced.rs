//! The synchronous calls of `wasi:keyvalue`, each preceded by a note of which request makes it.
//!
//! The functions that `bindgen!` links see only their own part of the instance's state, and not the guest's task.
//! These replace them.

use super::bindings::wasi::keyvalue::{atomics, store};
use super::call_error::CallError;
use super::key_value::KeyValueView;
use super::opened::{OpenStore, OpenSwap};
use super::state::Imports;
use wasmtime::StoreContextMut;
use wasmtime::component::{Linker, Resource};

const STORE: &str = "wasi:keyvalue/store@0.2.0-draft2";
const ATOMICS: &str = "wasi:keyvalue/atomics@0.2.0-draft2";

/// Replaces the linked functions by these.
pub fn add_to_linker<T: Imports>(linker: &mut Linker<T>) -> wasmtime::Result<()> {
    linker.allow_shadowing(true);
    linker.instance(STORE)?.func_wrap_async(
        "[method]bucket.get",
        |mut store, (bucket, key): (Resource<OpenStore>, String)| {
            Box::new(async move {
                let mut view = noted(&mut store);
                let answer = store::HostBucket::get(&mut view, bucket, key).await;
                of_store(&mut view, answer)
            })
        },
    )?;
    let mut atomics = linker.instance(ATOMICS)?;
    atomics.func_wrap_async("[method]cas.current", |mut store, (cas,): (Resource<OpenSwap>,)| {
        Box::new(async move {
            let mut view = noted(&mut store);
            let answer = atomics::HostCas::current(&mut view, cas).await;
            of_store(&mut view, answer)
        })
    })?;
    atomics.func_wrap_async(
        "increment",
        |mut store, (bucket, key, delta): (Resource<OpenStore>, String, i64)| {
            Box::new(async move {
                let mut view = noted(&mut store);
                let answer = atomics::Host::increment(&mut view, bucket, key, delta).await;
                of_store(&mut view, answer)
            })
        },
    )?;
    atomics.func_wrap_async("swap", |mut store, (cas, value): (Resource<OpenSwap>, Vec<u8>)| {
        Box::new(async move {
            let mut view = noted(&mut store);
            match atomics::Host::swap(&mut view, cas, value).await {
                Ok(()) => Ok((Ok(()),)),
                Err(fails) => Ok((Err(atomics::Host::convert_cas_error(&mut view, fails)?),)),
            }
        })
    })?;
    linker.allow_shadowing(false);
    Ok(())
}

/// The instance's key-value state, after a note of which request makes the call.
fn noted<'a, T: Imports>(store: &'a mut StoreContextMut<'_, T>) -> KeyValueView<'a> {
    let call_tracing = store.data().call_tracing().clone();
    call_tracing.note(&mut *store);
    store.data_mut().key_value()
}

/// An answer as the guest gets it.
fn of_store<T>(
    view: &mut KeyValueView<'_>,
    answer: Result<T, CallError<store::Error>>,
) -> wasmtime::Result<(Result<T, store::Error>,)> {
    match answer {
        Ok(answer) => Ok((Ok(answer),)),
        Err(fails) => Ok((Err(store::Host::convert_error(view, fails)?),)),
    }
}
