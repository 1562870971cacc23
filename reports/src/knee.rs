//! The report of a search for the knee.

pub mod comparison;

use tenfold_analysis::format;
use tenfold_analysis::knee::{End, OutcomeName, SearchReport, TrialReport};

use crate::document::{
    Block, Curve, Curves, Document, Fact, Finding, RunRow, Runs, Section, Tone, Verdict,
};
use crate::finding;

/// Returns the answer with the figures of every trial.
pub fn page(report: &SearchReport) -> Document {
    let mut sections: Vec<Section> = loads(report).into_iter().collect();
    sections.push(trials(report, "trials", "Trials", &report.trials));
    sections.extend(curves(report));
    Document {
        sections,
        ..digest(report)
    }
}

/// Returns the answer alone.
pub fn digest(report: &SearchReport) -> Document {
    let (tone, badge) = badge(report.answer.end);
    let mut facts = vec![Fact::new("objectives", report.rules.join("; "))];
    if let Some(limit) = &report.limit {
        facts.push(Fact::new("above the knee", limit.clone()));
    }
    if let Some(hysteresis) = report.answer.hysteresis {
        facts.push(Fact::new(
            "after an overload",
            format!(
                "the service did not sustain {}, although it sustained {} before; it recovers only at a lower rate",
                format::rate(hysteresis.failed_from_above),
                format::rate(hysteresis.sustained_from_below)
            ),
        ));
    }
    for rule in &report.not_judged {
        facts.push(Fact::new(
            "not judged",
            format!("{rule}: the trials are too short"),
        ));
    }
    Document {
        origin: vec![
            "knee".to_owned(),
            report.scenario.clone(),
            report.target.clone(),
        ],
        subject: report.scenario.clone(),
        about: format!("against {}", report.target),
        verdict: Some(Verdict {
            tone,
            badge: badge.to_owned(),
            status: format!("knee {}", badge.to_lowercase()),
        }),
        title: sentence(report),
        opening: vec![Block::Facts(facts)],
        ..Document::default()
    }
}

/// Returns the answer in a sentence.
pub(crate) fn sentence(report: &SearchReport) -> String {
    let answer = &report.answer;
    let rate = |rate: Option<f64>| rate.map_or("–".to_owned(), format::rate);
    let (low, high) = (rate(answer.sustained), rate(answer.failed));
    match answer.end {
        End::Confirmed => format!(
            "Sustained {low}, not {high} ({} apart), confirmed by {} passing and {} failing trials",
            format::percent(answer.width().unwrap_or(0.0)),
            answer.passes,
            answer.failures
        ),
        End::LowestRate => format!("Not even {high}, the lowest rate tried, was sustained"),
        End::HighestRate => {
            format!("Sustained {low}, the highest rate allowed (--max)")
        }
        End::Generator => format!(
            "Sustained at least {low}; the generator did not send a higher rate in time, so the knee may be higher"
        ),
        End::OutOfTime | End::Stopped => {
            let why = match answer.end {
                End::OutOfTime => "out of time",
                _ => "interrupted",
            };
            match (answer.sustained, answer.failed) {
                (Some(_), Some(_)) => format!("Between {low} and {high} ({why})"),
                (Some(_), None) => format!("Above {low} ({why})"),
                (None, Some(_)) => format!("Below {high} ({why})"),
                (None, None) => format!("No rate was measured ({why})"),
            }
        }
    }
}

fn badge(end: End) -> (Tone, &'static str) {
    match end {
        End::Confirmed => (Tone::Good, "Confirmed"),
        End::LowestRate => (Tone::Bad, "No rate sustained"),
        End::HighestRate | End::Generator => (Tone::Caution, "Lower bound"),
        End::OutOfTime => (Tone::Caution, "Not confirmed"),
        End::Stopped => (Tone::Caution, "Interrupted"),
    }
}

/// Returns the findings at shares of the knee. `None` if none was measured.
fn loads(report: &SearchReport) -> Option<Section> {
    let mut blocks = Vec::new();
    for load in &report.loads {
        let name = format!(
            "{} of the knee, {}",
            load.share,
            format::rate(load.trial.rate)
        );
        if load.findings.is_empty() {
            blocks.push(Block::Finding(Finding {
                title: "No finding".to_owned(),
                tag: name,
                ..Finding::default()
            }));
            continue;
        }
        let findings = load.findings.iter();
        blocks.extend(findings.map(|own| finding::block(own, Some(&name))));
    }
    let runs = report.loads.iter().map(|load| load.trial.clone());
    let runs: Vec<TrialReport> = runs.collect();
    let table = trials(report, "", "", &runs).blocks;
    (!blocks.is_empty()).then(|| {
        Section::new(
            "loads",
            "At the knee",
            "What the service did at half the knee, just below it and just above it.",
            table.into_iter().chain(blocks).collect(),
        )
    })
}

/// Returns trials as a table, each with a link to its report.
pub(crate) fn trials(
    report: &SearchReport,
    id: &str,
    title: &str,
    trials: &[TrialReport],
) -> Section {
    let rows = trials.iter().map(|trial| {
        let figures = &trial.figures;
        let cores = |cores: Option<f64>| cores.map_or("–".to_owned(), format::significant);
        RunRow {
            link: Some(format!("./{}/report.html", trial.directory.display())),
            tone: match trial.outcome {
                OutcomeName::Sustained => Some(Tone::Good),
                OutcomeName::NotSustained => Some(Tone::Bad),
                OutcomeName::Undecided | OutcomeName::NotMeasured => Some(Tone::Caution),
            },
            cells: vec![
                trial.directory.display().to_string(),
                format!("{:.0} s", trial.duration_s),
                trial.outcome.text().to_owned(),
                format::rate(trial.rate),
                format::rate(figures.achieved),
                figures.goodput.map_or("–".to_owned(), format::rate),
                format::maybe_duration(figures.p50_ns),
                format::maybe_duration(figures.p99_ns),
                format::percent(figures.lost),
                cores(figures.service_cores),
                cores(Some(figures.generator_cores)),
            ],
            values: Vec::new(),
        }
    });
    let runs = Runs {
        head: vec![
            "trial",
            "duration",
            "outcome",
            "offered",
            "achieved",
            "goodput",
            "p50",
            "p99",
            "lost",
            "service",
            "generator",
        ],
        line: "",
        rows: rows.collect(),
    };
    let lead = match report.rules.is_empty() {
        true => "In the order of measurement. Each links to its report.",
        false => {
            "In the order of measurement. Each links to its report. Goodput is the rate of answers within the strictest latency limit. The \
             last two columns are the processors in use."
        }
    };
    Section::new(id, title, lead, vec![Block::Runs(runs)])
}

/// Returns the measured trials by rate. Of several trials of a rate, the longest says most.
fn longest_of_each_rate(report: &SearchReport) -> Vec<&TrialReport> {
    let mut trials: Vec<&TrialReport> = report
        .trials
        .iter()
        .filter(|trial| trial.outcome != OutcomeName::NotMeasured)
        .collect();
    trials.sort_by(|one, other| {
        let by_rate = one.rate.total_cmp(&other.rate);
        by_rate.then(other.duration_s.total_cmp(&one.duration_s))
    });
    trials.dedup_by(|later, earlier| later.rate == earlier.rate);
    trials
}

/// Returns the curves over the offered rate. `None` with fewer than two rates.
fn curves(report: &SearchReport) -> Option<Section> {
    let trials = longest_of_each_rate(report);
    if trials.len() < 2 {
        return None;
    }
    let curve = |name: &str, of: &dyn Fn(&TrialReport) -> Option<f64>| Curve {
        name: name.to_owned(),
        points: trials
            .iter()
            .filter_map(|trial| Some((trial.rate, of(trial)?)))
            .collect(),
    };
    let ms = |ns: Option<u64>| ns.map(|ns| ns as f64 / 1e6);
    let chart = |id: &str, title: &str, y: &str, curves: Vec<Curve>| {
        Block::Curves(Curves {
            id: id.to_owned(),
            title: title.to_owned(),
            x: "offered, requests per second".to_owned(),
            y: y.to_owned(),
            curves: curves
                .into_iter()
                .filter(|curve| !curve.points.is_empty())
                .collect(),
        })
    };
    let blocks = vec![
        chart(
            "latency",
            "Response time by offered rate",
            "milliseconds",
            vec![
                curve("p50", &|trial| ms(trial.figures.p50_ns)),
                curve("p99", &|trial| ms(trial.figures.p99_ns)),
            ],
        ),
        chart(
            "achieved",
            "Answers by offered rate",
            "requests per second",
            vec![
                curve("achieved", &|trial| Some(trial.figures.achieved)),
                curve("goodput", &|trial| trial.figures.goodput),
            ],
        ),
        chart(
            "cores",
            "Processors in use by offered rate",
            "cores",
            vec![
                curve("service", &|trial| trial.figures.service_cores),
                curve("generator", &|trial| Some(trial.figures.generator_cores)),
            ],
        ),
    ];
    Some(Section::new(
        "curves",
        "By offered rate",
        "One point for each rate that was measured; of several trials of a rate, the longest.",
        blocks,
    ))
}
