//! What is counted and measured, with few and bounded attributes.

use super::Telemetry;
use opentelemetry::KeyValue;
use opentelemetry::metrics::{Counter, Histogram, Meter, UpDownCounter};
use std::sync::Arc;

/// The attribute that names a component, as in Spin's own metrics.
pub const COMPONENT: &str = "component_id";

/// In seconds: those that the semantic conventions advise, and three below them.
const SECONDS: [f64; 17] =
    [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0];

/// All instruments.
pub struct Meters {
    /// From a request's head to the end of its answer.
    pub request_duration: Histogram<f64>,
    /// Requests that are not answered to the end.
    pub active_requests: UpDownCounter<i64>,
    /// Requests that a component was given. Spin counts them too, under this name.
    pub request_count: Counter<u64>,
    /// Calls of components to key-value stores and Redis.
    pub store_duration: Histogram<f64>,
    /// Calls of components over HTTP, to one another too.
    pub http_duration: Histogram<f64>,
    instances: UpDownCounter<i64>,
    connections: UpDownCounter<i64>,
}

impl Meters {
    /// Those of `meter`.
    pub fn new(meter: &Meter) -> Self {
        let seconds = |name: &'static str, what: &'static str| {
            let builder = meter.f64_histogram(name).with_unit("s").with_description(what);
            builder.with_boundaries(SECONDS.to_vec()).build()
        };
        let now = |name: &'static str, unit: &'static str, what: &'static str| {
            meter.i64_up_down_counter(name).with_unit(unit).with_description(what).build()
        };
        Self {
            request_duration: seconds(
                "http.server.request.duration",
                "From a request's head to the end of its answer",
            ),
            active_requests: now(
                "http.server.active_requests",
                "{request}",
                "Requests that are being answered",
            ),
            request_count: meter
                .u64_counter("spin.request_count")
                .with_description("Requests that a component was given")
                .build(),
            store_duration: seconds("db.client.operation.duration", "Calls to key-value stores and Redis"),
            http_duration: seconds(
                "http.client.request.duration",
                "Calls over HTTP, to other components too",
            ),
            instances: now("bank.instances", "{instance}", "Instances of components"),
            connections: now("bank.connections", "{connection}", "Open connections of clients"),
        }
    }
}

/// An open connection.
pub struct OpenCounted(Arc<Telemetry>);

impl OpenCounted {
    /// Counts one more.
    pub(super) fn new(telemetry: Arc<Telemetry>) -> Self {
        let counted = Self(telemetry);
        counted.add(1);
        counted
    }

    fn add(&self, change: i64) {
        if let Some(meters) = &self.0.meters {
            meters.connections.add(change, &[]);
        }
    }
}

impl Drop for OpenCounted {
    fn drop(&mut self) {
        self.add(-1);
    }
}

/// An instance of a component.
pub struct InstanceCounted(Arc<Telemetry>, Arc<str>);

impl InstanceCounted {
    /// Counts one more.
    pub(super) fn new(telemetry: Arc<Telemetry>, component: Arc<str>) -> Self {
        let counted = Self(telemetry, component);
        counted.add(1);
        counted
    }

    fn add(&self, change: i64) {
        if let Some(meters) = &self.0.meters {
            meters.instances.add(change, &[KeyValue::new(COMPONENT, self.1.clone())]);
        }
    }
}

impl Drop for InstanceCounted {
    fn drop(&mut self) {
        self.add(-1);
    }
}
