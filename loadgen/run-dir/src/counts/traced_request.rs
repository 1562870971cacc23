//! Requests whose trace id is kept: part of `counts.json`.

use serde::{Deserialize, Serialize};

/// Most slow requests that are kept of each request.
const SLOWEST_MAX: usize = 5;

/// Most failed requests that are kept of each request and class.
const FAILED_MAX: usize = 3;

/// A request whose trace id is kept, to find it in the traces of the service: one of the slowest, or failed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TracedRequest {
    /// Index into the manifest's requests.
    pub request: usize,
    /// Trace id, 32 hexadecimal digits.
    pub trace_id: String,
    /// `true` if the service was asked to record the trace.
    pub sampled: bool,
    /// End of the request, in nanoseconds since the start of the run.
    pub at_ns: u64,
    /// Response time.
    pub response_ns: u64,
    /// Service time.
    pub service_ns: u64,
    /// Status. `None` without a complete response.
    pub status: Option<u16>,
    /// Class of the failure. `None` if the request completed.
    pub failure: Option<String>,
}

/// Keeps the slowest completed requests, and the first failed ones of each class, of each request. Sorts them by
/// request; completed before failed, the slowest first.
pub fn keep_notable(traces: &mut Vec<TracedRequest>) {
    traces.sort_by(|one, other| {
        let group = |trace: &TracedRequest| (trace.request, trace.failure.clone());
        let order = |trace: &TracedRequest| match trace.failure {
            None => (u64::MAX - trace.response_ns, trace.at_ns),
            Some(_) => (trace.at_ns, 0),
        };
        (group(one), order(one)).cmp(&(group(other), order(other)))
    });
    let mut last: Option<(usize, Option<String>)> = None;
    let mut kept = 0;
    traces.retain(|trace| {
        let group = (trace.request, trace.failure.clone());
        if last.as_ref() != Some(&group) {
            last = Some(group);
            kept = 0;
        }
        kept += 1;
        match trace.failure {
            None => kept <= SLOWEST_MAX,
            Some(_) => kept <= FAILED_MAX,
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_slowest_and_first_failures_of_each_request() {
        let trace = |request, response_ns, at_ns, failure: Option<&str>| TracedRequest {
            request,
            response_ns,
            at_ns,
            failure: failure.map(str::to_owned),
            ..TracedRequest::default()
        };
        let mut traces: Vec<TracedRequest> = (0..20)
            .flat_map(|n| {
                [
                    trace(0, n, n, None),
                    trace(1, n, n, Some("timeout")),
                    trace(1, n, n, Some("tls")),
                ]
            })
            .collect();
        keep_notable(&mut traces);
        let slowest: Vec<u64> = traces
            .iter()
            .filter(|t| t.request == 0)
            .map(|t| t.response_ns)
            .collect();
        assert_eq!(slowest, [19, 18, 17, 16, 15]);
        let failed: Vec<_> = traces
            .iter()
            .filter(|t| t.request == 1)
            .map(|t| (t.failure.as_deref().unwrap(), t.at_ns))
            .collect();
        assert_eq!(
            failed,
            [
                ("timeout", 0),
                ("timeout", 1),
                ("timeout", 2),
                ("tls", 0),
                ("tls", 1),
                ("tls", 2)
            ]
        );
    }
}
