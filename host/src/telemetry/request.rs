//! A request, from its head to the end of its answer: a span of kind `server`, and metrics.

use super::Telemetry;
use super::meters::COMPONENT;
use http::uri::Scheme;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use opentelemetry::propagation::TextMapPropagator as _;
use opentelemetry::trace::{
    Span as _, SpanContext, SpanKind, Status, TraceContextExt as _, TraceState, Tracer as _,
};
use opentelemetry::{Context, KeyValue};
use opentelemetry_http::HeaderExtractor;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::Span;
use std::sync::Arc;
use std::time::Instant;

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// A recorded request. It ends when this is dropped. It is boxed because a span is some hundred bytes, and answers
/// are moved often.
pub struct RecordedRequest {
    telemetry: Arc<Telemetry>,
    span: Option<Span>,
    trace: Context,
    began: Instant,
    method: &'static str,
    scheme: &'static str,
    goes_to: Option<(Arc<str>, Arc<str>)>,
    status: Option<StatusCode>,
}

impl RecordedRequest {
    /// Begins with the head of a request, and continues the trace of its `traceparent`. `None` if telemetry is off.
    pub fn begin(
        telemetry: &Arc<Telemetry>,
        method: &Method,
        headers: &HeaderMap,
        scheme: &Scheme,
    ) -> Option<Box<Self>> {
        if !telemetry.is_on() {
            return None;
        }
        let method = eventlog::method(method.as_str());
        let scheme = if *scheme == Scheme::HTTPS { "https" } else { "http" };
        let parent = parent(headers);
        let span = telemetry.tracer.as_ref().map(|tracer| {
            let span = tracer.span_builder(method).with_kind(SpanKind::Server);
            tracer.build_with_context(span, &parent)
        });
        let trace = span.as_ref().map_or(parent, |span| within(span.span_context()));
        let recorded = Box::new(Self {
            telemetry: telemetry.clone(),
            span,
            trace,
            began: Instant::now(),
            method,
            scheme,
            goes_to: None,
            status: None,
        });
        if let Some(meters) = &telemetry.meters {
            meters.active_requests.begin(method, scheme);
        }
        Some(recorded)
    }

    /// Notes that it goes to `component` by `route`; `headers` get its trace.
    pub fn note_component(&mut self, route: &Arc<str>, component: &Arc<str>, headers: &mut HeaderMap) {
        self.goes_to = Some((route.clone(), component.clone()));
        if let Some(meters) = &self.telemetry.meters {
            meters.requests.count(component);
        }
        if let Some(span) = &self.span {
            inject(span.span_context(), headers);
        }
    }

    /// The trace for calls that are made for this request.
    pub fn trace(&self) -> Context {
        self.trace.clone()
    }

    /// Notes that its answer begins.
    pub fn note_answer(&mut self, status: StatusCode) {
        self.status = Some(status);
    }

    /// What is known at its end.
    fn outcome(&self) -> Vec<KeyValue> {
        let mut attributes = Vec::with_capacity(6);
        attributes.push(KeyValue::new("http.request.method", self.method));
        attributes.push(KeyValue::new("url.scheme", self.scheme));
        if let Some((route, component)) = &self.goes_to {
            attributes.push(KeyValue::new("http.route", route.clone()));
            attributes.push(KeyValue::new(COMPONENT, component.clone()));
        }
        match self.status {
            Some(status) => {
                attributes.push(KeyValue::new("http.response.status_code", i64::from(status.as_u16())));
                if status.is_server_error() {
                    attributes.push(KeyValue::new("error.type", status.as_str().to_owned()));
                }
            }
            None => attributes.push(KeyValue::new("error.type", "client_gone")),
        }
        attributes
    }
}

impl Drop for RecordedRequest {
    fn drop(&mut self) {
        let attributes = self.outcome();
        if let Some(meters) = &self.telemetry.meters {
            meters.active_requests.end(self.method, self.scheme);
            meters.request_duration.record(self.began.elapsed().as_secs_f64(), &attributes);
        }
        if let Some(span) = &mut self.span {
            if let Some((route, _)) = &self.goes_to {
                span.update_name([self.method, route].join(" "));
            }
            if self.status.is_none_or(|status| status.is_server_error()) {
                span.set_status(Status::error(""));
            }
            span.set_attributes(attributes);
            span.end();
        }
    }
}

/// What is below this span.
pub fn within(span: &SpanContext) -> Context {
    // The span itself says whether it is remote.
    Context::new().with_remote_span_context(span.clone())
}

/// The trace in `headers` (W3C Trace Context, section 3.2); an empty one, if there is none.
///
/// `tracestate` is dropped, as section 3.3 allows: a client may write anything into it, and it would be sent on.
fn parent(headers: &HeaderMap) -> Context {
    if !headers.contains_key(TRACEPARENT) {
        return Context::new();
    }
    let named =
        TraceContextPropagator::new().extract_with_context(&Context::new(), &HeaderExtractor(headers));
    let of = named.span().span_context().clone();
    let plain = SpanContext::new(of.trace_id(), of.span_id(), of.trace_flags(), true, TraceState::NONE);
    within(&plain)
}

/// Replaces the trace in `headers` by `span`, as the parent of the request (W3C Trace Context, section 3.2).
pub fn inject(span: &SpanContext, headers: &mut HeaderMap) {
    if !span.is_valid() {
        return;
    }
    if let Ok(value) = HeaderValue::try_from(traceparent(span)) {
        headers.insert(TRACEPARENT, value);
    }
    headers.remove(TRACESTATE);
}

/// The value of `traceparent`: version, trace, span, flags. Every request has one, and a formatter would take most of
/// its time.
fn traceparent(span: &SpanContext) -> String {
    let mut value = String::with_capacity("00-0123456789abcdef0123456789abcdef-0123456789abcdef-01".len());
    value.push_str("00");
    let (trace, id) = (span.trace_id().to_bytes(), span.span_id().to_bytes());
    for part in [&trace[..], &id, &[u8::from(span.is_sampled())]] {
        value.push('-');
        for byte in part {
            value.extend(
                [byte >> 4, byte & 0xf].into_iter().filter_map(|digit| char::from_digit(digit.into(), 16)),
            );
        }
    }
    value
}
