//! The exporters: OTLP over HTTP or gRPC, one for each signal.

use super::queue::Queue;
use super::signal::Signal;
use anyhow::{Context as _, bail};
use bytes::Bytes;
use http::{Request, Response};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use opentelemetry_http::hyper::HyperClient;
use opentelemetry_http::{HttpClient, HttpError};
use opentelemetry_otlp::{LogExporter, MetricExporter, SpanExporter, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::logs::LogBatch;
use opentelemetry_sdk::metrics::Temporality;
use opentelemetry_sdk::metrics::data::ResourceMetrics;
use opentelemetry_sdk::metrics::exporter::PushMetricExporter;
use opentelemetry_sdk::trace::SpanData;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Handle;
use wasmtime_wasi::async_trait;

/// When an export without an answer has failed, unless `OTEL_EXPORTER_OTLP_TIMEOUT` sets another limit.
const LONGEST: Duration = Duration::from_secs(10);
/// How many spans wait to be sent at most, and how many lines: the SDK's own default.
const QUEUE: u64 = 2048;

/// The settings in the environment that concern all three signals.
pub struct Settings<'a, E> {
    environment: &'a E,
    disabled: bool,
}

enum Protocol {
    Http,
    Grpc,
}

impl<'a, E: Fn(&str) -> Option<String>> Settings<'a, E> {
    /// Reads `environment`. As in Spin, any value of `OTEL_SDK_DISABLED` disables it.
    pub fn new(environment: &'a E) -> Self {
        let disabled = environment("OTEL_SDK_DISABLED").is_some_and(|value| !value.is_empty());
        Self { environment, disabled }
    }

    /// The exporter of traces, if they are exported.
    pub fn traces(&self) -> anyhow::Result<Option<WarnsOnFailure<SpanExporter>>> {
        let Some(protocol) = self.protocol("TRACES")? else { return Ok(None) };
        let builder = SpanExporter::builder();
        let exporter = match protocol {
            Protocol::Http => builder.with_http().with_http_client(self.client("TRACES")?).build()?,
            Protocol::Grpc => builder.with_tonic().build()?,
        };
        Ok(Some(WarnsOnFailure::new("traces", exporter, self.queue("OTEL_BSP_MAX_QUEUE_SIZE"))))
    }

    /// The exporter of metrics, if they are exported.
    pub fn metrics(&self) -> anyhow::Result<Option<WarnsOnFailure<MetricExporter>>> {
        let Some(protocol) = self.protocol("METRICS")? else { return Ok(None) };
        let builder = MetricExporter::builder();
        let exporter = match protocol {
            Protocol::Http => builder.with_http().with_http_client(self.client("METRICS")?).build()?,
            Protocol::Grpc => builder.with_tonic().build()?,
        };
        // They do not queue: what is sent is their state at that time.
        Ok(Some(WarnsOnFailure::new("metrics", exporter, Queue::new(0))))
    }

    /// How logs are sent, if they are.
    pub fn logs(&self) -> anyhow::Result<Option<WarnsOnFailure<LogExporter>>> {
        let Some(protocol) = self.protocol("LOGS")? else { return Ok(None) };
        let builder = LogExporter::builder();
        let exporter = match protocol {
            Protocol::Http => builder.with_http().with_http_client(self.client("LOGS")?).build()?,
            Protocol::Grpc => builder.with_tonic().build()?,
        };
        Ok(Some(WarnsOnFailure::new("logs", exporter, self.queue("OTEL_BLRP_MAX_QUEUE_SIZE"))))
    }

    /// The protocol of a signal; `None` if no endpoint is set for it.
    fn protocol(&self, signal: &str) -> anyhow::Result<Option<Protocol>> {
        if self.disabled || self.value(signal, "ENDPOINT").is_none() {
            return Ok(None);
        }
        match self.value(signal, "PROTOCOL").as_deref() {
            None | Some("http/protobuf") => Ok(Some(Protocol::Http)),
            Some("grpc") => Ok(Some(Protocol::Grpc)),
            Some(other) => {
                bail!("OTEL_EXPORTER_OTLP_PROTOCOL is `{other}`; `bank` has http/protobuf and grpc")
            }
        }
    }

    /// A client that keeps its connections; https with the roots of webpki.
    fn client(&self, signal: &str) -> anyhow::Result<OnRuntime> {
        let https = HttpsConnectorBuilder::new()
            .with_provider_and_webpki_roots(rustls::crypto::ring::default_provider())?
            .https_or_http()
            .enable_http1()
            .build();
        let runtime = Handle::try_current().context("tokio does not run")?;
        // The exporter starts no attempt after this time, and cancels none.
        let longest = self.value(signal, "TIMEOUT").and_then(|value| value.parse().ok());
        let longest = longest.map_or(LONGEST, Duration::from_millis);
        Ok(OnRuntime { runtime, client: Arc::new(HyperClient::new(https, longest, None)) })
    }

    /// A queue of the size that the SDK reads from the same variable.
    fn queue(&self, variable: &str) -> Queue {
        Queue::new((self.environment)(variable).and_then(|value| value.parse().ok()).unwrap_or(QUEUE))
    }

    /// A variable of this signal, or the one for all signals.
    fn value(&self, signal: &str, name: &str) -> Option<String> {
        let value = |name: String| (self.environment)(&name).filter(|value| !value.is_empty());
        value(format!("OTEL_EXPORTER_OTLP_{signal}_{name}"))
            .or_else(|| value(format!("OTEL_EXPORTER_OTLP_{name}")))
    }
}

/// Exporters wait in threads of their own, and hyper's client only works inside a Tokio runtime.
#[derive(Debug)]
struct OnRuntime {
    runtime: Handle,
    client: Arc<HyperClient<HttpsConnector<HttpConnector>>>,
}

#[async_trait]
impl HttpClient for OnRuntime {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let client = self.client.clone();
        self.runtime.spawn(async move { client.send_bytes(request).await }).await?
    }
}

/// An exporter that reports its failures on stderr, at most once a minute.
#[derive(Debug)]
pub struct WarnsOnFailure<E> {
    exporter: E,
    /// What it sends.
    pub signal: Arc<Signal>,
}

impl<E> WarnsOnFailure<E> {
    fn new(what: &'static str, exporter: E, queue: Queue) -> Self {
        Self { exporter, signal: Arc::new(Signal::new(what, queue)) }
    }
}

impl opentelemetry_sdk::trace::SpanExporter for WarnsOnFailure<SpanExporter> {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        self.signal.dequeue(batch.len());
        self.signal.note(self.exporter.export(batch).await)
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}

impl PushMetricExporter for WarnsOnFailure<MetricExporter> {
    async fn export(&self, metrics: &ResourceMetrics) -> OTelSdkResult {
        self.signal.note(self.exporter.export(metrics).await)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.exporter.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn temporality(&self) -> Temporality {
        self.exporter.temporality()
    }
}

impl opentelemetry_sdk::logs::LogExporter for WarnsOnFailure<LogExporter> {
    async fn export(&self, batch: LogBatch<'_>) -> OTelSdkResult {
        self.signal.dequeue(batch.iter().count());
        self.signal.note(self.exporter.export(batch).await)
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}
