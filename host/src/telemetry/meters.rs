//! Metrics, with few and bounded attributes.

use eventlog::METHODS;
use opentelemetry::KeyValue;
use opentelemetry::metrics::{
    AsyncInstrument, Histogram, Meter, ObservableCounter, ObservableUpDownCounter, UpDownCounter,
};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The attribute that names a component, as in Spin's own metrics.
pub const COMPONENT: &str = "component_id";

/// In seconds: the buckets that the semantic conventions advise, and three below them.
const SECONDS: [f64; 17] =
    [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0];

/// All instruments.
pub struct Meters {
    /// From a request's head to the end of its answer.
    pub request_duration: Histogram<f64>,
    /// Requests in flight, until the end of their answers.
    pub active_requests: Arc<ActiveRequests>,
    /// Keeps the callback that reports them.
    _active: ObservableUpDownCounter<i64>,
    /// Requests that were given to components.
    pub requests: Arc<Requests>,
    /// Keeps the callback that reports them, as in Spin.
    _requests: ObservableCounter<u64>,
    /// Calls of components to key-value stores and Redis.
    pub store_duration: Histogram<f64>,
    /// Calls of components over HTTP, to one another too.
    pub http_duration: Histogram<f64>,
    instances: UpDownCounter<i64>,
    connections: UpDownCounter<i64>,
}

impl Meters {
    /// The metrics of `meter`, for the application of this name.
    pub fn new(meter: &Meter, application: Arc<str>) -> Self {
        let seconds = |name: &'static str, what: &'static str| {
            let builder = meter.f64_histogram(name).with_unit("s").with_description(what);
            builder.with_boundaries(SECONDS.to_vec()).build()
        };
        let now = |name: &'static str, unit: &'static str, what: &'static str| {
            meter.i64_up_down_counter(name).with_unit(unit).with_description(what).build()
        };
        let active_requests = Arc::<ActiveRequests>::default();
        let active = active_requests.clone();
        let counted = Arc::new(Requests::of(application));
        let requests = counted.clone();
        Self {
            request_duration: seconds(
                "http.server.request.duration",
                "From a request's head to the end of its answer",
            ),
            active_requests,
            _active: meter
                .i64_observable_up_down_counter("http.server.active_requests")
                .with_unit("{request}")
                .with_description("Requests that are being answered")
                .with_callback(move |to| active.observe(to))
                .build(),
            _requests: meter
                .u64_observable_counter("spin.request_count")
                .with_description("Requests that a component was given")
                .with_callback(move |to| requests.observe(to))
                .build(),
            requests: counted,
            store_duration: seconds("db.client.operation.duration", "Calls to key-value stores and Redis"),
            http_duration: seconds(
                "http.client.request.duration",
                "Calls over HTTP, to other components too",
            ),
            instances: now("bank.instances", "{instance}", "Instances of components"),
            connections: now("bank.connections", "{connection}", "Open connections of clients"),
        }
    }

    /// Counts an open connection until the result is dropped.
    pub fn connection(&self) -> CountedConnection {
        CountedConnection::new(self.connections.clone())
    }

    /// Counts an instance of a component until the result is dropped.
    pub fn instance(&self, component: &Arc<str>) -> CountedInstance {
        CountedInstance::new(self.instances.clone(), component.clone())
    }
}

const SCHEMES: [&str; 2] = ["http", "https"];

/// Requests in flight, by method and scheme. They are counted here and read when metrics are sent: that is cheaper
/// for a request than two updates of a counter of the SDK.
#[derive(Default)]
pub struct ActiveRequests([[ActiveCount; SCHEMES.len()]; METHODS.len()]);

#[derive(Default)]
struct ActiveCount {
    begun: AtomicI64,
    ended: AtomicI64,
}

impl ActiveRequests {
    /// Counts a request that begins.
    pub fn begin(&self, method: &str, scheme: &str) {
        if let Some(count) = self.of(method, scheme) {
            count.begun.fetch_add(1, Relaxed);
        }
    }

    /// Counts a request that ends.
    pub fn end(&self, method: &str, scheme: &str) {
        if let Some(count) = self.of(method, scheme) {
            count.ended.fetch_add(1, Relaxed);
        }
    }

    fn of(&self, method: &str, scheme: &str) -> Option<&ActiveCount> {
        let (_, counts) = METHODS.into_iter().zip(&self.0).find(|(known, _)| *known == method)?;
        SCHEMES.into_iter().zip(counts).find(|(known, _)| *known == scheme).map(|(_, count)| count)
    }

    fn observe(&self, to: &dyn AsyncInstrument<i64>) {
        for (method, counts) in METHODS.into_iter().zip(&self.0) {
            for (scheme, count) in SCHEMES.into_iter().zip(counts) {
                let (ended, begun) = (count.ended.load(Relaxed), count.begun.load(Relaxed));
                if begun > 0 {
                    let attributes =
                        [KeyValue::new("http.request.method", method), KeyValue::new("url.scheme", scheme)];
                    to.observe(begun.saturating_sub(ended), &attributes);
                }
            }
        }
    }
}

/// Requests that were given to each component, counted here for the same reason.
pub struct Requests {
    application: Arc<str>,
    counts: Mutex<BTreeMap<Arc<str>, u64>>,
}

impl Requests {
    fn of(application: Arc<str>) -> Self {
        Self { application, counts: Mutex::default() }
    }

    /// Counts a request to `component`.
    pub fn count(&self, component: &Arc<str>) {
        let mut counts = self.counts();
        let count = counts.entry(component.clone()).or_default();
        *count = count.saturating_add(1);
    }

    /// Nothing panics while it is held.
    fn counts(&self) -> MutexGuard<'_, BTreeMap<Arc<str>, u64>> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn observe(&self, to: &dyn AsyncInstrument<u64>) {
        for (component, count) in self.counts().iter() {
            let attributes = [
                KeyValue::new("trigger_type", "http"),
                KeyValue::new("app_id", self.application.clone()),
                KeyValue::new(COMPONENT, component.clone()),
            ];
            to.observe(*count, &attributes);
        }
    }
}

/// An open connection.
pub struct CountedConnection(UpDownCounter<i64>);

impl CountedConnection {
    fn new(connections: UpDownCounter<i64>) -> Self {
        connections.add(1, &[]);
        Self(connections)
    }
}

impl Drop for CountedConnection {
    fn drop(&mut self) {
        self.0.add(-1, &[]);
    }
}

/// An instance of a component.
pub struct CountedInstance(UpDownCounter<i64>, Arc<str>);

impl CountedInstance {
    fn new(instances: UpDownCounter<i64>, component: Arc<str>) -> Self {
        let counted = Self(instances, component);
        counted.add(1);
        counted
    }

    fn add(&self, change: i64) {
        self.0.add(change, &[KeyValue::new(COMPONENT, self.1.clone())]);
    }
}

impl Drop for CountedInstance {
    fn drop(&mut self) {
        self.add(-1);
    }
}
