//! The burst of requests that most tests send.

/// 40 arrivals in 200 ms, with enough users for one connection each.
pub(crate) const SCENARIO: &str = r#"
version = 1
name = "burst"
seed = 3
[load]
arrivals = "even"
users = 50
timeout = "300ms"
[[phases]]
name = "steady"
kind = "constant"
rate = "200/s"
duration = "200ms"
[[requests]]
name = "get"
kind = "read"
weight = 1
path = "/"
"#;

/// The number of arrivals.
pub(crate) const ARRIVALS: u64 = 40;

/// The burst with another timeout.
pub(crate) fn with_timeout(timeout: &str) -> String {
    SCENARIO.replace("timeout = \"300ms\"", &format!("timeout = \"{timeout}\""))
}
