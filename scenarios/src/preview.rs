//! What a scenario will do, without doing it.

use std::fmt;
use std::time::Duration;

use crate::load::Model;
use crate::request::Kind;
use crate::scenario::Scenario;
use crate::units::format_duration;

/// What a scenario will do.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Preview {
    /// The scenario's name.
    pub scenario: String,
    /// The seed the counts hold for.
    pub seed: u64,
    /// Who sets the pace.
    pub model: Model,
    /// Whether the counts are those of the run, arrival by arrival; otherwise they are expected
    /// means, because the plan is too long to be walked.
    pub exact: bool,
    /// The phases, first to last.
    pub phases: Vec<PhasePreview>,
    /// The requests, in the scenario's order.
    pub requests: Vec<RequestPreview>,
    /// Counted reads.
    pub reads: u64,
    /// Counted writes.
    pub writes: u64,
    /// Counted arrivals per second, on average; `None` in a closed model.
    pub mean_rate_per_s: Option<f64>,
    /// The highest rate of the curve among the counted phases; `None` where there is no curve.
    pub peak_rate_per_s: Option<f64>,
    /// How uneven the keys are.
    pub key_spaces: Vec<KeySpacePreview>,
    /// Sessions that are logged in before the first arrival, and not counted.
    pub sessions: u64,
    /// The rules, as written.
    pub rules: Vec<String>,
    /// Closed: how many users there are.
    pub users: u32,
    /// The journeys by name and share.
    pub journeys: Vec<(String, f64)>,
}

/// What a phase will send.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct PhasePreview {
    /// The phase's name.
    pub name: String,
    /// Sent, but not counted.
    pub warm_up: bool,
    /// How long it lasts.
    pub duration_s: f64,
    /// How many arrivals it plans.
    pub arrivals: u64,
    /// Arrivals per second, on average.
    pub mean_rate_per_s: f64,
    /// The highest rate of its curve.
    pub peak_rate_per_s: Option<f64>,
    /// The arrivals by request, in the scenario's order.
    pub by_request: Vec<u64>,
}

/// What becomes of a request.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct RequestPreview {
    /// The request's name.
    pub name: String,
    /// Whether it reads or writes.
    pub kind: Kind,
    /// How many arrivals of it are counted.
    pub counted: u64,
    /// How many there are in all, warm-up included.
    pub arrivals: u64,
}

/// How uneven keys are, in theory.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct KeySpacePreview {
    /// The key space's name.
    pub name: String,
    /// How many keys there are.
    pub keys: u64,
    /// The time of the run that it holds for, in seconds.
    pub at_s: f64,
    /// The share of the most popular key.
    pub top_1: Option<f64>,
    /// The share of the ten most popular keys.
    pub top_10: Option<f64>,
    /// The share of the hundred most popular keys.
    pub top_100: Option<f64>,
    /// The share of the most popular hundredth of the keys.
    pub top_percent: Option<f64>,
}

/// A longer plan is not walked: it would take longer than anyone waits for a preview.
const LONGEST_WALK: f64 = 50e6;

/// Returns what a scenario will do. Walks its schedule; sends nothing.
pub fn preview(scenario: &Scenario) -> Preview {
    let expected: f64 = scenario
        .phases
        .iter()
        .map(|phase| phase.expected_arrivals())
        .sum();
    let exact = scenario.load.model == Model::Open && expected <= LONGEST_WALK;
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

/// Counts each arrival as the first request that is written in its journey.
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
    use crate::popularity::Popularity;
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

impl fmt::Display for Preview {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} (seed {})", self.scenario, self.seed)?;
        if self.model == Model::Closed {
            writeln!(
                f,
                "  {} users, each waiting for its response and thinking",
                self.users
            )?;
        } else if !self.journeys.is_empty() {
            writeln!(
                f,
                "  each arrival begins a journey; only its first request is counted here"
            )?;
        } else if !self.exact {
            writeln!(
                f,
                "  counts are expected means: the plan is too long to be walked"
            )?;
        }
        for (name, share) in &self.journeys {
            writeln!(f, "  journey {name}: {:.1}% of all", share * 100.0)?;
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
            "phase", "lasts", "arrivals", "mean /s", "peak /s"
        )?;
        for phase in &self.phases {
            let length = format_duration(Duration::from_secs_f64(phase.duration_s));
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
                "  {} sessions are logged in before, and not counted",
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

/// Writes a rate: to a tenth, or to three digits where that would be none.
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
    fn low_rates_are_not_written_as_none() {
        let shown = [0.0, 0.03346, 0.5, 0.000_012, 1.0, 33_349.04].map(per_second);
        assert_eq!(
            shown,
            ["0.0", "0.0335", "0.500", "0.0000120", "1.0", "33349.0"]
        );
    }
}
