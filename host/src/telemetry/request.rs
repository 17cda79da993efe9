//! A request, from its head to the end of its answer: a span of kind `server`, and its measures.

use super::Telemetry;
use super::meters::COMPONENT;
use http::uri::Scheme;
use http::{HeaderMap, Method, StatusCode};
use opentelemetry::propagation::TextMapPropagator as _;
use opentelemetry::trace::{SpanKind, Status, TraceContextExt as _, Tracer as _};
use opentelemetry::{Context, KeyValue};
use opentelemetry_http::{HeaderExtractor, HeaderInjector};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use std::sync::Arc;
use std::time::Instant;

/// A request that is told of. It ends when it is dropped.
pub struct Exchange {
    telemetry: Arc<Telemetry>,
    trace: Context,
    began: Instant,
    method: &'static str,
    scheme: &'static str,
    goes_to: Option<(Arc<str>, Arc<str>)>,
    status: Option<StatusCode>,
}

impl Exchange {
    /// Begins with the head of a request, and goes on with the trace that its `traceparent` names. None if nobody is
    /// to be told.
    pub fn begin(
        telemetry: &Arc<Telemetry>,
        method: &Method,
        headers: &HeaderMap,
        scheme: &Scheme,
    ) -> Option<Self> {
        if !telemetry.is_on() {
            return None;
        }
        let method = known(method);
        let scheme = if *scheme == Scheme::HTTPS { "https" } else { "http" };
        let parent =
            TraceContextPropagator::new().extract_with_context(&Context::new(), &HeaderExtractor(headers));
        let trace = match &telemetry.tracer {
            None => parent,
            Some(tracer) => {
                let span = tracer.span_builder(method).with_kind(SpanKind::Server);
                let span = tracer.build_with_context(span, &parent);
                parent.with_span(span)
            }
        };
        let exchange = Self {
            telemetry: telemetry.clone(),
            trace,
            began: Instant::now(),
            method,
            scheme,
            goes_to: None,
            status: None,
        };
        exchange.active(1);
        Some(exchange)
    }

    /// It goes to `component` by `route`; its `headers` say of which trace it is.
    pub fn goes_to(&mut self, route: &Arc<str>, component: &Arc<str>, headers: &mut HeaderMap) {
        self.goes_to = Some((route.clone(), component.clone()));
        if let Some(meters) = &self.telemetry.meters {
            let attributes = [
                KeyValue::new("trigger_type", "http"),
                KeyValue::new("app_id", self.telemetry.application.clone()),
                KeyValue::new(COMPONENT, component.clone()),
            ];
            meters.request_count.add(1, &attributes);
        }
        if self.telemetry.tracer.is_some() {
            inject(&self.trace, headers);
        }
    }

    /// What it is a part of, for those who are called for it.
    pub fn trace(&self) -> Context {
        self.trace.clone()
    }

    /// Its answer begins.
    pub fn answered(&mut self, status: StatusCode) {
        self.status = Some(status);
    }

    fn active(&self, change: i64) {
        if let Some(meters) = &self.telemetry.meters {
            let attributes =
                [KeyValue::new("http.request.method", self.method), KeyValue::new("url.scheme", self.scheme)];
            meters.active_requests.add(change, &attributes);
        }
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

impl Drop for Exchange {
    fn drop(&mut self) {
        self.active(-1);
        let attributes = self.outcome();
        if self.telemetry.tracer.is_some() {
            let span = self.trace.span();
            if let Some((route, _)) = &self.goes_to {
                span.update_name(format!("{} {route}", self.method));
            }
            if self.status.is_none_or(|status| status.is_server_error()) {
                span.set_status(Status::error(""));
            }
            span.set_attributes(attributes.iter().cloned());
            span.end();
        }
        if let Some(meters) = &self.telemetry.meters {
            meters.request_duration.record(self.began.elapsed().as_secs_f64(), &attributes);
        }
    }
}

/// Says in `headers` of which `trace` a request is, in place of what they said before.
pub fn inject(trace: &Context, headers: &mut HeaderMap) {
    TraceContextPropagator::new().inject_context(trace, &mut HeaderInjector(headers));
}

/// A method's name, of which there are few: clients can invent others.
pub fn known(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        Method::CONNECT => "CONNECT",
        Method::OPTIONS => "OPTIONS",
        Method::TRACE => "TRACE",
        Method::PATCH => "PATCH",
        _ => "_OTHER",
    }
}
