//! The switch of a target's delays: `/debug/delay` at its admin listener.

use std::time::Duration;

use serde::Deserialize;
use serde_json::json;
use ureq::Agent;

use crate::{AdminListener, ProbeError, http};

/// Path of the switch.
const PATH: &str = "/debug/delay";

/// Timeout of a request. An overloaded service answers late.
const TIMEOUT: Duration = Duration::from_secs(3);

/// Longest answer that is read, in bytes.
const BYTES_MAX: u64 = 1 << 18;

/// Most components that are read.
const COMPONENTS_MAX: usize = 64;

/// The switch of a target's delays.
#[derive(Debug, Clone)]
pub struct DelaySwitch {
    client: Agent,
    url: String,
}

/// A component that the target can delay.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct DelayedComponent {
    /// Name.
    pub name: String,
    /// Effect of a delay.
    pub kind: DelayKind,
    /// Metrics in `Server-Timing` that grow if requests queue for it. Empty if the target names none.
    #[serde(default)]
    pub parts: Vec<String>,
    /// Calls during experiments.
    pub calls: u64,
    /// Time of these calls without delays, in microseconds. It may include the wait for a connection or lock, which is short at low load.
    pub busy_us: f64,
}

/// Components that the target can delay.
#[derive(Debug, Clone, PartialEq)]
pub struct DelayedComponents {
    /// The components with their calls so far.
    pub components: Vec<DelayedComponent>,
    /// Longest delay that the target accepts. `None` if it does not say.
    pub delay_max: Option<Duration>,
}

/// Effect of a delay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DelayKind {
    /// Each call uses more CPU time.
    Cpu,
    /// Each call waits, and keeps its connection or lock meanwhile.
    Wait,
}

/// Answer of the switch. Services may add fields.
#[derive(Debug, Deserialize)]
struct Status {
    components: Vec<DelayedComponent>,
    #[serde(default)]
    delay_us_max: Option<f64>,
}

impl DelaySwitch {
    /// Returns the switch of a target. Sends nothing yet.
    pub fn new(listener: &AdminListener) -> Self {
        let at_path = listener.join(PATH);
        Self {
            client: http::client(&at_path, TIMEOUT),
            url: at_path.url().to_owned(),
        }
    }

    /// Returns the components with their calls so far, and the longest delay.
    ///
    /// # Errors
    /// If there was no answer, the target allows no delays, or the answer is malformed.
    pub fn components(&self) -> Result<DelayedComponents, ProbeError> {
        let body = http::get(&self.client, &self.url, TIMEOUT, BYTES_MAX)?.body;
        parse(&body).map_err(|reason| self.malformed(reason))
    }

    /// Delays each call of a component until `lasts` is over, and no other one. A delay of zero only counts calls. `lasts` is rounded up to
    /// whole seconds.
    ///
    /// # Errors
    /// As [`DelaySwitch::components`], and if the target refuses the delay.
    pub fn delay(
        &self,
        component: &str,
        delay: Duration,
        lasts: Duration,
    ) -> Result<(), ProbeError> {
        let wanted = json!({
            "component": component,
            "delay_us": delay.as_nanos() as f64 / 1e3,
            "for_s": lasts.as_nanos().div_ceil(1_000_000_000),
        });
        let request = self.client.put(&self.url);
        let request = request.header("content-type", "application/json");
        let answer = request.send(wanted.to_string());
        http::read(answer, &self.url, TIMEOUT, BYTES_MAX).map(drop)
    }

    /// Ends all delays.
    ///
    /// # Errors
    /// As [`DelaySwitch::components`].
    pub fn clear(&self) -> Result<(), ProbeError> {
        let answer = self.client.delete(&self.url).call();
        http::read(answer, &self.url, TIMEOUT, BYTES_MAX).map(drop)
    }

    fn malformed(&self, reason: String) -> ProbeError {
        ProbeError::NotDelays {
            url: self.url.clone(),
            reason,
        }
    }
}

/// Parses the answer of a target.
fn parse(body: &[u8]) -> Result<DelayedComponents, String> {
    let status: Status = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    let components = status.components;
    if components.is_empty() || components.len() > COMPONENTS_MAX {
        return Err(format!("it must have 1 to {COMPONENTS_MAX} components"));
    }
    for (index, own) in components.iter().enumerate() {
        if own.name.is_empty() || own.name.chars().any(char::is_control) {
            return Err("a component has no printable name".to_owned());
        }
        if components[..index]
            .iter()
            .any(|other| other.name == own.name)
        {
            return Err(format!("it has two components `{}`", own.name));
        }
        if !(own.busy_us.is_finite() && own.busy_us >= 0.0) {
            return Err(format!("`busy_us` of `{}` is not a time", own.name));
        }
    }
    let delay_max = status.delay_us_max.map(|us| {
        let time = Duration::try_from_secs_f64(us / 1e6);
        time.map_err(|error| format!("`delay_us_max` is not a time: {error}"))
    });
    Ok(DelayedComponents {
        components,
        delay_max: delay_max.transpose()?,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const STATUS: &str = r#"{"components": [
        {"name": "cpu", "kind": "cpu", "parts": ["cpu"], "calls": 3, "busy_us": 12.5},
        {"name": "db", "kind": "wait", "calls": 9, "busy_us": 900}
    ], "delay": null, "delay_us_max": 100000, "more": 1}"#;

    #[test]
    fn reads_components_and_ignores_further_fields() {
        let found = parse(STATUS.as_bytes()).unwrap();
        assert_eq!(found.delay_max, Some(Duration::from_millis(100)));
        let components = found.components;
        assert_eq!(components.len(), 2);
        assert_eq!(components[0].kind, DelayKind::Cpu);
        assert_eq!(components[1].parts, Vec::<String>::new());
        assert!((components[1].busy_us - 900.0).abs() < 1e-9);
    }

    #[test]
    fn rejects_answers_without_components() {
        for (from, to, reason) in [
            ("\"db\"", "\"cpu\"", "two components `cpu`"),
            ("\"db\"", "\"\"", "name"),
            ("900", "-1", "`busy_us` of `db`"),
            ("wait", "sleep", "sleep"),
            ("components", "parts", "components"),
            ("100000", "-1", "`delay_us_max`"),
            ("100000", "1e300", "`delay_us_max`"),
        ] {
            let error = parse(STATUS.replacen(from, to, 1).as_bytes()).unwrap_err();
            assert!(error.contains(reason), "{error}");
        }
        assert!(parse(br#"{"components": []}"#).is_err());
        let without = STATUS.replace(r#""delay_us_max": 100000, "#, "");
        assert_eq!(parse(without.as_bytes()).unwrap().delay_max, None);
    }

    proptest! {
        #[test]
        fn accepts_any_bytes(at in 0..200_usize, byte in any::<u8>(), more in any::<Vec<u8>>()) {
            let mut bytes = STATUS.as_bytes().to_vec();
            if let Some(own) = bytes.get_mut(at) {
                *own = byte;
            }
            let _ = parse(&bytes);
            let _ = parse(&more);
        }
    }
}
