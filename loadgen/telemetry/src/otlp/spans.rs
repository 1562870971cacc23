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
use crate::snapshot::{RequestDescription, Snapshot};

/// The first number that is not a status of gRPC.
const GRPC_STATUS_END: u16 = 17;

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
    // The status of a call is in its trailers, and no longer that of HTTP.
    if let Some(status @ 0..GRPC_STATUS_END) = request.status
        && own.done_ns.is_some()
    {
        attributes.push(KeyValue::text("rpc.system", "grpc"));
        let status = Value::Integer(i64::from(status));
        attributes.push(KeyValue::new("rpc.grpc.status_code", status));
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

#[cfg(test)]
mod tests {
    use tenfold_loadgen::Failure;

    use super::*;
    use crate::snapshot::Description;

    fn spans(request: &RequestSpan) -> Vec<Span> {
        let description = Description {
            instance: "here:run".to_owned(),
            host: "here".to_owned(),
            scenario: "uneven".to_owned(),
            target: "http://127.0.0.1".to_owned(),
            phases: vec!["steady".to_owned()],
            requests: vec![RequestDescription {
                name: "read post".to_owned(),
                method: "GET".to_owned(),
            }],
        };
        let snapshot = Snapshot {
            description: &description,
            families: Vec::new(),
            at_ns: 0,
            start_unix_ns: 1_000,
            is_last: false,
        };
        spans_of(request, &snapshot)
    }

    fn text(span: &Span, key: &str) -> Option<Value> {
        let found = span.attributes.iter().find(|own| own.key == key)?;
        found.value.clone()?.value
    }

    #[test]
    fn each_exchange_is_a_child_span() {
        let exchange = |span_id, begun_ns, done_ns, status| ExchangeSpan {
            span_id,
            begun_ns,
            done_ns,
            status,
        };
        let all = spans(&RequestSpan {
            phase: 0,
            request: 0,
            trace_id: 1,
            span_id: 2,
            intended_ns: 10,
            blocked_ns: Some(20),
            sent_ns: 35,
            done_ns: 90,
            status: None,
            failure: Some(Failure::Timeout),
            exchanges: vec![
                exchange(3, 36, Some(50), Some(302)),
                exchange(4, 51, None, None),
            ],
        });
        let [whole, first, second] = all.as_slice() else {
            panic!("three spans: {all:#?}");
        };
        assert_eq!(
            (whole.start_time_unix_nano, whole.end_time_unix_nano),
            (1_010, 1_090)
        );
        assert_eq!(text(whole, "tenfold.lag"), Some(Value::Number(5e-9)));
        assert_eq!(text(whole, "tenfold.blocked"), Some(Value::Number(20e-9)));
        let failed = Some(Value::Text("timeout".to_owned()));
        assert_eq!(text(whole, "error.type"), failed);
        assert_eq!(text(first, "error.type"), None, "the redirect succeeded");
        assert_eq!(text(second, "error.type"), failed);
        assert_eq!(
            text(first, "http.response.status_code"),
            Some(Value::Integer(302))
        );
        assert_eq!(
            (second.start_time_unix_nano, second.end_time_unix_nano),
            (1_051, 1_090),
            "it ended with the request"
        );
        for exchange in [first, second] {
            assert_eq!(exchange.parent_span_id, 2_u64.to_be_bytes());
            assert_eq!(exchange.trace_id, 1_u128.to_be_bytes());
            assert_eq!(
                (exchange.kind, exchange.name.as_str()),
                (KIND_CLIENT, "GET read post")
            );
        }
    }

    #[test]
    fn call_has_both_statuses() {
        let all = spans(&RequestSpan {
            phase: 0,
            request: 0,
            trace_id: 1,
            span_id: 2,
            intended_ns: 0,
            blocked_ns: None,
            sent_ns: 0,
            done_ns: 9,
            status: Some(14),
            failure: Some(Failure::UnexpectedStatus),
            exchanges: vec![ExchangeSpan {
                span_id: 3,
                begun_ns: 1,
                done_ns: Some(9),
                status: Some(200),
            }],
        });
        let status = |key| text(&all[1], key);
        assert_eq!(
            status("http.response.status_code"),
            Some(Value::Integer(200))
        );
        assert_eq!(status("rpc.grpc.status_code"), Some(Value::Integer(14)));
    }

    #[test]
    fn request_of_a_later_scenario_has_no_name() {
        let all = spans(&RequestSpan {
            phase: 9,
            request: 9,
            trace_id: 1,
            span_id: 2,
            intended_ns: 0,
            blocked_ns: None,
            sent_ns: 0,
            done_ns: 1,
            status: Some(200),
            failure: None,
            exchanges: Vec::new(),
        });
        assert_eq!((all.len(), all[0].name.as_str()), (1, ""));
        assert_eq!(all[0].status, None);
    }
}
