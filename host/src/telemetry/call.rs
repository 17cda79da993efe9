//! The calls that components make: spans of kind `client` below the span of their request, and metrics.
//!
//! An instance works on several requests at once, so wasmtime is asked which one a call is for: it knows the
//! guest's task, and each request has one. A call that a guest makes after it has answered belongs to no request,
//! and begins a trace of its own.

use super::Telemetry;
use super::meters::COMPONENT;
use super::request::{inject, within};
use http::{Request, StatusCode};
use opentelemetry::trace::{Span as _, SpanKind, Status, Tracer as _};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::trace::Span;
use std::borrow::Cow;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;
use wasmtime::AsContextMut;
use wasmtime::component::GuestTaskId;

/// Records the calls of an instance, each in the trace of the request that it is for.
#[derive(Clone, Default)]
pub struct CallTracing(Option<Arc<Tracing>>);

struct Tracing {
    telemetry: Arc<Telemetry>,
    component: Arc<str>,
    known: Mutex<Tasks>,
}

#[derive(Default)]
struct Tasks {
    tasks: Vec<(GuestTaskId, Context)>,
    /// The trace of the next call, for calls that cannot ask wasmtime themselves.
    noted: Option<Context>,
}

/// What is called.
#[derive(Clone, Copy)]
pub enum System {
    /// A key-value store, on whatever backend.
    KeyValue,
    /// A Redis, by its own commands.
    Redis,
}

impl System {
    fn name(self) -> &'static str {
        match self {
            Self::KeyValue => "key-value",
            Self::Redis => "redis",
        }
    }
}

impl CallTracing {
    /// For a new instance of `component`; empty if telemetry is off.
    pub fn new(telemetry: &Arc<Telemetry>, component: &Arc<str>) -> Self {
        let inner = || Tracing {
            telemetry: telemetry.clone(),
            component: component.clone(),
            known: Mutex::default(),
        };
        Self(telemetry.is_on().then(|| Arc::new(inner())))
    }

    /// Until the result is dropped, the guest's `task` belongs to the request of this `trace`.
    pub fn begin(&self, task: GuestTaskId, trace: Option<Context>) -> Option<TaskTraceGuard> {
        let inner = self.0.as_ref()?;
        inner.known().tasks.push((task, trace.unwrap_or_default()));
        Some(TaskTraceGuard { inner: inner.clone(), task })
    }

    /// Begins a call to `system` for the request that the guest works on now.
    pub fn call<T: 'static>(
        &self,
        store: impl AsContextMut<Data = T>,
        system: System,
        operation: impl FnOnce() -> Cow<'static, str>,
    ) -> Call {
        let Some(inner) = &self.0 else { return Call(None) };
        let parent = inner.parent(store);
        inner.store_call(parent, system, operation())
    }

    /// Notes which request makes the next call, for [`CallTracing::begin_noted`] and [`CallTracing::begin_request`].
    pub fn note<T: 'static>(&self, store: impl AsContextMut<Data = T>) {
        if let Some(inner) = &self.0 {
            let parent = inner.parent(store);
            inner.known().noted = Some(parent);
        }
    }

    /// Begins a call to a key-value store for the noted request.
    pub fn begin_noted(&self, operation: &'static str) -> Call {
        let Some(inner) = &self.0 else { return Call(None) };
        let parent = inner.known().noted.take().unwrap_or_default();
        inner.store_call(parent, System::KeyValue, operation.into())
    }

    /// Begins an outbound request for the noted one; its headers get the trace.
    pub fn begin_request<B>(&self, request: &mut Request<B>) -> Call {
        let Some(inner) = &self.0 else { return Call(None) };
        let parent = inner.known().noted.take().unwrap_or_default();
        let method = eventlog::method(request.method().as_str());
        let host = request.uri().host().unwrap_or_default().to_owned();
        let mut attributes = Vec::with_capacity(6);
        attributes.push(KeyValue::new("http.request.method", method));
        attributes.push(KeyValue::new("server.address", host));
        if let Some(port) = request.uri().port_u16() {
            attributes.push(KeyValue::new("server.port", i64::from(port)));
        }
        let call = inner.call(&parent, method.into(), attributes, SystemKind::Http);
        if let Some(span) = call.span() {
            inject(span.span_context(), request.headers_mut());
        }
        call
    }
}

impl Tracing {
    /// Never held across an await, and nothing panics while it is.
    fn known(&self) -> MutexGuard<'_, Tasks> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The trace of the request that the guest works on now.
    fn parent<T: 'static>(&self, mut store: impl AsContextMut<Data = T>) -> Context {
        let mut store = store.as_context_mut();
        let Ok(mut tasks) = store.async_call_stack() else { return Context::new() };
        let known = self.known();
        let of = |task| known.tasks.iter().find(|(other, _)| *other == task).map(|(_, trace)| trace.clone());
        tasks.find_map(of).unwrap_or_default()
    }

    fn store_call(self: &Arc<Self>, parent: Context, system: System, operation: Cow<'static, str>) -> Call {
        let mut attributes = Vec::with_capacity(4);
        attributes.push(KeyValue::new("db.system.name", system.name()));
        attributes.push(KeyValue::new("db.operation.name", operation.clone()));
        self.call(&parent, operation, attributes, SystemKind::Store)
    }

    fn call(
        self: &Arc<Self>,
        parent: &Context,
        name: Cow<'static, str>,
        mut attributes: Vec<KeyValue>,
        kind: SystemKind,
    ) -> Call {
        attributes.push(KeyValue::new(COMPONENT, self.component.clone()));
        let span = self.telemetry.tracer.as_ref().map(|tracer| {
            tracer.build_with_context(tracer.span_builder(name).with_kind(SpanKind::Client), parent)
        });
        Call(Some(Box::new(OpenCall { inner: self.clone(), span, attributes, kind, began: Instant::now() })))
    }
}

/// Until it is dropped, the guest's task belongs to the trace of its request.
pub struct TaskTraceGuard {
    inner: Arc<Tracing>,
    task: GuestTaskId,
}

impl Drop for TaskTraceGuard {
    fn drop(&mut self) {
        self.inner.known().tasks.retain(|(task, _)| *task != self.task);
    }
}

#[derive(Clone, Copy)]
enum SystemKind {
    Store,
    Http,
}

/// A call. If it is dropped before it has ended, the guest has given it up.
///
/// It is boxed because a span is some hundred bytes, and calls are moved often.
pub struct Call(Option<Box<OpenCall>>);

struct OpenCall {
    inner: Arc<Tracing>,
    span: Option<Span>,
    attributes: Vec<KeyValue>,
    kind: SystemKind,
    began: Instant,
}

impl Call {
    /// The trace for calls that are made on behalf of this one.
    pub fn trace(&self) -> Option<Context> {
        self.span().map(|span| within(span.span_context()))
    }

    fn span(&self) -> Option<&Span> {
        self.0.as_ref()?.span.as_ref()
    }

    /// Ends the call. `why` it failed is one of a few words.
    pub fn end(mut self, why: Option<Cow<'static, str>>) {
        if let Some(open) = self.0.take() {
            open.end(why);
        }
    }

    /// Ends the call with the status of its HTTP answer.
    pub fn end_with_status(mut self, status: StatusCode) {
        if let Some(mut open) = self.0.take() {
            open.attributes.push(KeyValue::new("http.response.status_code", i64::from(status.as_u16())));
            let failed = status.is_client_error() || status.is_server_error();
            open.end(failed.then(|| status.as_str().to_owned().into()));
        }
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        if let Some(open) = self.0.take() {
            open.end(Some("given_up".into()));
        }
    }
}

impl OpenCall {
    fn end(mut self, why: Option<Cow<'static, str>>) {
        let failed = why.is_some();
        self.attributes.extend(why.map(|why| KeyValue::new("error.type", why)));
        if let Some(meters) = &self.inner.telemetry.meters {
            let duration = match self.kind {
                SystemKind::Store => &meters.store_duration,
                SystemKind::Http => &meters.http_duration,
            };
            duration.record(self.began.elapsed().as_secs_f64(), &self.attributes);
        }
        if let Some(span) = &mut self.span {
            if failed {
                span.set_status(Status::error(""));
            }
            // The attributes move into the span only now, so that no call has two copies of them.
            span.set_attributes(self.attributes);
            span.end();
        }
    }
}
