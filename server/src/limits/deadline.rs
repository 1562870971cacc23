//! Deadlines that travel with requests.

use std::time::Duration;

use http::{HeaderMap, HeaderName};
use tokio::time::{Instant, timeout_at};

/// Header with the time that the client still waits for the response, in milliseconds. It is relative, so that clocks need not agree, and proxies
/// pass it on.
pub(crate) const HEADER: HeaderName = HeaderName::from_static("request-timeout-ms");

/// Longest timeout, in milliseconds: an hour. A longer one is cut.
const TIMEOUT_MS_MAX: u64 = 3_600_000;

tokio::task_local! {
    static DEADLINE: Instant;
}

/// Header that is no number of milliseconds from 1.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct InvalidTimeout;

/// Returns how long a client waits. `None` without the header.
pub(crate) fn timeout(headers: &HeaderMap) -> Result<Option<Duration>, InvalidTimeout> {
    let Some(value) = headers.get(HEADER) else {
        return Ok(None);
    };
    let text = value.to_str().ok().filter(|text| !text.starts_with('+'));
    match text.and_then(|text| text.parse::<u64>().ok()) {
        Some(ms @ 1..) => Ok(Some(Duration::from_millis(ms.min(TIMEOUT_MS_MAX)))),
        _ => Err(InvalidTimeout),
    }
}

/// Runs a request until its deadline. `None` if it passed: what the request still did is dropped.
pub(crate) async fn within<T>(timeout: Duration, request: impl Future<Output = T>) -> Option<T> {
    let deadline = Instant::now() + timeout;
    DEADLINE
        .scope(deadline, timeout_at(deadline, request))
        .await
        .ok()
}

/// Returns the time until the deadline of the current request. `None` if it has none.
pub(crate) fn left() -> Option<Duration> {
    DEADLINE
        .try_with(|deadline| deadline.saturating_duration_since(Instant::now()))
        .ok()
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    fn read(value: &str) -> Result<Option<Duration>, InvalidTimeout> {
        let mut headers = HeaderMap::new();
        headers.insert(HEADER, HeaderValue::from_str(value).unwrap());
        timeout(&headers)
    }

    #[test]
    fn reads_header() {
        assert_eq!(timeout(&HeaderMap::new()), Ok(None));
        assert_eq!(read("250"), Ok(Some(Duration::from_millis(250))));
        assert_eq!(read("99999999999"), Ok(Some(Duration::from_secs(3_600))));
        for bad in ["", "0", "-1", "+1", "1.5", "1s", "99999999999999999999999"] {
            assert_eq!(read(bad), Err(InvalidTimeout), "{bad}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn request_knows_its_deadline_and_ends_with_it() {
        assert_eq!(left(), None);
        let second = Duration::from_secs(1);
        let request = async {
            assert_eq!(left(), Some(second));
            tokio::time::sleep(second / 2).await;
            left()
        };
        assert_eq!(within(second, request).await, Some(Some(second / 2)));
        let late = tokio::time::sleep(2 * second);
        assert_eq!(within(second, late).await, None);
    }

    proptest! {
        #[test]
        fn parsing_never_panics(value in "[ -~]{0,30}") {
            let _ = read(&value);
        }
    }
}
