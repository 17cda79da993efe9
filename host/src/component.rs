//! A component while it runs: its instances, what each of them holds, and when it goes.
//!
//! An instance serves up to 128 requests, 16 of them at a time, and goes when it was idle for a second:
//! Spin's defaults, with wasmtime's own machinery. When one traps, all the requests in flight in it fail,
//! and the reason goes to stderr with the component's name.

use crate::allowed_hosts::AllowedHosts;
use crate::imports::{KeyValueView, RedisView, Servers, Variables};
use crate::kv::Stores;
use crate::logs::ComponentLog;
use crate::outbound::Outbound;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};
use tokio::time::Sleep;
use wasmtime::component::{GuestTaskId, ResourceTable};
use wasmtime::{Engine, Store, StoreContextMut};
use wasmtime_wasi::{WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};
use wasmtime_wasi_http::handler::{
    HandlerState, Instance, Proxy, ProxyHandler, ShouldAccept, WorkerExpiration, WorkerState, WorkerStatus,
};
use wasmtime_wasi_http::p3::bindings::ServicePre;
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

const REQUESTS: usize = 128;
const REQUESTS_AT_ONCE: usize = 16;
const IDLE: Duration = Duration::from_secs(1);

/// Something that the end of the process waits for: as long as one of these is there, it is not over.
pub type InFlight = tokio::sync::mpsc::Sender<std::convert::Infallible>;

/// A request's turn, from when it is given to the component until it is answered. A client that goes
/// away does not end it.
pub struct Turn {
    /// The end of the process waits for it.
    pub in_flight: InFlight,
    /// It is one of a bounded number.
    pub place: Option<tokio::sync::OwnedSemaphorePermit>,
}

/// A component that requests can be given to.
pub type Running = ProxyHandler<Component>;

/// A compiled component with all that it is granted.
pub struct Component {
    /// Its id.
    pub id: Arc<str>,
    /// What its instances are made with.
    pub engine: Engine,
    /// What its instances are made from.
    pub service: ServicePre<State>,
    /// The stores that it may open.
    pub stores: Arc<Stores>,
    /// The Redis servers that the application has connected to.
    pub servers: Arc<Servers>,
    /// Its variables.
    pub variables: Arc<Variables>,
    /// Its environment variables.
    pub environment: Vec<(String, String)>,
    /// Where it may connect to.
    pub allowed_hosts: Arc<AllowedHosts>,
    /// Whether what it prints is shown.
    pub shown: bool,
}

/// What an instance holds.
pub struct State {
    table: ResourceTable,
    wasi: WasiCtx,
    http: WasiHttpCtx,
    outbound: Outbound,
    stores: Arc<Stores>,
    servers: Arc<Servers>,
    variables: Arc<Variables>,
    log: ComponentLog,
}

impl State {
    fn new(component: &Component) -> Self {
        let log = ComponentLog::new(component.id.clone());
        let mut wasi = WasiCtxBuilder::new();
        wasi.envs(&component.environment);
        if component.shown {
            wasi.stdout(log.clone()).stderr(log.clone());
        }
        Self {
            table: ResourceTable::new(),
            wasi: wasi.build(),
            http: WasiHttpCtx::new(),
            outbound: Outbound { component: component.id.clone(), allowed: component.allowed_hosts.clone() },
            stores: component.stores.clone(),
            servers: component.servers.clone(),
            variables: component.variables.clone(),
            log,
        }
    }

    /// For the imports of `wit/`.
    pub fn key_value(&mut self) -> KeyValueView<'_> {
        KeyValueView { table: &mut self.table, granted: &self.stores }
    }

    /// For the imports of `wit/`.
    pub fn redis(&mut self) -> RedisView<'_> {
        RedisView { table: &mut self.table, allowed: &self.outbound.allowed, servers: &self.servers }
    }

    /// For the imports of `wit/`.
    pub fn variables(&mut self) -> &mut Arc<Variables> {
        &mut self.variables
    }
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl WasiHttpView for State {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView { hooks: &mut self.outbound, table: &mut self.table, ctx: &mut self.http }
    }
}

impl HandlerState for Component {
    type StoreData = State;
    type WorkerExpiration = IdleFor;
    type WorkerState = Worker;

    async fn instantiate(&self) -> wasmtime::Result<Instance<State, IdleFor, Worker>> {
        let mut store = Store::new(&self.engine, State::new(self));
        let service = self.service.instantiate_async(&mut store).await?;
        Ok(Instance {
            store,
            proxy: Proxy::P3(service),
            view: State::http,
            expiration: IdleFor::default(),
            state: Worker { component: self.id.clone() },
        })
    }
}

/// Ends an instance that has been idle for `IDLE`.
pub struct IdleFor(Pin<Box<Sleep>>);

impl Default for IdleFor {
    fn default() -> Self {
        Self(Box::pin(tokio::time::sleep(IDLE)))
    }
}

impl WorkerExpiration for IdleFor {
    /// The timer is not set anew with every request: one that goes off too early is set to the rest.
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>, status: WorkerStatus, since: Instant) -> Poll<()> {
        let Some(end) = since.checked_add(IDLE) else {
            return Poll::Pending;
        };
        if status != WorkerStatus::Idle {
            return Poll::Pending;
        }
        let timer = &mut self.get_mut().0;
        loop {
            ready!(timer.as_mut().poll(cx));
            if end <= Instant::now() {
                return Poll::Ready(());
            }
            timer.as_mut().reset(end.into());
        }
    }
}

/// An instance, seen by what gives it requests.
pub struct Worker {
    component: Arc<str>,
}

impl WorkerState for Worker {
    type StoreData = State;
    type RequestData = Turn;

    fn should_accept_request(&self, at_once: usize, in_all: usize) -> ShouldAccept {
        if in_all >= REQUESTS {
            ShouldAccept::Never
        } else if at_once >= REQUESTS_AT_ONCE {
            ShouldAccept::No
        } else {
            ShouldAccept::Yes
        }
    }

    /// A request may take as long as it takes, as in Spin.
    fn on_request_start(
        &self,
        _: StoreContextMut<'_, State>,
        turn: Turn,
        _: GuestTaskId,
    ) -> Pin<Box<dyn Future<Output = ()> + Send + Sync>> {
        Box::pin(async move {
            let _turn = turn;
            std::future::pending().await
        })
    }

    fn drop(&self, store: Store<State>, result: Result<(), wasmtime::Error>) {
        store.data().log.finish();
        if let Err(error) = result {
            eprintln!("[{}] failed: {error:?}", self.component);
        }
    }
}
