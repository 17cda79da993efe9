//! The host side of `spin:key-value/key-value@3.0.0`, which components import.

use super::bindings::spin::key_value::key_value::{Error, Host, HostStore, HostStoreWithStore, Store};
use super::call_error::CallError;
use super::opened::OpenStore;
use crate::kv::{Failure, Stores};
use crate::telemetry::{Call, CallTracing, System};
use std::sync::Arc;
use wasmtime::AsContextMut as _;
use wasmtime::component::{Accessor, HasData, Resource, ResourceTable};

/// The stores that one instance may open, and those that it has open.
pub struct KeyValueView<'a> {
    /// Holds what is open.
    pub table: &'a mut ResourceTable,
    /// The stores that the component is granted.
    pub granted: &'a Arc<Stores>,
    /// The requests that the instance works on, to which traces attribute its calls.
    pub call_tracing: &'a CallTracing,
}

/// Stands for `KeyValueView` in linkers.
pub struct KeyValueInterface;

impl HasData for KeyValueInterface {
    type Data<'a> = KeyValueView<'a>;
}

impl From<Failure> for CallError<Error> {
    fn from(failure: Failure) -> Self {
        Self::of(failure, Error::Other)
    }
}

impl Host for KeyValueView<'_> {
    fn convert_error(&mut self, fails: CallError<Error>) -> wasmtime::Result<Error> {
        fails.convert()
    }
}

impl HostStore for KeyValueView<'_> {
    fn drop(&mut self, store: Resource<Store>) -> wasmtime::Result<()> {
        self.table.delete(store)?;
        Ok(())
    }
}

impl<T: Send> HostStoreWithStore<T> for KeyValueInterface {
    async fn open(accessor: &Accessor<T, Self>, label: String) -> Result<Resource<Store>, CallError<Error>> {
        accessor.with(|mut access| {
            let view = access.get();
            let store = view.granted.get(&label).ok_or(Error::AccessDenied)?;
            view.table.push(store.clone()).map_err(|_| Error::StoreTableFull.into())
        })
    }

    async fn get(
        accessor: &Accessor<T, Self>,
        store: Resource<Store>,
        key: String,
    ) -> Result<Option<Vec<u8>>, CallError<Error>> {
        let (store, call) = opened(accessor, &store, "get")?;
        Ok(record(call, store.get(&key).await)?)
    }

    async fn set(
        accessor: &Accessor<T, Self>,
        store: Resource<Store>,
        key: String,
        value: Vec<u8>,
    ) -> Result<(), CallError<Error>> {
        let (store, call) = opened(accessor, &store, "set")?;
        Ok(record(call, store.set(&key, value).await)?)
    }
}

/// An open store, and the call to it that begins.
fn opened<T>(
    accessor: &Accessor<T, KeyValueInterface>,
    store: &Resource<Store>,
    operation: &'static str,
) -> Result<(OpenStore, Call), Error> {
    accessor.with(|mut access| {
        let view = access.get();
        let opened = view.table.get(store).map_err(|_| Error::NoSuchStore)?.clone();
        let call_tracing = view.call_tracing.clone();
        Ok((opened, call_tracing.call(access.as_context_mut(), System::KeyValue, || operation.into())))
    })
}

/// Returns `answer`, and records how the call ended.
pub(super) fn record<T>(call: Call, answer: Result<T, Failure>) -> Result<T, Failure> {
    call.end(answer.is_err().then(|| "failed".into()));
    answer
}
