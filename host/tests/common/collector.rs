//! An OpenTelemetry collector: it takes OTLP over HTTP, and keeps it.

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::trace::v1::Span;
use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// The path and the body of a request.
type Sent = (String, Vec<u8>);
/// Attributes of a point, and its value.
type Point = (BTreeMap<String, String>, i64);

/// All that was sent to it: the path and the body of each request.
#[derive(Clone)]
pub struct Collector {
    /// `http://127.0.0.1:port`
    pub endpoint: String,
    sent: Arc<Mutex<Vec<Sent>>>,
}

impl Collector {
    /// A collector on a free port.
    pub fn start() -> Self {
        Self::slow(Duration::ZERO)
    }

    /// A collector that answers after this pause.
    pub fn slow(pause: Duration) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let collector = Self { endpoint, sent: Arc::default() };
        let sent = collector.sent.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let sent = sent.clone();
                std::thread::spawn(move || while take(&stream, &sent, pause).is_some() {});
            }
        });
        collector
    }

    /// Every byte that was sent to it, as text.
    pub fn everything(&self) -> String {
        let sent = self.sent.lock().unwrap();
        sent.iter().map(|(path, body)| format!("{path} {}\n", String::from_utf8_lossy(body))).collect()
    }

    /// The paths that were requested.
    pub fn paths(&self) -> Vec<String> {
        self.sent.lock().unwrap().iter().map(|(path, _)| path.clone()).collect()
    }

    fn decoded<M: prost::Message + Default>(&self, path: &str) -> Vec<M> {
        let sent = self.sent.lock().unwrap();
        sent.iter().filter(|(of, _)| of == path).map(|(_, body)| M::decode(&**body).unwrap()).collect()
    }

    /// The spans.
    pub fn spans(&self) -> Vec<Span> {
        let requests = self.decoded::<ExportTraceServiceRequest>("/v1/traces");
        let resources = requests.into_iter().flat_map(|request| request.resource_spans);
        resources.flat_map(|resource| resource.scope_spans).flat_map(|scope| scope.spans).collect()
    }

    /// What the spans are about: the attributes of their resource.
    pub fn resource(&self) -> BTreeMap<String, String> {
        let requests = self.decoded::<ExportTraceServiceRequest>("/v1/traces");
        attributes(&requests[0].resource_spans[0].resource.as_ref().unwrap().attributes)
    }

    /// The text and the attributes of each log record.
    pub fn logs(&self) -> Vec<(String, BTreeMap<String, String>)> {
        let requests = self.decoded::<ExportLogsServiceRequest>("/v1/logs");
        let resources = requests.into_iter().flat_map(|request| request.resource_logs);
        let records = resources.flat_map(|resource| resource.scope_logs).flat_map(|scope| scope.log_records);
        records.map(|record| (text(record.body.as_ref()), attributes(&record.attributes))).collect()
    }

    /// The points of each metric as they were sent last: its attributes, and its value or how many were measured.
    pub fn metrics(&self) -> BTreeMap<String, Vec<Point>> {
        let requests = self.decoded::<ExportMetricsServiceRequest>("/v1/metrics");
        let resources = requests.into_iter().flat_map(|request| request.resource_metrics);
        let metrics = resources.flat_map(|resource| resource.scope_metrics).flat_map(|scope| scope.metrics);
        metrics.map(|metric| (metric.name, points(metric.data.unwrap()))).collect()
    }
}

fn points(data: Data) -> Vec<Point> {
    use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value;
    match data {
        Data::Histogram(histogram) => histogram
            .data_points
            .iter()
            .map(|point| (attributes(&point.attributes), i64::try_from(point.count).unwrap()))
            .collect(),
        Data::Sum(sum) => sum
            .data_points
            .iter()
            .map(|point| match point.value {
                Some(Value::AsInt(value)) => (attributes(&point.attributes), value),
                ref other => panic!("{other:?}"),
            })
            .collect(),
        other => panic!("{other:?}"),
    }
}

/// Attributes by name.
pub fn attributes(attributes: &[KeyValue]) -> BTreeMap<String, String> {
    attributes.iter().map(|attribute| (attribute.key.clone(), text(attribute.value.as_ref()))).collect()
}

fn text(value: Option<&AnyValue>) -> String {
    match value.and_then(|value| value.value.as_ref()) {
        Some(Value::StringValue(text)) => text.clone(),
        Some(Value::IntValue(number)) => number.to_string(),
        other => panic!("{other:?}"),
    }
}

/// Takes a request and answers it; none once the connection is closed.
fn take(stream: &TcpStream, sent: &Mutex<Vec<Sent>>, pause: Duration) -> Option<()> {
    let mut lines = BufReader::new(stream);
    let mut first = String::new();
    lines.read_line(&mut first).ok().filter(|length| *length > 0)?;
    let mut length = 0;
    loop {
        let mut line = String::new();
        lines.read_line(&mut line).ok()?;
        match line.to_ascii_lowercase().split_once(':') {
            Some(("content-length", value)) => length = value.trim().parse().unwrap(),
            Some(_) => {}
            None => break,
        }
    }
    let mut body = vec![0; length];
    lines.read_exact(&mut body).ok()?;
    sent.lock().unwrap().push((first.split(' ').nth(1).unwrap().to_owned(), body));
    std::thread::sleep(pause);
    let mut stream = stream;
    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").ok()
}
