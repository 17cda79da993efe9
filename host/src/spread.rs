//! Places requests on instances as Spin 4.1's HTTP trigger does, with the same code: wasmtime's own
//! [`ProxyHandler`](wasmtime_wasi_http::handler::ProxyHandler) with Spin's defaults.
//!
//! Requests wait in one queue, and the first instance that is free takes the next one. If none is, another instance
//! is made. So a crowd of requests is spread over about as many instances as were busy at the same moment. This is
//! for tests and figures.

use std::future::pending;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use tokio::time::Sleep;
use wasmtime::component::GuestTaskId;
use wasmtime::{Store, StoreContextMut};
use wasmtime_wasi_http::WasiHttpView as _;
use wasmtime_wasi_http::handler::{
    HandlerState, Instance, Proxy, ShouldAccept, WorkerExpiration, WorkerState, WorkerStatus,
};

use crate::component::{InstanceState, ReadyComponent};
use crate::guards::RequestGuard;
use crate::imports::Imports as _;
use crate::lifetime::{IDLE_LIMIT, REQUESTS_AT_ONCE, REQUESTS_PER_INSTANCE};

/// A component whose instances are created on demand.
pub struct Spread(pub ReadyComponent);

/// Ends an instance that was idle for long.
pub struct IdleExpiration(Pin<Box<Sleep>>);

/// How many requests an instance takes, and the name of its component.
pub struct Worker {
    id: std::sync::Arc<str>,
}

impl HandlerState for Spread {
    type StoreData = InstanceState;
    type WorkerExpiration = IdleExpiration;
    type WorkerState = Worker;

    async fn instantiate(&self) -> wasmtime::Result<Instance<InstanceState, IdleExpiration, Worker>> {
        let Self(component) = self;
        let mut store = Store::new(&component.engine, InstanceState::new(component));
        let proxy = Proxy::P3(component.service.instantiate_async(&mut store).await?);
        Ok(Instance {
            store,
            proxy,
            view: InstanceState::http,
            expiration: IdleExpiration(Box::pin(tokio::time::sleep(IDLE_LIMIT))),
            state: Worker { id: component.id.clone() },
        })
    }
}

impl WorkerExpiration for IdleExpiration {
    fn poll(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        status: WorkerStatus,
        start: Instant,
    ) -> Poll<()> {
        // A request may take as long as it takes, as in Spin.
        let Some(end) = start.checked_add(IDLE_LIMIT).filter(|_| status == WorkerStatus::Idle) else {
            return Poll::Pending;
        };
        if self.0.deadline() != end.into() {
            self.0.as_mut().reset(end.into());
        }
        self.0.as_mut().poll(context)
    }
}

impl WorkerState for Worker {
    type StoreData = InstanceState;
    type RequestData = RequestGuard;

    fn should_accept_request(&self, at_once: usize, in_all: usize) -> ShouldAccept {
        match (at_once, in_all) {
            (_, REQUESTS_PER_INSTANCE..) => ShouldAccept::Never,
            (REQUESTS_AT_ONCE.., _) => ShouldAccept::No,
            _ => ShouldAccept::Yes,
        }
    }

    /// Never ready: the request holds its guard until it ends.
    fn on_request_start(
        &self,
        store: StoreContextMut<'_, InstanceState>,
        guard: RequestGuard,
        task: GuestTaskId,
    ) -> Pin<Box<dyn Future<Output = ()> + Send + Sync>> {
        let task_trace = store.data().call_tracing().begin(task, guard.trace.clone());
        Box::pin(async move {
            let _guard = (guard, task_trace);
            pending().await
        })
    }

    fn drop(&self, store: Store<InstanceState>, result: wasmtime::Result<()>) {
        store.data().finish();
        if let Err(error) = result {
            eprintln!("[{}] failed: {error:?}", self.id);
        }
    }
}
