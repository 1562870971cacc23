//! `/debug/delay`: the switch of the delays.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::response::{IntoResponse, Response};
use http::header::CONTENT_TYPE;
use serde::{Deserialize, Serialize};

use crate::delays::{self, Component, DELAY_MAX, Delays, Kind, LASTS_MAX};
use crate::problem::Problem;

/// Time until an experiment ends by itself, unless the request names another.
const LASTS: Duration = Duration::from_secs(10);

/// Body of `PUT /debug/delay`.
#[derive(Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    /// Name of a component.
    component: String,
    /// Delay of each of its calls, in microseconds. 0 only counts calls.
    delay_us: f64,
    /// Seconds until the experiment ends by itself.
    #[serde(default = "lasts_s")]
    for_s: u64,
}

fn lasts_s() -> u64 {
    LASTS.as_secs()
}

/// State of the delays.
#[derive(Debug, Serialize)]
struct Status {
    components: Vec<ComponentStatus>,
    /// `None` if no experiment is in progress.
    delay: Option<ExperimentStatus>,
    delay_us_max: u128,
    for_s_max: u64,
}

#[derive(Debug, Serialize)]
struct ComponentStatus {
    name: &'static str,
    kind: Kind,
    parts: &'static [&'static str],
    calls: u64,
    busy_us: u128,
}

#[derive(Debug, Serialize)]
struct ExperimentStatus {
    component: &'static str,
    delay_us: f64,
    ends_in_ms: u128,
}

/// Responds with the components and the experiment in progress.
pub(super) fn show(delays: Option<&Arc<Delays>>) -> Result<Response, Problem> {
    let delays = allowed(delays)?;
    let components = Component::ALL.into_iter().map(|component| {
        let calls = delays.calls(component);
        let busy = match component {
            Component::Cpu => delays::process_cpu_time(),
            _ => calls.busy,
        };
        ComponentStatus {
            name: component.name(),
            kind: component.kind(),
            parts: component.parts(),
            calls: calls.count,
            busy_us: busy.as_micros(),
        }
    });
    let status = Status {
        components: components.collect(),
        delay: delays.experiment().map(|own| ExperimentStatus {
            component: own.component.name(),
            delay_us: own.delay.as_nanos() as f64 / 1e3,
            ends_in_ms: own.ends_in.as_millis(),
        }),
        delay_us_max: DELAY_MAX.as_micros(),
        for_s_max: LASTS_MAX.as_secs(),
    };
    let body = serde_json::to_vec(&status).map_err(|error| {
        tracing::error!(%error, "could not serialise the delays");
        Problem::internal()
    })?;
    Ok(([(CONTENT_TYPE, "application/json")], body).into_response())
}

/// Starts an experiment, instead of any other.
pub(super) fn start(delays: Option<&Arc<Delays>>, body: &Bytes) -> Result<Response, Problem> {
    let running = allowed(delays)?;
    let (component, delay, lasts) = parse(body).map_err(Problem::unprocessable)?;
    running.start(component, delay, lasts);
    tracing::info!(
        component = component.name(),
        ?delay,
        ?lasts,
        "delaying calls"
    );
    show(delays)
}

/// Ends the experiment.
pub(super) fn stop(delays: Option<&Arc<Delays>>) -> Result<Response, Problem> {
    allowed(delays)?.stop();
    show(delays)
}

fn allowed(delays: Option<&Arc<Delays>>) -> Result<&Arc<Delays>, Problem> {
    delays.ok_or_else(|| {
        Problem::forbidden("delays are not allowed; start the service with --allow-delays")
    })
}

/// Parses the body of `PUT`.
fn parse(body: &[u8]) -> Result<(Component, Duration, Duration), String> {
    let wanted: Wanted = serde_json::from_slice(body).map_err(|error| {
        format!("invalid JSON: {error}; send {{\"component\":\"store.point\",\"delay_us\":2000}}")
    })?;
    let component = Component::of_name(&wanted.component).ok_or_else(|| {
        let names = Component::ALL.map(Component::name).join(", ");
        format!("`component` must be one of {names}")
    })?;
    let delay_us_max = DELAY_MAX.as_micros() as f64;
    if !(0.0..=delay_us_max).contains(&wanted.delay_us) {
        return Err(format!("`delay_us` must be 0 to {delay_us_max}"));
    }
    let delay = Duration::from_nanos((wanted.delay_us * 1e3) as u64);
    let lasts = Duration::from_secs(wanted.for_s);
    if lasts.is_zero() || lasts > LASTS_MAX {
        return Err(format!("`for_s` must be 1 to {}", LASTS_MAX.as_secs()));
    }
    Ok((component, delay, lasts))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn parses_within_bounds() {
        let (component, delay, lasts) =
            parse(br#"{"component":"store.point","delay_us":2000}"#).unwrap();
        assert_eq!(component, Component::StorePoint);
        assert_eq!(delay, Duration::from_millis(2));
        assert_eq!(lasts, LASTS);
        for (bad, named) in [
            (r#"{"component":"disk","delay_us":1}"#, "store.write"),
            (r#"{"component":"cache","delay_us":100001}"#, "`delay_us`"),
            (r#"{"component":"cache","delay_us":-1}"#, "delay_us"),
            (r#"{"component":"cache","delay_us":1e400}"#, "JSON"),
            (r#"{"component":"cache","delay_us":1,"for_s":0}"#, "`for_s`"),
            (
                r#"{"component":"cache","delay_us":1,"for_s":61}"#,
                "`for_s`",
            ),
            (r#"{"component":"cache","delay_us":1,"every":2}"#, "every"),
            ("", "JSON"),
        ] {
            let error = parse(bad.as_bytes()).unwrap_err();
            assert!(error.contains(named), "{bad}: {error}");
        }
    }

    proptest! {
        #[test]
        fn accepts_any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            let _ = parse(&bytes);
        }
    }
}
