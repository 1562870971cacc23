//! Settings and calibration of a gate.

use tenfold_analysis::format;
use tenfold_analysis::gate::{Calibration, GateOutcome, MetricCalibration, Side};

use crate::document::{Block, Fact, Section, Table};
use crate::gate::figures::{self, NOTHING};

/// Returns the noise of the baseline against itself. `None` without a calibration.
pub(super) fn calibration(outcome: &GateOutcome) -> Option<Section> {
    let calibration = outcome.calibration.as_ref()?;
    let lead = format!(
        "{} rounds of two copies of the baseline, measured {}, determine the noise of each metric. A metric is \
         not gated if the budget of rounds can't detect a slowdown in it, or if it differs from itself.",
        format::count(calibration.rounds as u64),
        calibration.at
    );
    let blocks = vec![Block::Table(noise(calibration))];
    Some(Section::new(
        "calibration",
        "The baseline against itself",
        lead,
        blocks,
    ))
}

/// Returns a table of the noise of each metric.
pub(super) fn noise(calibration: &Calibration) -> Table {
    let head = [
        "metric",
        "gated",
        "noise per round",
        "bias",
        "interval of the bias",
        "detectable",
        "rounds for its limit",
        "reason",
    ];
    Table::new(&head, calibration.metrics.iter().map(calibrated))
}

fn calibrated(metric: &MetricCalibration) -> Vec<String> {
    let or_nothing = |text: Option<String>| text.unwrap_or_else(|| NOTHING.to_owned());
    let interval = metric.bias.and_then(|bias| bias.interval);
    let rounds = metric.rounds_needed;
    vec![
        metric.name.clone(),
        if metric.gated { "yes" } else { "no" }.to_owned(),
        or_nothing(metric.noise.map(format::percent)),
        or_nothing(metric.bias.map(|bias| format::change(bias.value))),
        or_nothing(interval.map(|interval| {
            let (low, high) = (format::change(interval.low), format::change(interval.high));
            format!("{low} to {high}")
        })),
        or_nothing(metric.smallest_detectable.map(format::percent)),
        or_nothing(rounds.map(|rounds| format::count(rounds as u64))),
        metric.reason.clone().unwrap_or_default(),
    ]
}

/// Returns the settings, and how to read the report.
pub(super) fn settings(outcome: &GateOutcome) -> Section {
    let settings = &outcome.settings;
    let limits = settings.limits(None);
    let looks: Vec<String> = settings.looks.iter().map(usize::to_string).collect();
    let mut looks = format!("after {} rounds", looks.join(", "));
    if let Some(decision) = &outcome.decision {
        looks.push_str(&format!(
            "; judged after {}, at a level of {}",
            decision.look.rounds,
            format::percent(decision.look.alpha)
        ));
    }
    let builds = Side::ALL.map(|side| Fact::new(&side.to_string(), build(outcome, side)));
    let settings = [
        ("Seed", outcome.seed.to_string()),
        ("Machine", outcome.machine.clone()),
        ("Tool", outcome.tool.clone()),
        ("Minimum effect", format::percent(limits.min_effect)),
        (
            "Pass limit",
            format!(
                "{}, for the upper end of the interval",
                format::percent(limits.tolerance)
            ),
        ),
        (
            "Fail limit",
            format!(
                "{}, for the estimate of a certain slowdown",
                format::percent(limits.fail_above)
            ),
        ),
        (
            "False alarms",
            format!(
                "at most {} over all metrics and looks",
                format::percent(settings.alpha)
            ),
        ),
        (
            "Power",
            format!(
                "{} for the detectable slowdowns in the table",
                format::percent(settings.power)
            ),
        ),
        ("Looks", looks),
        ("Exit code", outcome.exit_code.to_string()),
    ];
    let settings = settings.map(|(name, text)| Fact::new(name, text));
    let method = "Every round measures both builds in the same seconds with the same requests, and yields \
                  the ratio of candidate to baseline. The effect is the Hodges-Lehmann estimate of these \
                  ratios. Its interval is that of the exact signed-rank test, widened if neighbouring rounds \
                  are correlated. A metric passes if the whole interval lies below the limit. It fails if it \
                  is certainly slower and its estimate lies above the limit. Otherwise it is unclear, and \
                  needs more rounds or a quieter machine. A gate fails if any gated metric fails, with \
                  Holm's correction for the number of metrics.";
    let inconclusive = "An inconclusive gate is no pass. The column “detectable” has the smallest slowdown \
                        that it could have found. Improvements pass the same test as slowdowns.";
    Section::new(
        "settings",
        "Settings",
        "",
        vec![
            Block::Facts(builds.into_iter().chain(settings).collect()),
            Block::Heading("How to read this".to_owned()),
            Block::Text(method.to_owned()),
            Block::Text(inconclusive.to_owned()),
        ],
    )
}

fn build(outcome: &GateOutcome, side: Side) -> String {
    let build = outcome.builds.of(side);
    let mut text = figures::build(outcome, side);
    if let Some(revision) = &build.revision {
        text.push_str(&format!(", revision `{revision}`"));
    }
    if let Some(command) = &build.command {
        text.push_str(&format!(", `{command}`"));
    }
    if build.given != build.label {
        text.push_str(&format!(", given as `{}`", build.given));
    }
    if build.starts > 0 {
        text.push_str(&format!(", started {} times", build.starts));
    }
    text
}
