//! Sampled requests as spans of OTLP.
//!
//! A request is a span from its intended time to its last byte. Each of its exchanges is a client span below that, with the
//! id that its `traceparent` had, so that the spans of the service are its children.

use tenfold_loadgen::{ExchangeSpan, RequestSpan};

use crate::otlp::messages::{
    ExportTraces, KIND_CLIENT, KIND_INTERNAL, KeyValue, Resource, ResourceSpans, STATUS_ERROR,
    ScopeSpans, Span, Status, Value,
};
use crate::otlp::scope;
use crate::publisher::{RequestDescription, Snapshot};

/// A message with the spans of some requests.
pub(super) fn message<'a>(
    requests: impl Iterator<Item = &'a RequestSpan>,
    snapshot: &Snapshot<'_>,
    resource: Resource,
) -> ExportTraces {
    let spans = requests.flat_map(|request| spans_of(request, snapshot));
    ExportTraces {
        resource_spans: vec![ResourceSpans {
            resource: Some(resource),
            scope_spans: vec![ScopeSpans {
                scope: Some(scope()),
                spans: spans.collect(),
            }],
        }],
    }
}

fn spans_of(request: &RequestSpan, snapshot: &Snapshot<'_>) -> Vec<Span> {
    let unknown = RequestDescription::default();
    let described = snapshot.description.requests.get(request.request);
    let described = described.unwrap_or(&unknown);
    let phase = snapshot.description.phases.get(request.phase);
    let lag = request
        .sent_ns
        .saturating_sub(request.intended_ns)
        .saturating_sub(request.blocked_ns.unwrap_or(0));
    let mut attributes = vec![
        KeyValue::text("tenfold.request", &described.name),
        KeyValue::text("tenfold.phase", phase.map_or("", String::as_str)),
        KeyValue::new("tenfold.lag", Value::Number(lag as f64 / 1e9)),
    ];
    if let Some(blocked) = request.blocked_ns {
        let seconds = Value::Number(blocked as f64 / 1e9);
        attributes.push(KeyValue::new("tenfold.blocked", seconds));
    }
    let failure = request.failure.map(|failure| failure.name());
    if let Some(class) = failure {
        attributes.push(KeyValue::text("error.type", class));
    }
    let whole = Span {
        trace_id: request.trace_id.to_be_bytes().to_vec(),
        span_id: request.span_id.to_be_bytes().to_vec(),
        parent_span_id: Vec::new(),
        name: described.name.clone(),
        kind: KIND_INTERNAL,
        start_time_unix_nano: snapshot.unix_ns(request.intended_ns),
        end_time_unix_nano: snapshot.unix_ns(request.done_ns),
        attributes,
        status: failure.map(failed),
    };
    let last = request.exchanges.len().saturating_sub(1);
    let exchanges = request.exchanges.iter().enumerate().map(|(number, own)| {
        // Only the last exchange decides whether the request failed.
        let failure = failure.filter(|_| number == last);
        exchange(request, own, described, failure, snapshot)
    });
    std::iter::once(whole).chain(exchanges).collect()
}

fn exchange(
    request: &RequestSpan,
    own: &ExchangeSpan,
    described: &RequestDescription,
    failure: Option<&str>,
    snapshot: &Snapshot<'_>,
) -> Span {
    let mut attributes = vec![
        KeyValue::text("http.request.method", &described.method),
        KeyValue::text("tenfold.request", &described.name),
    ];
    if let Some(status) = own.status {
        let status = Value::Integer(i64::from(status));
        attributes.push(KeyValue::new("http.response.status_code", status));
    }
    if let Some(class) = failure {
        attributes.push(KeyValue::text("error.type", class));
    }
    Span {
        trace_id: request.trace_id.to_be_bytes().to_vec(),
        span_id: own.span_id.to_be_bytes().to_vec(),
        parent_span_id: request.span_id.to_be_bytes().to_vec(),
        name: format!("{} {}", described.method, described.name),
        kind: KIND_CLIENT,
        start_time_unix_nano: snapshot.unix_ns(own.begun_ns),
        end_time_unix_nano: snapshot.unix_ns(own.done_ns.unwrap_or(request.done_ns)),
        attributes,
        status: failure.map(failed),
    }
}

fn failed(class: &str) -> Status {
    Status {
        message: class.to_owned(),
        code: STATUS_ERROR,
    }
}
