//! What `bank` sends to an OpenTelemetry collector, and what it never sends.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::string_slice,
    reason = "tests"
)]

mod common;

use common::collector::{Collector, attributes};
use common::http;
use common::{Bank, bank_of, guest, manifest, refused_with};
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use std::net::TcpListener;
use std::time::{Duration, Instant};

const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

/// A bank that tells `collector`, and sends nothing before it ends.
fn bank_with_telemetry(collector: &Collector, manifest: &str, arguments: &[&str]) -> Bank {
    let never = "3600000";
    let environment = [
        (ENDPOINT, &*collector.endpoint),
        ("OTEL_BSP_SCHEDULE_DELAY", never),
        ("OTEL_METRIC_EXPORT_INTERVAL", never),
        ("OTEL_BLRP_SCHEDULE_DELAY", never),
    ];
    bank_of(manifest, arguments, &environment)
}

/// Ends it: all that was not sent is sent then.
fn end(mut bank: Bank) {
    bank.signal("TERM");
    assert_eq!(bank.exit_code(Duration::from_secs(20)), Some(0), "{}", bank.stderr());
}

fn get(bank: &Bank, path: &str, trace: &str) -> http::Response {
    let head =
        format!("GET {path} HTTP/1.1\r\nhost: a\r\ntraceparent: 00-{trace}-00f067aa0ba902b7-01\r\n\r\n");
    http::request(&bank.address, &head).unwrap()
}

fn hex(id: &[u8]) -> String {
    id.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The one server span of a trace and the client spans below it.
fn of_trace(spans: &[Span], trace: &str) -> (Span, Vec<Span>) {
    let of_trace = spans.iter().filter(|span| hex(&span.trace_id) == trace);
    let (server, client): (Vec<Span>, Vec<Span>) =
        of_trace.cloned().partition(|span| span.kind() == SpanKind::Server);
    assert_eq!(server.len(), 1, "{trace}: {spans:#?}");
    for call in &client {
        assert_eq!(call.kind(), SpanKind::Client);
        assert_eq!(call.parent_span_id, server[0].span_id, "{call:#?}");
    }
    (server[0].clone(), client)
}

fn names(spans: &[Span]) -> Vec<&str> {
    spans.iter().map(|span| span.name.as_str()).collect()
}

#[test]
fn a_request_is_a_span_of_its_clients_trace_and_the_calls_made_for_it_are_spans_below_it() {
    let collector = Collector::start();
    let bank = bank_with_telemetry(&collector, &manifest(""), &[]);
    assert_eq!(get(&bank, "/mixed?key=n", TRACE).status, 200);
    end(bank);
    let (server, calls) = of_trace(&collector.spans(), TRACE);
    assert_eq!(server.name, "GET /...");
    assert_eq!(hex(&server.parent_span_id), "00f067aa0ba902b7");
    let told = attributes(&server.attributes);
    for (name, value) in [
        ("http.request.method", "GET"),
        ("http.route", "/..."),
        ("http.response.status_code", "200"),
        ("url.scheme", "http"),
        ("component_id", "guest"),
    ] {
        assert_eq!(told.get(name).map(String::as_str), Some(value), "{told:?}");
    }
    assert_eq!(names(&calls), ["get", "increment"]);
    assert_eq!(attributes(&calls[1].attributes)["db.system.name"], "key-value");
    let about = collector.resource();
    assert_eq!((&*about["service.name"], &*about["service.version"]), ("bank", env!("CARGO_PKG_VERSION")));
}

#[test]
fn calls_of_requests_that_share_an_instance_are_told_apart() {
    for placement in ["bank", "spin"] {
        let collector = Collector::start();
        let bank = bank_with_telemetry(&collector, &manifest(""), &["--placement", placement]);
        let traces: Vec<String> = (1..=48).map(|number| format!("{number:032x}")).collect();
        std::thread::scope(|scope| {
            for trace in &traces {
                let bank = &bank;
                scope.spawn(move || assert_eq!(get(bank, "/mixed?key=n", trace).status, 200));
            }
        });
        end(bank);
        let spans = collector.spans();
        for trace in &traces {
            assert_eq!(names(&of_trace(&spans, trace).1), ["get", "increment"], "{placement}");
        }
    }
}

#[test]
fn a_trace_goes_on_in_the_component_that_is_called_and_in_other_servers() {
    let collector = Collector::start();
    let manifest = format!(
        "{}\n[[trigger.http]]\nroute = {{ private = true }}\ncomponent = \"inner\"\n\
         [component.inner]\nsource = {:?}\nkey_value_stores = [\"default\"]\n",
        manifest("allowed_outbound_hosts = [\"http://inner.spin.internal\"]"),
        guest()
    );
    let bank = bank_with_telemetry(&collector, &manifest, &[]);
    let seen = get(&bank, "/call?url=http://inner.spin.internal/", TRACE).body;
    assert_eq!(get(&bank, "/call?url=http://inner.spin.internal/kv/get%3fkey=n", TRACE).status, 200);
    end(bank);
    let spans = collector.spans();
    let call = spans.iter().find(|span| span.name == "POST").unwrap();
    assert!(seen.contains(&format!("traceparent: 00-{TRACE}-{}-01", hex(&call.span_id))), "{seen}");
    assert_eq!(attributes(&call.attributes)["server.address"], "inner.spin.internal");
    let read = spans.iter().find(|span| span.name == "get").unwrap();
    assert_eq!(attributes(&read.attributes)["component_id"], "inner");
    assert_eq!(hex(&read.trace_id), TRACE);
}

#[test]
fn what_a_request_is_about_is_never_sent() {
    let collector = Collector::start();
    let redis = common::redis::Redis::start();
    let config = redis.runtime_config();
    let bank = bank_with_telemetry(
        &collector,
        &manifest(""),
        &["--runtime-config-file", &config.path().display().to_string()],
    );
    let head = "POST /kv/set?key=mallory&value=4711.25 HTTP/1.1\r\nhost: secret-host\r\nuser_id: mallory\r\n\
                authorization: Bearer mallory\r\nx-forwarded-for: 192.0.2.77\r\ncontent-length: 0\r\n\r\n";
    assert_eq!(http::request(&bank.address, head).unwrap().status, 200);
    let head = format!(
        "MALLORY /kv/get?key=mallory HTTP/1.1\r\nhost: a\r\ntraceparent: 00-{TRACE}-00f067aa0ba902b7-01\r\ntracestate: a=mallory\r\n\r\n"
    );
    http::request(&bank.address, &head).unwrap();
    assert_eq!(get(&bank, "/kv/get?key=mallory", TRACE).status, 200);
    assert_eq!(get(&bank, "/nobody/mallory", TRACE).status, 200);
    end(bank);
    let everything = collector.everything();
    for secret in ["mallory", "4711", "secret-host", "192.0.2.77", "127.0.0.1", "MALLORY"] {
        assert!(!everything.contains(secret), "{secret}");
    }
}

#[test]
fn requests_calls_instances_and_connections_are_measured() {
    let collector = Collector::start();
    let bank = bank_with_telemetry(&collector, &manifest(""), &[]);
    for _ in 0..3 {
        assert_eq!(get(&bank, "/kv/get?key=n", TRACE).status, 200);
    }
    assert_eq!(get(&bank, "/trap", TRACE).status, 500);
    end(bank);
    let metrics = collector.metrics();
    let sum = |name: &str, of: &str| -> i64 {
        let points = metrics[name].iter();
        points.filter(|(told, _)| format!("{told:?}").contains(of)).map(|(_, value)| value).sum()
    };
    assert_eq!(sum("http.server.request.duration", "\"http.response.status_code\": \"200\""), 3);
    assert_eq!(sum("http.server.request.duration", "\"error.type\": \"500\""), 1);
    assert_eq!(sum("http.server.active_requests", ""), 0);
    assert_eq!(sum("spin.request_count", "\"app_id\": \"guest\""), 4);
    assert_eq!(sum("db.client.operation.duration", "\"db.operation.name\": \"get\""), 3);
    assert!(metrics.contains_key("bank.instances") && metrics.contains_key("bank.connections"));
}

#[test]
fn what_components_print_is_sent_too() {
    let collector = Collector::start();
    let bank = bank_with_telemetry(&collector, &manifest(""), &[]);
    bank.get("/say?err=hello%0aworld%0a");
    end(bank);
    let logs = collector.logs();
    let texts: Vec<&str> = logs.iter().map(|(text, _)| text.as_str()).collect();
    assert_eq!(texts, ["hello", "world"]);
    assert_eq!(logs[0].1["component_id"], "guest");
}

#[test]
fn it_is_off_until_an_endpoint_is_named_and_where_it_is_disabled() {
    let collector = Collector::start();
    let endpoint = (ENDPOINT, &*collector.endpoint);
    for environment in [vec![], vec![(ENDPOINT, "")], vec![endpoint, ("OTEL_SDK_DISABLED", "true")]] {
        let bank = bank_of(&manifest(""), &[], &environment);
        let seen = http::get(&bank.address, "/").body;
        assert!(!seen.contains("traceparent"), "{seen}");
        end(bank);
    }
    assert_eq!(collector.everything(), "");
}

#[test]
fn the_endpoint_of_one_signal_turns_on_that_one() {
    let collector = Collector::start();
    let endpoint = format!("{}/mine", collector.endpoint);
    let bank = bank_of(&manifest(""), &[], &[("OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", &endpoint)]);
    bank.get("/say?err=hello%0a");
    end(bank);
    assert_eq!(collector.paths(), ["/mine"]);
}

#[test]
fn a_protocol_that_it_does_not_speak_stops_it_at_start() {
    let environment = [(ENDPOINT, "http://127.0.0.1:1"), ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json")];
    let told = refused_with(&manifest(""), &environment);
    assert!(told.contains("`http/json`") && told.contains("http/protobuf and grpc"), "{told}");
}

#[test]
fn it_serves_while_the_collector_is_away_and_reports_once_what_is_lost() {
    for protocol in ["http/protobuf", "grpc"] {
        let nobody = format!("http://127.0.0.1:{}", common::free_port());
        let environment = [
            (ENDPOINT, &*nobody),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", protocol),
            ("OTEL_BSP_SCHEDULE_DELAY", "50"),
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "1000"),
        ];
        let bank = bank_of(&manifest(""), &[], &environment);
        for _ in 0..10 {
            bank.get("/body");
            std::thread::sleep(Duration::from_millis(20));
        }
        bank.wait_for_stderr("Warning: traces cannot be sent to the OpenTelemetry collector");
        assert_eq!(bank.stderr().matches("traces cannot be sent").count(), 1, "{}", bank.stderr());
        end(bank);
    }
}

/// Where the kernel takes connections, and nobody answers.
fn hung() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    (listener, endpoint)
}

#[test]
fn an_export_that_is_not_answered_fails_in_the_time_that_it_is_given() {
    for protocol in ["http/protobuf", "grpc"] {
        let (_listener, endpoint) = hung();
        let environment = [
            ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", &*endpoint),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", protocol),
            ("OTEL_BSP_SCHEDULE_DELAY", "50"),
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "500"),
        ];
        let bank = bank_of(&manifest(""), &[], &environment);
        bank.get("/body");
        bank.wait_for_stderr("Warning: traces cannot be sent to the OpenTelemetry collector");
    }
}

#[test]
fn a_collector_that_hangs_delays_the_end_by_five_seconds_and_what_is_lost_is_reported_once() {
    for protocol in ["http/protobuf", "grpc"] {
        let (_listener, endpoint) = hung();
        let environment = [(ENDPOINT, &*endpoint), ("OTEL_EXPORTER_OTLP_PROTOCOL", protocol)];
        let mut bank = bank_of(&manifest(""), &[], &environment);
        bank.get("/say?err=hello%0a");
        bank.signal("TERM");
        let began = Instant::now();
        assert_eq!(bank.exit_code(Duration::from_secs(20)), Some(0), "{}", bank.stderr());
        assert!(began.elapsed() < Duration::from_secs(7), "{protocol}: {:?}", began.elapsed());
        let lost = "Warning: the last traces, metrics, logs are lost: the OpenTelemetry collector has not taken them within 5 s\n";
        bank.wait_for_stderr(lost);
        assert_eq!(bank.stderr().matches("Warning").count(), 1, "{protocol}: {}", bank.stderr());
    }
}

#[test]
fn what_finds_no_room_because_the_collector_is_slow_is_reported_as_lost() {
    let collector = Collector::slow(Duration::from_millis(200));
    let endpoint = format!("{}/v1/logs", collector.endpoint);
    let environment = [
        ("OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", &*endpoint),
        ("OTEL_BLRP_MAX_QUEUE_SIZE", "8"),
        ("OTEL_BLRP_MAX_EXPORT_BATCH_SIZE", "8"),
        ("OTEL_BLRP_SCHEDULE_DELAY", "50"),
    ];
    let mut bank = bank_of(&manifest(""), &[], &environment);
    for _ in 0..4 {
        bank.get(&format!("/say?err={}", "x%0a".repeat(200)));
    }
    bank.wait_for_stderr("Warning: logs are lost: the OpenTelemetry collector takes them too slowly");
    bank.signal("TERM");
    assert_eq!(bank.exit_code(Duration::from_secs(20)), Some(0), "{}", bank.stderr());
    let lost = 800 - collector.logs().len();
    bank.wait_for_stderr(&format!("Warning: of the logs, {lost} records are lost: "));
    assert_eq!(bank.stderr().matches("Warning").count(), 2, "{}", bank.stderr());
}

#[test]
fn what_a_collector_refuses_at_the_end_is_reported_as_lost() {
    let nobody = format!("http://127.0.0.1:{}", common::free_port());
    let mut bank = bank_of(&manifest(""), &[], &[("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", &nobody)]);
    bank.get("/body");
    bank.signal("TERM");
    assert_eq!(bank.exit_code(Duration::from_secs(20)), Some(0), "{}", bank.stderr());
    bank.wait_for_stderr("Warning: the last traces are lost: ");
}
