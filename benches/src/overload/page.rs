//! The page of the benchmark of overload.

use tenfold_analysis::format;
use tenfold_reports::document::{Block, Curve as Line, Curves, Document, Section};

use super::OverloadFigures;
use super::samples::{Curve, Second};
use crate::output::goal::Goal;
use crate::output::page::{NONE, cells, goals};

/// Share of the worker's capacity that a bounded queue is to keep as goodput.
const GOODPUT_MIN: f64 = 0.9;
/// Seconds of a row of the table.
const ROW_S: usize = 5;

/// Returns the page of the results.
pub(super) fn page(figures: &OverloadFigures) -> Document {
    let quick = match figures.quick {
        true => " Quick check: do not quote its figures.",
        false => "",
    };
    Document {
        title: "Twice what a worker can do".to_owned(),
        lead: format!(
            "Measured on {} in {:.0} minutes on {} CPUs ({}, {}, load {:.1} at the start): stage `partitioned` in boxes of {} CPUs. \
             A worker does {:.1} jobs/s; {} uploads/s are offered. A job is done in time if it ends within {} s of its \
             acceptance.{quick}",
            figures.started_at,
            (figures.took_s / 60.0).ceil(),
            figures.host.cores,
            figures.host.cpu,
            figures.host.kernel,
            figures.host.load_1m,
            figures.box_cpu,
            figures.capacity_per_s,
            figures.offered_per_s,
            figures.in_time_s,
        ),
        sections: vec![
            goals(&judged(figures)),
            curves(figures),
            table("bounded", "With a bound of 50 jobs", &figures.bounded),
            table("unbounded", "Without a bound", &figures.unbounded),
        ],
        ..Document::default()
    }
}

/// The second half, when a queue with a bound has reached it.
fn late(curve: &Curve) -> &[Second] {
    curve
        .seconds
        .get(curve.seconds.len() / 2..)
        .unwrap_or_default()
}

fn goodput_per_s(seconds: &[Second]) -> Option<f64> {
    let sum: f64 = seconds.iter().map(|own| own.in_time).sum();
    (!seconds.is_empty()).then(|| sum / seconds.len() as f64)
}

fn judged(figures: &OverloadFigures) -> Vec<Goal> {
    let goodput = goodput_per_s(late(&figures.bounded));
    let share = goodput.map(|goodput| goodput / figures.capacity_per_s.max(1e-9));
    let jobs_max = late(&figures.bounded)
        .iter()
        .map(|own| own.jobs)
        .fold(0.0, f64::max);
    vec![
        Goal::new(
            format!(
                "with a bound, at least {} of the worker's capacity is done in time in the second half",
                format::percent(GOODPUT_MIN)
            ),
            share.map(|share| (format::percent(share), share >= GOODPUT_MIN)),
            "nothing was done",
        ),
        Goal::new(
            "with a bound, the queue has at most 50 jobs".to_owned(),
            (!figures.bounded.seconds.is_empty())
                .then(|| (format!("{jobs_max:.0}"), jobs_max <= 50.0)),
            "nothing was done",
        ),
    ]
}

fn curves(figures: &OverloadFigures) -> Section {
    let line = |name: &str, curve: &Curve, of: fn(&Second) -> f64| Line {
        name: name.to_owned(),
        points: curve
            .seconds
            .iter()
            .map(|own| (own.at_s, of(own)))
            .collect(),
    };
    let chart = |id: &str, title: &str, y: &str, of: fn(&Second) -> f64| {
        Block::Curves(Curves {
            id: id.to_owned(),
            title: title.to_owned(),
            x: "seconds".to_owned(),
            y: y.to_owned(),
            curves: vec![
                line("with a bound", &figures.bounded, of),
                line("without", &figures.unbounded, of),
            ],
        })
    };
    Section {
        id: "curves".to_owned(),
        title: "The two curves".to_owned(),
        lead: "Both axes are logarithmic. Seconds without a job in time are not drawn.".to_owned(),
        blocks: vec![
            chart("queue", "Jobs in the queue", "jobs", |own| own.jobs),
            chart("goodput", "Jobs done in time", "jobs/s", |own| own.in_time),
        ],
    }
}

fn table(id: &str, title: &str, curve: &Curve) -> Section {
    let rows = curve.seconds.chunks(ROW_S).map(|seconds| {
        let sum = |of: fn(&Second) -> f64| {
            let sum: f64 = seconds.iter().map(of).sum();
            format!("{:.1}", sum / seconds.len() as f64)
        };
        let last = seconds.last();
        let wait = last.and_then(|own| own.wait_s);
        vec![
            last.map_or(NONE.to_owned(), |own| format!("{:.0} s", own.at_s)),
            last.map_or(NONE.to_owned(), |own| format!("{:.0}", own.jobs)),
            sum(|own| own.accepted),
            sum(|own| own.refused),
            sum(|own| own.done),
            sum(|own| own.in_time),
            wait.map_or(NONE.to_owned(), |wait| format!("{wait:.1} s")),
        ]
    });
    Section {
        id: id.to_owned(),
        title: title.to_owned(),
        lead: "By the second, on average over five.".to_owned(),
        blocks: vec![cells(
            &[
                "until",
                "in the queue",
                "accepted",
                "refused (503)",
                "done",
                "in time",
                "wait",
            ],
            rows.collect(),
        )],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn curve(jobs: fn(f64) -> f64, in_time: f64) -> Curve {
        let second = |at: u32| Second {
            at_s: f64::from(at),
            jobs: jobs(f64::from(at)),
            accepted: 10.0,
            refused: 10.0,
            done: 10.0,
            wait_s: Some(2.0),
            in_time,
        };
        Curve {
            seconds: (1..=20).map(second).collect(),
        }
    }

    fn figures(bounded: Curve) -> OverloadFigures {
        OverloadFigures {
            started_at: String::new(),
            host: tenfold_probe::host::describe(),
            box_cpu: 0.2,
            quick: false,
            capacity_per_s: 10.0,
            offered_per_s: 20,
            in_time_s: 5.0,
            bounded,
            unbounded: curve(|at| 10.0 * at, 0.0),
            took_s: 1.0,
        }
    }

    #[test]
    fn flat_queue_with_goodput_is_asked_for() {
        let met = |own: OverloadFigures| {
            let met: Vec<_> = judged(&own).iter().map(|goal| goal.met).collect();
            met
        };
        let good = figures(curve(|_| 50.0, 9.5));
        let text = page(&good).markdown();
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let row = "| 20 s | 200 | 10.0 | 10.0 | 10.0 | 0.0 | 2.0 s |";
        assert!(text.contains(row), "{text}");
        assert_eq!(met(good), [Some(true), Some(true)]);
        let bad = figures(curve(|at| 10.0 * at, 0.0));
        assert_eq!(met(bad), [Some(false), Some(false)]);
        assert_eq!(met(figures(Curve::default())), [None, None]);
    }
}
