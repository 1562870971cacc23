//! Preview of a scenario's load.

use std::fmt;
use std::time::Duration;

use crate::format::units::format_duration;
use crate::load::Model;
use crate::request::Kind;
use crate::scenario::Scenario;

/// Preview of a scenario's load.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Preview {
    /// Name of the scenario.
    pub scenario: String,
    /// Seed for which the counts hold.
    pub seed: u64,
    /// Load model.
    pub model: Model,
    /// True if the counts are exact; otherwise they are expected values, because the schedule is too
    /// long to walk.
    pub exact: bool,
    /// Phases, in order.
    pub phases: Vec<PhasePreview>,
    /// Requests, in the scenario's order.
    pub requests: Vec<RequestPreview>,
    /// Number of counted reads.
    pub reads: u64,
    /// Number of counted writes.
    pub writes: u64,
    /// Mean rate of counted arrivals; `None` in a closed model.
    pub mean_rate_per_s: Option<f64>,
    /// Maximum rate of the curve in counted phases; `None` without a curve.
    pub peak_rate_per_s: Option<f64>,
    /// Skew of the keys.
    pub key_spaces: Vec<KeySpacePreview>,
    /// Number of sessions logged in before the first arrival; not counted.
    pub sessions: u64,
    /// Rules, as written.
    pub rules: Vec<String>,
    /// Closed model: number of users.
    pub users: u32,
    /// Journeys, by name and share.
    pub journeys: Vec<(String, f64)>,
}

/// Preview of a phase.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct PhasePreview {
    /// Name of the phase.
    pub name: String,
    /// True if its requests are sent but not counted.
    pub warm_up: bool,
    /// Duration.
    pub duration_s: f64,
    /// Number of arrivals.
    pub arrivals: u64,
    /// Mean rate of arrivals.
    pub mean_rate_per_s: f64,
    /// Maximum rate of its curve.
    pub peak_rate_per_s: Option<f64>,
    /// Number of arrivals by request, in the scenario's order.
    pub by_request: Vec<u64>,
}

/// Preview of a request.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct RequestPreview {
    /// Name of the request.
    pub name: String,
    /// Kind: read or write.
    pub kind: Kind,
    /// Number of counted arrivals.
    pub counted: u64,
    /// Number of all arrivals, including warm-up.
    pub arrivals: u64,
}

/// Skew of the keys, computed from their popularity.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct KeySpacePreview {
    /// Name of the key space.
    pub name: String,
    /// Number of keys.
    pub keys: u64,
    /// Time of the run, in seconds.
    pub at_s: f64,
    /// Share of the most popular key.
    pub top_1: Option<f64>,
    /// Share of the 10 most popular keys.
    pub top_10: Option<f64>,
    /// Share of the 100 most popular keys.
    pub top_100: Option<f64>,
    /// Share of the most popular 1% of the keys.
    pub top_percent: Option<f64>,
}

/// Maximum number of arrivals to count exactly; more would take too long for a preview.
const EXACT_ARRIVALS_MAX: f64 = 50e6;

/// Returns the preview of a scenario. Walks its schedule without sending anything.
pub fn preview(scenario: &Scenario) -> Preview {
    let expected: f64 = scenario
        .phases
        .iter()
        .map(|phase| phase.expected_arrivals())
        .sum();
    let exact = scenario.load.model == Model::Open && expected <= EXACT_ARRIVALS_MAX;
    let counts = if exact {
        walked(scenario)
    } else {
        expected_counts(scenario)
    };
    let phases: Vec<PhasePreview> = scenario
        .phases
        .iter()
        .zip(counts)
        .map(|(phase, by_request)| {
            let arrivals: u64 = by_request.iter().sum();
            PhasePreview {
                name: phase.name.clone(),
                warm_up: phase.warm_up,
                duration_s: phase.duration.as_secs_f64(),
                arrivals,
                mean_rate_per_s: arrivals as f64 / phase.duration.as_secs_f64(),
                peak_rate_per_s: phase.peak_rate(),
                by_request,
            }
        })
        .collect();
    let sum = |index: usize, all: bool| {
        phases
            .iter()
            .filter(|phase| all || !phase.warm_up)
            .map(|phase| phase.by_request[index])
            .sum()
    };
    let requests: Vec<RequestPreview> = scenario
        .requests
        .iter()
        .enumerate()
        .map(|(index, request)| RequestPreview {
            name: request.name.clone(),
            kind: request.kind,
            counted: sum(index, false),
            arrivals: sum(index, true),
        })
        .collect();
    let of_kind = |kind: Kind| {
        requests
            .iter()
            .filter(|request| request.kind == kind)
            .map(|request| request.counted)
            .sum()
    };
    let (reads, writes): (u64, u64) = (of_kind(Kind::Read), of_kind(Kind::Write));
    let counted = phases.iter().filter(|phase| !phase.warm_up);
    let peak_rate_per_s = counted
        .filter_map(|phase| phase.peak_rate_per_s)
        .reduce(f64::max);
    let open = scenario.load.model == Model::Open;
    let weight: f64 = scenario.journeys.iter().map(|journey| journey.weight).sum();
    let journeys = scenario.journeys.iter();
    Preview {
        scenario: scenario.name.clone(),
        seed: scenario.seed,
        model: scenario.load.model,
        exact,
        reads,
        writes,
        mean_rate_per_s: open
            .then(|| (reads + writes) as f64 / scenario.counted_duration().as_secs_f64()),
        peak_rate_per_s,
        phases,
        requests,
        key_spaces: key_spaces(scenario),
        rules: scenario
            .rules
            .iter()
            .map(|rule| rule.text.clone())
            .collect(),
        users: scenario.load.users,
        sessions: scenario
            .sessions
            .as_ref()
            .map_or(0, |sessions| sessions.count),
        journeys: journeys
            .map(|journey| (journey.name.clone(), journey.weight / weight))
            .collect(),
    }
}

fn walked(scenario: &Scenario) -> Vec<Vec<u64>> {
    let mut counts = vec![vec![0; scenario.requests.len()]; scenario.phases.len()];
    for arrival in scenario.schedule() {
        counts[arrival.phase][arrival.draw.request] += 1;
    }
    counts
}

fn expected_counts(scenario: &Scenario) -> Vec<Vec<u64>> {
    if scenario.journeys_arrive() {
        return expected_journeys(scenario);
    }
    let total: f64 = scenario.requests.iter().map(|request| request.weight).sum();
    let share = |weight: f64| if total > 0.0 { weight / total } else { 0.0 };
    let phases = scenario.phases.iter();
    phases
        .map(|phase| {
            let arrivals = phase.expected_arrivals();
            let requests = scenario.requests.iter();
            requests
                .map(|request| (arrivals * share(request.weight)).round() as u64)
                .collect()
        })
        .collect()
}

/// Counts each arrival as the first request written in its journey.
fn expected_journeys(scenario: &Scenario) -> Vec<Vec<u64>> {
    let total: f64 = scenario.journeys.iter().map(|journey| journey.weight).sum();
    let of_phase = |arrivals: f64| {
        let mut counts = vec![0; scenario.requests.len()];
        for journey in &scenario.journeys {
            if let Some(request) = journey.requests().first() {
                counts[*request] += (arrivals * journey.weight / total).round() as u64;
            }
        }
        counts
    };
    let phases = scenario.phases.iter();
    phases
        .map(|phase| of_phase(phase.expected_arrivals()))
        .collect()
}

fn key_spaces(scenario: &Scenario) -> Vec<KeySpacePreview> {
    use crate::key_space::popularity::Popularity;
    let mut previews = Vec::new();
    for space in scenario.key_spaces.iter().chain([&scenario.user_space]) {
        let crowd = match &space.popularity {
            Popularity::FlashCrowd(crowd) => Some(crowd.at),
            _ => None,
        };
        for at in std::iter::once(Duration::ZERO).chain(crowd) {
            previews.push(KeySpacePreview {
                name: space.name.clone(),
                keys: space.count,
                at_s: at.as_secs_f64(),
                top_1: space.share_of_top(1, at),
                top_10: space.share_of_top(10, at),
                top_100: space.share_of_top(100, at),
                top_percent: space.share_of_top((space.count / 100).max(1), at),
            });
        }
    }
    previews
}

/// Time to a whole second, or a shorter one to a whole millisecond.
fn rounded(seconds: f64) -> Duration {
    let scale = if seconds < 60.0 { 1e3 } else { 1.0 };
    Duration::from_secs_f64((seconds * scale).round() / scale)
}

impl fmt::Display for Preview {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} (seed {})", self.scenario, self.seed)?;
        if self.model == Model::Closed {
            writeln!(
                f,
                "  {} users; each waits for a response, thinks, then sends the next request",
                self.users
            )?;
        } else if !self.journeys.is_empty() {
            writeln!(
                f,
                "  each arrival starts a journey; only its first request is counted here"
            )?;
        } else if !self.exact {
            writeln!(
                f,
                "  counts are expected values, because the schedule is too long to walk"
            )?;
        }
        for (name, share) in &self.journeys {
            writeln!(f, "  journey {name}: {:.1}% of all journeys", share * 100.0)?;
        }
        let width = self.phases.iter().map(|phase| phase.name.chars().count());
        let names = self
            .requests
            .iter()
            .map(|request| request.name.chars().count());
        let spaces = self
            .key_spaces
            .iter()
            .map(|space| space.name.chars().count() + 10);
        let width = width
            .chain(names)
            .chain(spaces)
            .max()
            .unwrap_or(0)
            .clamp(8, 40);
        writeln!(
            f,
            "\n  {:width$} {:>10} {:>12} {:>11} {:>11}",
            "phase", "duration", "arrivals", "mean /s", "peak /s"
        )?;
        for phase in &self.phases {
            let length = format_duration(rounded(phase.duration_s));
            write!(f, "  {:width$} {length:>10}", phase.name)?;
            if self.model == Model::Open {
                let peak = phase.peak_rate_per_s.map_or("-".to_owned(), per_second);
                write!(
                    f,
                    " {:>12} {:>11} {peak:>11}",
                    phase.arrivals,
                    per_second(phase.mean_rate_per_s)
                )?;
            }
            writeln!(f, "{}", if phase.warm_up { "  not counted" } else { "" })?;
        }
        if self.model == Model::Open {
            let counted = (self.reads + self.writes).max(1) as f64;
            writeln!(
                f,
                "\n  {:width$} {:>10} {:>12} {:>11}",
                "request", "kind", "counted", "share"
            )?;
            for request in self.requests.iter().filter(|request| request.arrivals > 0) {
                let share = request.counted as f64 / counted * 100.0;
                let kind = request.kind.to_string();
                writeln!(
                    f,
                    "  {:width$} {kind:>10} {:>12} {share:>10.3}%",
                    request.name, request.counted
                )?;
            }
            write!(f, "\n  reads {} : writes {}", self.reads, self.writes)?;
            if self.writes > 0 {
                write!(f, " ({:.2} : 1)", self.reads as f64 / self.writes as f64)?;
            }
            if let Some(mean) = self.mean_rate_per_s {
                write!(f, "; {}/s on average", per_second(mean))?;
            }
            if let Some(peak) = self.peak_rate_per_s {
                write!(f, ", {}/s at the peak", per_second(peak))?;
            }
            writeln!(f)?;
        }
        if self.sessions > 0 {
            writeln!(
                f,
                "  {} sessions are logged in beforehand; they are not counted",
                self.sessions
            )?;
        }
        writeln!(
            f,
            "\n  {:width$} {:>10} {:>12} {:>11} {:>11} {:>11}",
            "keys", "count", "top 1", "top 10", "top 100", "top 1%"
        )?;
        let percent = |share: Option<f64>| {
            share.map_or("-".to_owned(), |share| format!("{:.2}%", share * 100.0))
        };
        for space in &self.key_spaces {
            let name = match space.at_s > 0.0 {
                true => format!(
                    "{} at {}",
                    space.name,
                    format_duration(Duration::from_secs_f64(space.at_s))
                ),
                false => space.name.clone(),
            };
            let [one, ten, hundred, hundredth] =
                [space.top_1, space.top_10, space.top_100, space.top_percent].map(percent);
            writeln!(
                f,
                "  {name:width$} {:>10} {one:>12} {ten:>11} {hundred:>11} {hundredth:>11}",
                space.keys
            )?;
        }
        for rule in &self.rules {
            write!(f, "\n  rule: {rule}")?;
        }
        Ok(())
    }
}

/// Formats a rate with one decimal, or with three significant digits if it is below 1.
fn per_second(rate: f64) -> String {
    if rate == 0.0 || rate >= 1.0 {
        return format!("{rate:.1}");
    }
    let places = (2.0 - rate.log10().floor()).clamp(3.0, 9.0) as usize;
    format!("{rate:.places$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_low_rates_with_three_digits() {
        let shown = [0.0, 0.03346, 0.5, 0.000_012, 1.0, 33_349.04].map(per_second);
        assert_eq!(
            shown,
            ["0.0", "0.0335", "0.500", "0.0000120", "1.0", "33349.0"]
        );
    }
}
