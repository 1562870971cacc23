//! The page of the benchmark of hops.

use tenfold_analysis::format;
use tenfold_reports::document::{Document, Section};

use super::HopsFigures;
use crate::output::page::{NONE, cells};
use crate::output::spread::Spread;

/// Returns the page of the results.
pub(super) fn page(figures: &HopsFigures) -> Document {
    let quick = match figures.quick {
        true => " Quick check: do not quote its figures.",
        false => "",
    };
    Document {
        title: "What a hop costs".to_owned(),
        lead: format!(
            "Measured on {} in {:.0} minutes on {} CPUs ({}, {}, load {:.1} at the start): stage `partitioned` with four boxes of \
             the whole service, and with one box for each of its four parts, in turns of {} s at {} requests/s. Each box has {} \
             CPUs.{quick}",
            figures.started_at,
            (figures.took_s / 60.0).ceil(),
            figures.host.cores,
            figures.host.cpu,
            figures.host.kernel,
            figures.host.load_1m,
            figures.seconds,
            figures.rate_per_s,
            figures.box_cpu,
        ),
        sections: vec![requests(figures), cpu(figures)],
        ..Document::default()
    }
}

fn described(spread: Option<&Spread>, unit: &str) -> String {
    spread.map_or(NONE.to_owned(), |own| {
        format!("{} {unit}", own.describe(format::significant))
    })
}

fn requests(figures: &HopsFigures) -> Section {
    let rows = figures.requests.iter().map(|own| {
        let [whole, divided] = &own.p50_ms;
        let more = whole
            .zip(*divided)
            .map(|(whole, divided)| divided.median - whole.median);
        let each = more
            .filter(|_| own.calls > 0)
            .map(|more| more / f64::from(own.calls));
        let shown = |ms: Option<f64>| {
            ms.map_or(NONE.to_owned(), |ms| {
                let sign = if ms < 0.0 { "-" } else { "+" };
                format!("{sign}{} ms", format::significant(ms.abs()))
            })
        };
        vec![
            own.name.clone(),
            own.calls.to_string(),
            described(whole.as_ref(), "ms"),
            described(divided.as_ref(), "ms"),
            shown(more),
            shown(each),
        ]
    });
    Section {
        id: "requests".to_owned(),
        title: "Response times".to_owned(),
        lead: "Medians of the rounds, with their range. A hop is a call of another part that the request waits for. The caches are \
               as in the stage, so that calls for what is cached are not made."
            .to_owned(),
        blocks: vec![cells(
            &["request", "hops", "whole, p50", "in parts, p50", "more", "a hop"],
            rows.collect(),
        )],
    }
}

fn cpu(figures: &HopsFigures) -> Section {
    let [whole, divided] = &figures.cpu_us;
    let more = whole
        .zip(*divided)
        .map(|(whole, divided)| divided.median / whole.median - 1.0);
    Section {
        id: "cpu".to_owned(),
        title: "CPU time".to_owned(),
        lead: "Of all boxes of the service, by request of the scenario, warm-up included."
            .to_owned(),
        blocks: vec![cells(
            &["whole", "in parts", "more"],
            vec![vec![
                described(whole.as_ref(), "us"),
                described(divided.as_ref(), "us"),
                more.map_or(NONE.to_owned(), |more| format!("{:+.0}%", more * 100.0)),
            ]],
        )],
    }
}

#[cfg(test)]
mod tests {
    use super::super::RequestFigures;
    use super::*;

    #[test]
    fn shows_the_cost_of_a_hop() {
        let spread = |median| Spread::of([median]);
        let figures = HopsFigures {
            started_at: String::new(),
            host: tenfold_probe::host::describe(),
            box_cpu: 0.2,
            rate_per_s: 40,
            seconds: 20,
            quick: false,
            cpu_us: [spread(1_000.0), spread(1_300.0)],
            requests: vec![
                RequestFigures {
                    name: "read feed".to_owned(),
                    calls: 3,
                    p50_ms: [spread(4.0), spread(7.0)],
                },
                RequestFigures {
                    name: "read post".to_owned(),
                    calls: 0,
                    p50_ms: [spread(4.0), None],
                },
            ],
            took_s: 60.0,
        };
        let text = page(&figures).markdown();
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(
            text.contains("| read feed | 3 | 4.00 ms | 7.00 ms | +3.00 ms | +1.00 ms |"),
            "{text}"
        );
        assert!(text.contains("+30%"), "{text}");
    }
}
