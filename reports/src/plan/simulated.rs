//! Simulations of the steps of a ladder, and of their fleets.

use tenfold_analysis::format;
use tenfold_analysis::plan::{Plan, SimulatedFleet, SimulatedKnee, SimulatedP99, SimulatedStep};

use crate::document::{Block, Section, Table};

const NONE: &str = "–";

/// Returns the sections about simulations. Empty without any.
pub(super) fn sections(plan: &Plan) -> Vec<Section> {
    let steps = &plan.simulations;
    if steps.is_empty() {
        return Vec::new();
    }
    vec![errors(steps), fleets(steps), boxes(steps)]
}

/// Returns the simulated figures beside the measured ones.
fn errors(steps: &[SimulatedStep]) -> Section {
    let rows = steps
        .iter()
        .filter(|step| step.error.is_none())
        .map(|step| {
            let knee = step.knee.as_ref();
            let p99 = step.p99.as_ref();
            vec![
                step.step.clone(),
                knee.map_or(NONE.to_owned(), |own| format::rate(own.simulated)),
                knee.map_or(NONE.to_owned(), measured_knee),
                error(knee.and_then(|own| own.error)),
                knee.map_or(NONE.to_owned(), limit),
                p99.map_or(NONE.to_owned(), |own| format::rate(own.rate)),
                p99.map_or(NONE.to_owned(), |own| time(own.simulated_ns)),
                p99.map_or(NONE.to_owned(), measured_p99),
                error(p99.and_then(|own| own.error)),
            ]
        });
    let heads = [
        "step",
        "simulated knee",
        "measured",
        "error",
        "limit",
        "at",
        "simulated p99",
        "measured",
        "error",
    ];
    let mut blocks = vec![Block::Table(Table::new(&heads, rows))];
    let told = steps.iter().flat_map(|step| {
        let error = step
            .error
            .iter()
            .map(|error| format!("{}: not simulated: {error}", step.step));
        let missing = step
            .missing
            .iter()
            .map(|missing| format!("{}: {missing}", step.step));
        let fleet = step
            .fleet_error
            .iter()
            .map(|error| format!("{}: no fleet: {error}", step.step));
        error.chain(missing).chain(fleet)
    });
    let told: Vec<String> = told.collect();
    if !told.is_empty() {
        blocks.push(Block::List(told));
    }
    Section::new(
        "simulations",
        "Simulated and measured",
        "Each step as a network of queues, with the CPU times of the trials that it sustained. Errors are relative to the middle of the \
         measured knee, and to the measured p99 of a trial at 60% to 80% of it.",
        blocks,
    )
}

fn measured_knee(knee: &SimulatedKnee) -> String {
    match knee.measured {
        [Some(low), Some(high)] => format!("{} to {}", format::rate(low), format::rate(high)),
        [Some(low), None] => format!("at least {}", format::rate(low)),
        [None, Some(high)] => format!("below {}", format::rate(high)),
        [None, None] => NONE.to_owned(),
    }
}

fn limit(knee: &SimulatedKnee) -> String {
    match &knee.busiest {
        Some(tier) => format!("{tier}: {}", knee.limit),
        None => knee.limit.clone(),
    }
}

fn measured_p99(p99: &SimulatedP99) -> String {
    let Some(measured) = p99.measured_ns else {
        return NONE.to_owned();
    };
    match p99.measured_interval_ns {
        Some([low, high]) => format!("{} ({} to {})", time(measured), time(low), time(high)),
        None => time(measured),
    }
}

fn error(error: Option<f64>) -> String {
    error.map_or(NONE.to_owned(), |error| format!("{:+.0}%", error * 100.0))
}

fn time(ns: f64) -> String {
    format::duration(ns.round() as u64)
}

/// Returns the simulated fleets.
fn fleets(steps: &[SimulatedStep]) -> Section {
    let rows = steps.iter().filter_map(|step| {
        let fleet = step.fleet.as_ref()?;
        let all: u64 = fleet.tiers.iter().map(|tier| tier.boxes).sum();
        let p99 = |ns: Option<f64>| ns.map_or("not sustained".to_owned(), time);
        let without_zone = match fleet.zones {
            0 | 1 => NONE.to_owned(),
            _ => p99(fleet.p99_without_zone_ns),
        };
        Some(vec![
            step.step.clone(),
            format::rate(fleet.peak_per_s),
            format::count(all),
            p99(fleet.p99_ns),
            without_zone,
            fleet.knee_per_s.map_or(NONE.to_owned(), format::rate),
            breaks_first(fleet),
            match (fleet.price_month, &fleet.currency) {
                (Some(price), Some(currency)) => {
                    format!("{} {currency}", format::count(price.round() as u64))
                }
                _ => NONE.to_owned(),
            },
        ])
    });
    let heads = [
        "step",
        "peak",
        "boxes",
        "p99",
        "without a zone",
        "knee",
        "breaks first",
        "a month",
    ];
    let table = Table::new(&heads, rows);
    Section::new(
        "simulated-fleets",
        "Simulated fleets",
        "Enough boxes of each kind for the peak, each kind on its own. Boxes with data are shards: the most popular keys make some of them \
         busier than others.",
        vec![Block::Table(table)],
    )
}

fn breaks_first(fleet: &SimulatedFleet) -> String {
    match &fleet.breaks_first {
        Some(tier) => format!("{tier}: {}", fleet.limit),
        None => NONE.to_owned(),
    }
}

/// Returns the tiers of each step and of its fleet.
fn boxes(steps: &[SimulatedStep]) -> Section {
    let rows = steps.iter().flat_map(|step| {
        step.tiers.iter().enumerate().map(|(number, tier)| {
            let fleet = step.fleet.as_ref().and_then(|own| own.tiers.get(number));
            vec![
                step.step.clone(),
                tier.name.clone(),
                format::count(tier.boxes as u64),
                tier.cores.map_or(NONE.to_owned(), format::significant),
                format!("{} µs", format::significant(tier.cpu_us)),
                fleet.map_or(NONE.to_owned(), |own| format::count(own.boxes)),
                fleet.map_or(NONE.to_owned(), |own| format::percent(own.utilisation)),
                fleet.map_or(NONE.to_owned(), |own| format::percent(own.busiest)),
            ]
        })
    });
    let heads = [
        "step",
        "tier",
        "boxes",
        "CPUs each",
        "CPU a request",
        "in the fleet",
        "needed",
        "busiest",
    ];
    Section::new(
        "simulated-boxes",
        "Boxes of the fleets",
        "CPU time of a request in all boxes of a tier together; CPU that the peak needs, on average and in the box with the most popular keys. Above 100%, the fleet does not sustain \
         the peak.",
        vec![Block::Table(Table::new(&heads, rows))],
    )
}
