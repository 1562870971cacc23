//! Time and settings of a run's CPU profile.

use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tenfold_probe::profile::{self, Captured};
use tenfold_probe::{AdminListener, ProbeError};
use tenfold_scenarios::Scenario;

/// Samples per CPU second. A prime, so that no periodic work aligns with the samples.
const PROFILE_HZ: u32 = 99;

/// Longest time that is profiled, in seconds.
const PROFILE_S_MAX: u64 = 10;

/// Time at either end of a phase that is not profiled.
const PROFILE_MARGIN: Duration = Duration::from_millis(500);

/// A CPU profile being taken on a thread of its own.
pub(crate) type Profiling = JoinHandle<Result<Captured, ProbeError>>;

/// Part of a run that is profiled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Window {
    from: Duration,
    seconds: u64,
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

    /// Takes the profile on a thread of its own once the run, which starts at `start`, reaches the window.
    pub(crate) fn profile(self, admin: AdminListener, start: Instant) -> Profiling {
        std::thread::spawn(move || {
            std::thread::sleep((start + self.from).saturating_duration_since(Instant::now()));
            profile::capture(&admin, self.seconds, PROFILE_HZ, start)
        })
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
