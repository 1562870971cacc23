//! The page of the gate benchmark.

use tenfold_analysis::format;
use tenfold_reports::document::{Block, Document, Section};

use crate::gate::{Figures, Kind, KindFigures, MeasuredEffect};
use crate::output::page::{BUSY, NONE, cells, goals};
use crate::output::spread::Spread;

/// Returns the page of the results.
pub(super) fn page(figures: &Figures) -> Document {
    let mut sections = vec![
        goals(&figures.goals),
        real(figures),
        planted(figures),
        resampled(figures),
        gates(figures),
    ];
    if !figures.mishaps.is_empty() {
        let rows = figures.mishaps.iter().map(|mishap| {
            vec![
                (mishap.index + 1).to_string(),
                mishap.kind.name().to_owned(),
                mishap.reason.clone(),
            ]
        });
        sections.push(Section {
            id: "mishaps".to_owned(),
            title: "Gates without an outcome".to_owned(),
            lead: "They are not part of any figure.".to_owned(),
            blocks: vec![cells(&["gate", "planted", "reason"], rows.collect())],
        });
    }
    Document {
        title: "How often a gate is wrong".to_owned(),
        lead: lead(figures),
        sections,
        ..Document::default()
    }
}

fn lead(figures: &Figures) -> String {
    let (benchmark, host) = (&figures.benchmark, &figures.benchmark.host);
    let busy = if host.load_1m > BUSY {
        " The machine was already busy at the start."
    } else {
        ""
    };
    let quick = if benchmark.quick {
        " Quick check: do not quote these figures."
    } else {
        ""
    };
    let calibrated = if benchmark.calibrated {
        "with a calibration of this machine"
    } else {
        "without a calibration"
    };
    format!(
        "Measured on {} in {:.0} minutes on {} CPUs ({}, {}, load {:.1} at the start) by {}. Every \
         gate is a complete `tenfold gate` with its default limits, {calibrated}: processes restart \
         every few rounds, and both builds share 1,000 requests/s. Gates of all kinds ran in an \
         order shuffled with seed {}. Intervals are 95%.{busy}{quick}",
        benchmark.started_at,
        (figures.took_s / 60.0).ceil(),
        host.cores,
        host.cpu,
        host.kernel,
        host.load_1m,
        figures.tools.join(" and "),
        benchmark.seed,
    )
}

fn real(figures: &Figures) -> Section {
    let head = [
        "planted",
        "budget",
        "fail",
        "found in time",
        "neither pass nor fail",
        "verdicts",
        "seconds to the verdict",
        "rounds",
    ];
    let spread = |spread: Option<Spread>| {
        spread.map_or_else(
            || NONE.to_owned(),
            |spread| spread.describe(format::significant),
        )
    };
    let row = |own: &KindFigures| {
        vec![
            own.kind.name().to_owned(),
            format!("{} s", own.budget_s),
            own.refuted.describe(),
            match own.kind {
                Kind::Unchanged => NONE.to_owned(),
                Kind::Cpu | Kind::Wait => own.found.describe(),
            },
            own.undecided.describe(),
            own.describe_verdicts(),
            spread(own.decided_after_s),
            spread(own.rounds),
        ]
    };
    let text = "Fail counts gates that failed, for any reason. Found: the gate failed by a metric that shows \
                the planted slowdown, and its last round ended within the budget. Seconds and rounds \
                are medians, with the range in parentheses.";
    Section {
        id: "real".to_owned(),
        title: "Real gates".to_owned(),
        lead: String::new(),
        blocks: vec![
            cells(&head, figures.kinds.iter().map(row).collect()),
            Block::Text(text.to_owned()),
        ],
    }
}

fn planted(figures: &Figures) -> Section {
    let sizing = &figures.benchmark.sizing;
    let row = |effect: &MeasuredEffect| {
        vec![
            effect.kind.name().to_owned(),
            effect.metric.clone(),
            effect
                .planted
                .map_or_else(|| NONE.to_owned(), format::change),
            effect.describe(),
            effect
                .noise
                .map_or_else(|| NONE.to_owned(), format::percent),
            format::count(effect.restarts as u64),
            format::count(effect.rounds as u64),
        ]
    };
    let head = [
        "planted", "metric", "planned", "measured", "noise", "restarts", "rounds",
    ];
    let (cpu, wait) = (sizing.candidate(Kind::Cpu), sizing.candidate(Kind::Wait));
    Section {
        id: "planted".to_owned(),
        title: "Planted and measured slowdowns".to_owned(),
        lead: format!(
            "The server has one thread; a request takes {} steps of arithmetic and a wait of {} µs. That \
             is {} µs of CPU time, {} of it arithmetic, and a mean response time of {} µs over {} \
             rounds. To plant +5% of all CPU time takes {} more steps; to plant +10% of mean response time, \
             {} µs more of waiting.",
            format::count(sizing.baseline.steps),
            format::count(sizing.baseline.wait_us),
            format::significant(sizing.cpu_us),
            format::percent(sizing.work_share),
            format::significant(sizing.response_us),
            format::count(sizing.rounds as u64),
            format::count(cpu.steps - sizing.baseline.steps),
            format::count(wait.wait_us - sizing.baseline.wait_us),
        ),
        blocks: vec![
            cells(&head, figures.effects.iter().map(row).collect()),
            Block::Text(
                "Measured is the Hodges-Lehmann estimate over the means of all restarts of all gates, with \
                 its interval. Noise is the standard deviation of ln(candidate / baseline) from round to \
                 round."
                    .to_owned(),
            ),
        ],
    }
}

fn resampled(figures: &Figures) -> Section {
    let rows = figures.resampled.iter().map(|own| {
        vec![
            own.kind.name().to_owned(),
            own.failed.describe(),
            match own.kind {
                Kind::Unchanged => NONE.to_owned(),
                Kind::Cpu | Kind::Wait => own.found.describe(),
            },
            own.passed.describe(),
            format::significant(own.mean_rounds),
        ]
    });
    let head = ["planted", "fail", "found", "pass", "mean rounds"];
    Section {
        id: "resampled".to_owned(),
        title: "Resampled gates".to_owned(),
        lead: format!(
            "From the {} rounds of the build against itself, {} restarts: whole restarts are drawn with \
             replacement, their two sides are swapped at random, and the rounds are judged like those of \
             real gates.",
            format::count(figures.pool_rounds as u64),
            format::count(figures.pool_restarts as u64)
        ),
        blocks: vec![
            cells(&head, rows.collect()),
            Block::Text(
                "The intervals cover the resampling only: another day has other rounds. Gates with a \
                 difficult decision ran longer and contributed more rounds than easy ones, so noise \
                 is over-represented."
                    .to_owned(),
            ),
        ],
    }
}

fn gates(figures: &Figures) -> Section {
    let rows = figures.gates.iter().map(|gate| {
        vec![
            (gate.index + 1).to_string(),
            gate.kind.name().to_owned(),
            gate.verdict.replace('_', " "),
            gate.decided_after_s
                .map_or_else(|| NONE.to_owned(), |seconds| format!("{seconds:.0} s")),
            gate.sentence.clone(),
        ]
    });
    let head = ["gate", "planted", "verdict", "after", "sentence"];
    Section {
        id: "gates".to_owned(),
        title: "All gates".to_owned(),
        lead: String::new(),
        blocks: vec![cells(&head, rows.collect())],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::sample;

    #[test]
    fn page_shows_misses_and_failed_gates() {
        let page = page(&sample::figures());
        let markdown = page.markdown();
        for expected in [
            "1 of 2, 50.0% (9.45% – 90.5%)",
            "missed",
            "1 fail, 1 pass",
            "+5% CPU",
            "no outcome was written",
            "6,250 more steps",
        ] {
            assert!(markdown.contains(expected), "{expected}: {markdown}");
        }
        assert!(page.html().contains("How often a gate is wrong"));
    }
}
