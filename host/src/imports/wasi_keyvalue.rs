//! `wasi:keyvalue/store` and `atomics`, 0.2.0-draft2.
//!
//! A swap compares the stored value with what `current` returned, byte for byte; if `current` was not called, it
//! expects an absent key. A lost swap returns a new `cas`, which has already read the present value.

use super::bindings::wasi::keyvalue::atomics::{self, Cas, CasError, HostCas};
use super::bindings::wasi::keyvalue::store::{self, Bucket, Error, HostBucket};
use super::call_error::CallError;
use super::key_value::{KeyValueView, record};
use super::opened::{OpenStore, OpenSwap};
use crate::kv::Failure;
use wasmtime::component::Resource;

impl From<Failure> for CallError<Error> {
    fn from(failure: Failure) -> Self {
        Self::of(failure, Error::Other)
    }
}

impl From<Failure> for CallError<CasError> {
    fn from(failure: Failure) -> Self {
        Self::of(failure, |text| CasError::StoreError(Error::Other(text)))
    }
}

impl store::Host for KeyValueView<'_> {
    async fn open(&mut self, label: String) -> Result<Resource<Bucket>, CallError<Error>> {
        let store = self.granted.get(&label).ok_or(Error::AccessDenied)?;
        let full = |_| Error::Other("too many stores are open".to_owned());
        Ok(self.table.push(store.clone()).map_err(full)?)
    }

    fn convert_error(&mut self, fails: CallError<Error>) -> wasmtime::Result<Error> {
        fails.convert()
    }
}

impl HostBucket for KeyValueView<'_> {
    async fn get(
        &mut self,
        bucket: Resource<Bucket>,
        key: String,
    ) -> Result<Option<Vec<u8>>, CallError<Error>> {
        let (store, call) = (self.bucket(&bucket)?, self.call_tracing.begin_noted("get"));
        Ok(record(call, store.get(&key).await)?)
    }

    fn drop(&mut self, bucket: Resource<Bucket>) -> wasmtime::Result<()> {
        self.table.delete(bucket)?;
        Ok(())
    }
}

impl HostCas for KeyValueView<'_> {
    async fn new(
        &mut self,
        bucket: Resource<Bucket>,
        key: String,
    ) -> Result<Resource<Cas>, CallError<Error>> {
        let store = self.bucket(&bucket)?;
        Ok(self.begin(OpenSwap { store, key, current: None })?)
    }

    async fn current(&mut self, cas: Resource<Cas>) -> Result<Option<Vec<u8>>, CallError<Error>> {
        let swap = self.table.get_mut(&cas).map_err(|_| gone())?;
        let call = self.call_tracing.begin_noted("current");
        swap.current = record(call, swap.store.get(&swap.key).await)?;
        Ok(swap.current.clone())
    }

    fn drop(&mut self, cas: Resource<Cas>) -> wasmtime::Result<()> {
        self.table.delete(cas)?;
        Ok(())
    }
}

impl atomics::Host for KeyValueView<'_> {
    async fn increment(
        &mut self,
        bucket: Resource<Bucket>,
        key: String,
        delta: i64,
    ) -> Result<i64, CallError<Error>> {
        let (store, call) = (self.bucket(&bucket)?, self.call_tracing.begin_noted("increment"));
        Ok(record(call, store.increment(&key, delta).await)?)
    }

    async fn swap(&mut self, cas: Resource<Cas>, value: Vec<u8>) -> Result<(), CallError<CasError>> {
        let swap = self.table.delete(cas).map_err(|_| CasError::StoreError(gone()))?;
        let OpenSwap { store, key, current } = swap;
        let call = self.call_tracing.begin_noted("swap");
        if record(call, store.swap(&key, current, value).await)? {
            return Ok(());
        }
        let current = store.get(&key).await?;
        let again = self.begin(OpenSwap { store, key, current }).map_err(CasError::StoreError)?;
        Err(CasError::CasFailed(again).into())
    }

    fn convert_cas_error(&mut self, fails: CallError<CasError>) -> wasmtime::Result<CasError> {
        fails.convert()
    }
}

impl KeyValueView<'_> {
    fn bucket(&self, bucket: &Resource<Bucket>) -> Result<OpenStore, Error> {
        self.table.get(bucket).cloned().map_err(|_| Error::NoSuchStore)
    }

    fn begin(&mut self, swap: OpenSwap) -> Result<Resource<Cas>, Error> {
        let full = |_| Error::Other("too many swaps have begun".to_owned());
        self.table.push(swap).map_err(full)
    }
}

fn gone() -> Error {
    Error::Other("the swap is over".to_owned())
}
