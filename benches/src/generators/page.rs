//! The page of the benchmark of generators.

use tenfold_analysis::format;
use tenfold_reports::document::{Document, Section};

use super::trial::Trial;
use super::{COST_SHARE, GeneratorsFigures, OfCount};
use crate::output::goal::Goal;
use crate::output::page::{NONE, cells, goals};

/// Least share of the rate of one generator, times their number, that several sustain.
const RATE_SHARE_MIN: f64 = 0.95;

/// Most that the CPU time of a request grows by.
const CPU_GROWTH_MAX: f64 = 0.05;

/// Returns the page of the results.
pub(super) fn page(figures: &GeneratorsFigures) -> Document {
    let quick = match figures.quick {
        true => " Quick check: do not quote its figures.",
        false => "",
    };
    Document {
        title: "One generator and several".to_owned(),
        lead: format!(
            "Measured on {} in {:.0} minutes on {} CPUs ({}, {}, load {:.1} at the start). Each generator has {} CPUs and {} \
             {} CPUs, by control groups. Rates are counted by the server; CPU time is that of the run and all its \
             generators.{quick}",
            figures.started_at,
            (figures.took_s / 60.0).ceil(),
            figures.host.cores,
            figures.host.cpu,
            figures.host.kernel,
            figures.host.load_1m,
            figures.box_cpu,
            figures.server.name(),
            figures.server_cpu,
        ),
        sections: vec![
            goals(&judged(figures)),
            rates(figures),
            costs(figures),
            trials(figures),
        ],
        ..Document::default()
    }
}

/// Returns the bars and whether they are met.
fn judged(figures: &GeneratorsFigures) -> Vec<Goal> {
    let one = figures.counts.iter().find(|own| own.generators == 1);
    let mut judged = Vec::new();
    for own in figures.counts.iter().filter(|own| own.generators > 1) {
        let count = own.generators;
        let share = one.and_then(|one| rate_share(one, own));
        judged.push(Goal::new(
            format!(
                "{count} generators sustain at least {RATE_SHARE_MIN} x {count} times the rate of one"
            ),
            share.map(|share| {
                let times = format!("{:.2} times", share * f64::from(count));
                (times, share >= RATE_SHARE_MIN)
            }),
            "one of the rates is not known",
        ));
        let growth = one.and_then(|one| Some(cpu_us(own)? / cpu_us(one)? - 1.0));
        judged.push(Goal::new(
            format!(
                "{count} generators need at most {} more CPU time a request",
                format::percent(CPU_GROWTH_MAX)
            ),
            growth.map(|growth| {
                (
                    format!("{:+.1}%", growth * 100.0),
                    growth <= CPU_GROWTH_MAX + 1e-9,
                )
            }),
            "one of the costs is not known",
        ));
    }
    judged
}

/// Returns the sustained rate of several generators, as a share of that of one times their number.
fn rate_share(one: &OfCount, several: &OfCount) -> Option<f64> {
    let ideal = f64::from(one.sustained_per_s?) * f64::from(several.generators);
    Some(f64::from(several.sustained_per_s?) / ideal)
}

/// Returns the median CPU time of a request, in microseconds.
fn cpu_us(of: &OfCount) -> Option<f64> {
    let mut costs: Vec<f64> = of.cost.iter().map(|trial| trial.cpu_us).collect();
    costs.sort_by(f64::total_cmp);
    costs.get(costs.len() / 2).copied()
}

fn rates(figures: &GeneratorsFigures) -> Section {
    let one = figures.counts.iter().find(|own| own.generators == 1);
    let rate = |rate: Option<u32>| rate.map_or(NONE.to_owned(), |rate| format!("{rate}/s"));
    let rows = figures.counts.iter().map(|own| {
        let share = one.and_then(|one| rate_share(one, own));
        vec![
            own.generators.to_string(),
            rate(own.sustained_per_s),
            rate(own.failed_per_s),
            share.map_or(NONE.to_owned(), |share| {
                format!("{:.2}", share * f64::from(own.generators))
            }),
        ]
    });
    Section {
        id: "rates".to_owned(),
        title: "Sustained rate".to_owned(),
        lead: "A rate is sustained if 99% of it is achieved, nothing is lost, and the measurement is not invalid.".to_owned(),
        blocks: vec![cells(
            &["generators", "sustained", "not sustained", "times one"],
            rows.collect(),
        )],
    }
}

fn costs(figures: &GeneratorsFigures) -> Section {
    let rows = figures.counts.iter().map(|own| {
        let asked = own
            .cost
            .first()
            .map_or(NONE.to_owned(), |trial| format!("{}/s", trial.asked_per_s));
        let each: Vec<String> = own
            .cost
            .iter()
            .map(|trial| format!("{:.2}", trial.cpu_us))
            .collect();
        vec![
            own.generators.to_string(),
            asked,
            cpu_us(own).map_or(NONE.to_owned(), |cost| format!("{cost:.2} us")),
            each.join(", "),
        ]
    });
    Section {
        id: "costs".to_owned(),
        title: "CPU time of a request".to_owned(),
        lead: format!(
            "At {} of the rate that one generator sustains, times their number, in turns. The median counts.",
            format::percent(COST_SHARE)
        ),
        blocks: vec![cells(
            &["generators", "rate", "median", "trials"],
            rows.collect(),
        )],
    }
}

fn trials(figures: &GeneratorsFigures) -> Section {
    let all = figures
        .counts
        .iter()
        .flat_map(|own| own.search.iter().chain(&own.cost));
    let row = |trial: &Trial| {
        vec![
            trial.generators.to_string(),
            format!("{}/s", trial.asked_per_s),
            format!("{:.0}/s", trial.rate_per_s),
            format!("{:.2} us", trial.cpu_us),
            format!("{:.2}", trial.server_cores),
            format::percent(trial.throttled),
            trial.lost.to_string(),
            format::maybe_duration(trial.lag_p99_ns),
            trial.measurement.clone(),
        ]
    };
    Section {
        id: "trials".to_owned(),
        title: "All trials".to_owned(),
        lead: "In order of the number of generators.".to_owned(),
        blocks: vec![cells(
            &[
                "generators",
                "planned",
                "achieved",
                "CPU a request",
                "server's CPUs",
                "throttled",
                "lost",
                "lag p99",
                "measurement",
            ],
            all.map(row).collect(),
        )],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(generators: u32, sustained: Option<u32>, cpu_us: &[f64]) -> OfCount {
        let trial = |cpu_us: &f64| Trial {
            generators,
            asked_per_s: 1,
            rate_per_s: 1.0,
            cpu_us: *cpu_us,
            server_cores: 0.5,
            throttled: 0.1,
            lost: 0,
            lag_p99_ns: None,
            measurement: "valid".to_owned(),
        };
        OfCount {
            generators,
            sustained_per_s: sustained,
            failed_per_s: None,
            search: Vec::new(),
            cost: cpu_us.iter().map(trial).collect(),
        }
    }

    fn met(two: OfCount) -> Vec<Option<bool>> {
        let figures = GeneratorsFigures {
            started_at: String::new(),
            host: tenfold_probe::host::describe(),
            quick: false,
            box_cpu: 0.15,
            server_cpu: 1.0,
            server: crate::generator::server::ServerKind::Nginx,
            counts: vec![of(1, Some(1_000), &[10.0, 30.0, 20.0]), two],
            took_s: 0.0,
        };
        assert!(page(&figures).markdown().contains("2 generators"));
        judged(&figures).iter().map(|goal| goal.met).collect()
    }

    #[test]
    fn bars_are_judged_against_one_generator() {
        assert_eq!(met(of(2, Some(1_900), &[21.0])), [Some(true), Some(true)]);
        assert_eq!(met(of(2, Some(1_899), &[21.1])), [Some(false), Some(false)]);
        assert_eq!(met(of(2, None, &[])), [None, None]);
    }
}
