//! A component that is ready to run, and the state of each of its instances.

use crate::allowed_hosts::AllowedHosts;
use crate::host_calls::{HostCalls, Interface};
use crate::imports::{Imports, KeyValueView, RedisView, Servers, Variables};
use crate::kv::Stores;
use crate::logs::ComponentLog;
use crate::outbound::{Chained, Outbound};
use crate::telemetry::{CallTracing, CountedInstance, Telemetry};
use std::sync::Arc;
use wasmtime::Engine;
use wasmtime::component::ResourceTable;
use wasmtime_wasi::{WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};
use wasmtime_wasi_http::p3::bindings::ServicePre;
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

/// A compiled component with all that it is granted.
pub struct ReadyComponent {
    /// Its id.
    pub id: Arc<str>,
    /// The engine to make its instances with.
    pub engine: Engine,
    /// What its instances are made from.
    pub service: ServicePre<InstanceState>,
    /// The stores that it may open.
    pub stores: Arc<Stores>,
    /// The Redis servers that the application is connected to.
    pub servers: Arc<Servers>,
    /// Its variables.
    pub variables: Arc<Variables>,
    /// Its environment variables.
    pub environment: Vec<(String, String)>,
    /// Where it may connect to.
    pub allowed_hosts: Arc<AllowedHosts>,
    /// The application's components, which it may call by name.
    pub chain: Arc<dyn Chained>,
    /// Whether what it prints is shown.
    pub shown: bool,
    /// Where traces, metrics and logs go.
    pub telemetry: Arc<Telemetry>,
}

/// What an instance holds.
pub struct InstanceState {
    table: ResourceTable,
    wasi: WasiCtx,
    http: WasiHttpCtx,
    outbound: Outbound,
    stores: Arc<Stores>,
    servers: Arc<Servers>,
    variables: Arc<Variables>,
    log: ComponentLog,
    call_tracing: CallTracing,
    calls: HostCalls,
    _counted: Option<CountedInstance>,
}

impl InstanceState {
    /// The state of a new instance of `component`.
    pub fn new(component: &ReadyComponent) -> Self {
        let log = ComponentLog::new(component.id.clone(), component.telemetry.clone());
        let call_tracing = CallTracing::new(&component.telemetry, &component.id);
        let mut wasi = WasiCtxBuilder::new();
        wasi.envs(&component.environment);
        if component.shown {
            wasi.stdout(log.clone()).stderr(log.clone());
        }
        Self {
            table: ResourceTable::new(),
            wasi: wasi.build(),
            http: WasiHttpCtx::new(),
            outbound: Outbound {
                component: component.id.clone(),
                allowed: component.allowed_hosts.clone(),
                chain: component.chain.clone(),
                call_tracing: call_tracing.clone(),
            },
            stores: component.stores.clone(),
            servers: component.servers.clone(),
            variables: component.variables.clone(),
            log,
            call_tracing,
            calls: HostCalls::default(),
            _counted: component.telemetry.instance(&component.id),
        }
    }

    /// To be called when the instance has ended: prints an unfinished last line and, if requested, its host calls.
    pub fn finish(&self) {
        self.log.finish();
        self.calls.print(&self.outbound.component);
    }
}

impl Imports for InstanceState {
    fn key_value(&mut self) -> KeyValueView<'_> {
        self.calls.count(Interface::KeyValue);
        KeyValueView { table: &mut self.table, granted: &self.stores, call_tracing: &self.call_tracing }
    }

    fn redis(&mut self) -> RedisView<'_> {
        self.calls.count(Interface::Redis);
        RedisView {
            table: &mut self.table,
            allowed: &self.outbound.allowed,
            servers: &self.servers,
            call_tracing: &self.call_tracing,
        }
    }

    fn variables(&mut self) -> &mut Arc<Variables> {
        self.calls.count(Interface::Variables);
        &mut self.variables
    }

    fn call_tracing(&self) -> &CallTracing {
        &self.call_tracing
    }

    fn count_timer(&mut self) {
        self.calls.count(Interface::Timers);
    }
}

impl WasiView for InstanceState {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        self.calls.count(Interface::Wasi);
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl WasiHttpView for InstanceState {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        self.calls.count(Interface::Http);
        WasiHttpCtxView { hooks: &mut self.outbound, table: &mut self.table, ctx: &mut self.http }
    }
}
