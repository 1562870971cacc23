//! `Server-Timing` headers of an answer, one a line.

#![no_main]

use http::{HeaderMap, HeaderName, HeaderValue};
use libfuzzer_sys::fuzz_target;
use tenfold_loadgen::fuzzing::timing;

fuzz_target!(|data: &[u8]| {
    let mut headers = HeaderMap::new();
    for line in data.split(|byte| *byte == b'\n') {
        if let Ok(value) = HeaderValue::from_bytes(line) {
            headers.append(HeaderName::from_static("server-timing"), value);
        }
    }
    let Some(metrics) = timing(&headers) else {
        return;
    };
    for (index, (name, ns)) in metrics.iter().enumerate() {
        assert!(!name.is_empty() && name.is_ascii());
        assert!(metrics[..index].iter().all(|(other, _)| other != name));
        // A latency is at most an hour.
        assert!(*ns <= 3_600_000_000_000);
    }
});
