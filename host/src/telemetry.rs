//! OpenTelemetry: traces, metrics and logs of requests, of the calls that components make for them, and of what
//! components print.
//!
//! It is off until an endpoint is set, by the variables that Spin 4.1 reads (`crates/telemetry` there):
//! `OTEL_EXPORTER_OTLP_ENDPOINT`, or that of a single signal (`…_TRACES_ENDPOINT`, `…_METRICS_ENDPOINT`,
//! `…_LOGS_ENDPOINT`). `…_PROTOCOL` is `http/protobuf` or `grpc`. `OTEL_SDK_DISABLED` turns it off. Names and
//! attributes are those of OpenTelemetry's semantic conventions, and Spin's own where there are none.
//!
//! Nothing that a request is about is recorded: no path but the route's, no query, no header, no key, no argument
//! of a command, no address of a client. What components print is sent as it is, as Spin does, and holds none of
//! that.
//!
//! If the collector is away or slow, `bank` goes on. What cannot be sent is lost, and a warning says so.

mod call;
mod counting_processor;
mod end;
mod export;
mod meters;
mod queue;
mod request;
mod signal;

pub use call::{Call, CallTracing, System, TaskTraceGuard};
pub use meters::{CountedConnection, CountedInstance};
pub use request::RecordedRequest;

use anyhow::Context as _;
use counting_processor::CountingProcessor;
use end::SignalShutdown;
use meters::Meters;
use opentelemetry::logs::{AnyValue, LogRecord as _, Logger as _, LoggerProvider as _};
use opentelemetry::metrics::MeterProvider as _;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry::{Key, KeyValue, Value};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::logs::{BatchLogProcessor, SdkLogger, SdkLoggerProvider};
use opentelemetry_sdk::metrics::SdkMeterProvider;
use opentelemetry_sdk::resource::{EnvResourceDetector, ResourceDetector as _, TelemetryResourceDetector};
use opentelemetry_sdk::trace::{
    BatchSpanProcessor, IdGenerator as _, RandomIdGenerator, SdkTracer, SdkTracerProvider,
};
use std::sync::Arc;

/// The name of the instrumentation; `service.name` is the same, unless the environment sets another.
const NAME: &str = "bank";

/// Where signals are sent; nowhere, if no endpoint is set.
#[derive(Default)]
pub struct Telemetry {
    tracer: Option<SdkTracer>,
    meters: Option<Meters>,
    logger: Option<SdkLogger>,
    ends: Vec<SignalShutdown>,
}

impl Telemetry {
    /// Configured by `environment`, for the application of this name. Must be called inside a Tokio runtime.
    ///
    /// # Errors
    ///
    /// A variable asks for something that is not supported.
    pub fn new(application: &str, environment: impl Fn(&str) -> Option<String>) -> anyhow::Result<Self> {
        let settings = export::Settings::new(&environment);
        let resource = resource(&environment);
        let traces = settings.traces().context("traces cannot be sent")?;
        let metrics = settings.metrics().context("metrics cannot be sent")?;
        let logs = settings.logs().context("logs cannot be sent")?;
        let mut ends = Vec::new();
        let tracer = traces.map(|exporter| {
            let signal = exporter.signal.clone();
            let builder = SdkTracerProvider::builder().with_resource(resource.clone());
            let processor =
                CountingProcessor::new(BatchSpanProcessor::builder(exporter).build(), signal.clone());
            let provider = builder.with_span_processor(processor).build();
            let tracer = provider.tracer(NAME);
            ends.push(SignalShutdown::new(signal, move |longest| provider.shutdown_with_timeout(longest)));
            tracer
        });
        let meters = metrics.map(|exporter| {
            let signal = exporter.signal.clone();
            let builder = SdkMeterProvider::builder().with_resource(resource.clone());
            let provider = builder.with_periodic_exporter(exporter).build();
            let meters = Meters::new(&provider.meter(NAME), application.into());
            ends.push(SignalShutdown::new(signal, move |longest| provider.shutdown_with_timeout(longest)));
            meters
        });
        let logger = logs.map(|exporter| {
            let signal = exporter.signal.clone();
            let builder = SdkLoggerProvider::builder().with_resource(resource);
            let processor =
                CountingProcessor::new(BatchLogProcessor::builder(exporter).build(), signal.clone());
            let provider = builder.with_log_processor(processor).build();
            let logger = provider.logger(NAME);
            ends.push(SignalShutdown::new(signal, move |longest| provider.shutdown_with_timeout(longest)));
            logger
        });
        Ok(Self { tracer, meters, logger, ends })
    }

    /// Whether calls of components are recorded.
    fn is_on(&self) -> bool {
        self.tracer.is_some() || self.meters.is_some()
    }

    /// Sends what a component has printed: one line, without its end.
    pub fn send_line(&self, component: &Arc<str>, line: &[u8]) {
        let Some(logger) = &self.logger else { return };
        let mut record = logger.create_log_record();
        record.set_body(AnyValue::from(String::from_utf8_lossy(line).into_owned()));
        record.add_attribute(meters::COMPONENT, component.to_string());
        logger.emit(record);
    }

    /// Counts an open connection until the result is dropped.
    pub fn connection(&self) -> Option<CountedConnection> {
        self.meters.as_ref().map(Meters::connection)
    }

    /// Counts an instance of a component until the result is dropped.
    pub fn instance(&self, component: &Arc<str>) -> Option<CountedInstance> {
        self.meters.as_ref().map(|meters| meters.instance(component))
    }

    /// Sends what has not been sent yet, and shuts down. It waits for the collector for at most 5 s, and reports what
    /// is lost.
    pub fn end(&self) {
        end::shut_down_all(&self.ends);
    }
}

/// The resource: `OTEL_SERVICE_NAME`, `OTEL_RESOURCE_ATTRIBUTES`, and the version of `bank`.
fn resource(environment: impl Fn(&str) -> Option<String>) -> Resource {
    let named = EnvResourceDetector::new().detect();
    // Two banks that send the same series would overwrite each other's.
    let instance = RandomIdGenerator::default().new_trace_id().to_string();
    let name = environment("OTEL_SERVICE_NAME").filter(|name| !name.is_empty()).map(Value::from);
    let name = name.or_else(|| named.get(&Key::new("service.name")));
    Resource::builder_empty()
        .with_detector(Box::new(TelemetryResourceDetector))
        .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
        .with_attribute(KeyValue::new("service.instance.id", instance))
        .with_detector(Box::new(EnvResourceDetector::new()))
        .with_attribute(KeyValue::new("service.name", name.unwrap_or_else(|| NAME.into())))
        .build()
}
