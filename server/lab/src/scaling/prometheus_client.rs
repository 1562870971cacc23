//! Reads recorded series from Prometheus, over its HTTP interface.

use std::collections::BTreeMap;
use std::io::{self, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use serde::Deserialize;
use tenfold_autoscale::Sample;

use crate::network;

/// Time limit for a connection and the whole answer.
const TIMEOUT: Duration = Duration::from_millis(500);

/// Maximum length of an answer, in bytes.
const BYTES_MAX: usize = 4 << 20;

#[derive(Deserialize)]
struct Document {
    data: Data,
}

#[derive(Deserialize)]
struct Data {
    result: Vec<Series>,
}

#[derive(Deserialize)]
struct Series {
    metric: BTreeMap<String, String>,
    /// Time and value.
    value: (f64, String),
}

/// Returns the current values of all series that the scaling rules record, and the alerts.
///
/// # Errors
/// Returns an error if Prometheus does not answer in time or not as expected.
pub(super) fn recorded(address: SocketAddr) -> io::Result<Vec<Sample>> {
    let deadline = Instant::now() + TIMEOUT;
    let mut stream = TcpStream::connect_timeout(&address, TIMEOUT)?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    // {__name__=~"autoscale:.+|ALERTS"}. By HTTP/1.0, so that the answer is not chunked and ends with the connection.
    let request = format!(
        "GET /api/v1/query?query=%7B__name__%3D~%22autoscale%3A.%2B%7CALERTS%22%7D HTTP/1.0\r\nHost: {address}\r\n\r\n"
    );
    stream.write_all(request.as_bytes())?;
    let answer = network::read_answer(&mut stream, deadline, BYTES_MAX)?;
    samples(&answer)
}

fn samples(answer: &str) -> io::Result<Vec<Sample>> {
    let (head, body) = answer
        .split_once("\r\n\r\n")
        .ok_or_else(|| io::Error::other("the answer has no end of its head"))?;
    let status = head.split_ascii_whitespace().nth(1).unwrap_or_default();
    if status != "200" {
        return Err(io::Error::other(format!("the answer has status {status}")));
    }
    let document: Document = serde_json::from_str(body).map_err(io::Error::other)?;
    let samples = document.data.result.into_iter().filter_map(|mut series| {
        Some(Sample {
            name: series.metric.remove("__name__")?,
            labels: series.metric,
            value: series.value.1.parse().ok()?,
        })
    });
    Ok(samples.collect())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ANSWER: &str = "HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n\
        {\"status\":\"success\",\"data\":{\"resultType\":\"vector\",\"result\":[\
        {\"metric\":{\"__name__\":\"autoscale:wish\",\"group\":\"app\"},\"value\":[1.5,\"3\"]}]}}";

    #[test]
    fn reads_values_and_labels() {
        let samples = samples(ANSWER).unwrap();
        assert_eq!(samples.len(), 1);
        assert_eq!(samples[0].name, "autoscale:wish");
        assert_eq!(samples[0].labels["group"], "app");
        assert_eq!(samples[0].value, 3.0);
    }

    #[test]
    fn refuses_errors() {
        for wrong in [
            "",
            "HTTP/1.0 503 Service Unavailable\r\n\r\n{}",
            "HTTP/1.0 200 OK\r\n\r\n<html>",
        ] {
            assert!(samples(wrong).is_err(), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn reads_or_refuses_any_text(text in ".{0,200}", cut in 0..ANSWER.len()) {
            let _ = samples(&text);
            prop_assert!(samples(&ANSWER[..cut]).is_err());
        }
    }
}
