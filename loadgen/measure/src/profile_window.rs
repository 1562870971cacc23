//! The part of a run that is profiled.

use std::time::Duration;

use tenfold_scenarios::Scenario;

/// Longest time that is profiled, in seconds.
const PROFILE_S_MAX: u64 = 10;

/// Time at either end of a phase that is not profiled.
const PROFILE_MARGIN: Duration = Duration::from_millis(500);

/// Part of a run that is profiled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Window {
    /// Start, since the start of the run.
    pub(crate) from: Duration,
    /// Length, in seconds.
    pub(crate) seconds: u64,
}

impl Window {
    /// Returns the middle of the phase that the scenario marks for profiling. `None` if no phase is marked,
    /// or the marked one is too short.
    pub(crate) fn of(scenario: &Scenario) -> Option<Self> {
        let phase = scenario.phases.iter().find(|phase| phase.profiled)?;
        let seconds = phase.duration.saturating_sub(PROFILE_MARGIN * 2).as_secs();
        let seconds = seconds.min(PROFILE_S_MAX);
        let from = phase.start + (phase.duration - Duration::from_secs(seconds)) / 2;
        (seconds > 0).then_some(Self { from, seconds })
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn window(duration: &str) -> Option<Window> {
        let text = format!(
            r#"
            version = 1
            name = "profiled"
            phases = [
                {{ name = "warm", kind = "constant", rate = "10/s", duration = "4s", warm_up = true }},
                {{ name = "steady", kind = "constant", rate = "10/s", duration = "{duration}" }},
            ]
            requests = [{{ name = "read", kind = "read", weight = 1, path = "/" }}]
            "#
        );
        Window::of(&Scenario::parse(&text, Path::new("profiled.toml")).unwrap())
    }

    #[test]
    fn profiles_the_middle_of_the_phase() {
        let middle = |from_ms, seconds| {
            Some(Window {
                from: Duration::from_millis(from_ms),
                seconds,
            })
        };
        assert_eq!(window("60s"), middle(29_000, 10));
        assert_eq!(window("4s"), middle(4_500, 3));
        assert_eq!(window("1s"), None);
    }
}
