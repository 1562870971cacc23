//! `tenfold plan`: rates, storage, bandwidth and boxes, from users and their traffic.

mod latencies;
mod simulations;

use std::path::Path;

use serde::de::DeserializeOwned;
use tenfold_analysis::forecast::FleetGoal;
use tenfold_analysis::knee::SearchReport;
use tenfold_analysis::ladder::{LadderReport, VERSION};

use tenfold_analysis::plan::{BoxCapacity, Plan, PlanError, Traffic};
use tenfold_reports::plan::page;

use crate::arguments::plan::PlanArguments;
use crate::exit::{Exit, UsageError};
use crate::ladder::other_version;
use crate::output::print;

/// Does the arithmetic, and prints it.
pub(crate) fn plan(arguments: &PlanArguments) -> anyhow::Result<Exit> {
    let capacity = match &arguments.knee {
        Some(path) => Some(BoxCapacity {
            sustained: sustained(path)?,
            utilisation: arguments.utilisation,
            zones: arguments.zones,
        }),
        None => None,
    };
    let traffic = Traffic {
        users: arguments.users,
        writes_per_month: arguments.writes.0,
        reads_per_month: arguments.reads.0,
        bytes_per_write: arguments.bytes,
        bytes_per_read: arguments.read_bytes.unwrap_or(arguments.bytes),
        years: arguments.years,
        peak: arguments.peak,
    };
    let refused = |error: PlanError| UsageError(format!("could not make a plan: {error}"));
    let mut plan = Plan::of(traffic, capacity).map_err(refused)?;
    if let Some(path) = &arguments.ladder {
        let ladder: LadderReport = read(path, "ladder.json", "result of `tenfold ladder`")?;
        if ladder.version != VERSION {
            return Err(other_version(path, ladder.version).into());
        }
        let fleets = ladder.fleets(&traffic, arguments.utilisation, arguments.zones);
        plan.fleets = fleets.map_err(|error| refused(error.into()))?;
        if arguments.simulate {
            let directory = match path.is_dir() {
                true => path.as_path(),
                false => path.parent().unwrap_or(Path::new(".")),
            };
            let goal = FleetGoal {
                traffic: &traffic,
                utilisation: arguments.utilisation,
                zones: arguments.zones,
                hop_s: arguments.hop.as_secs_f64(),
                prices: ladder.prices.as_ref(),
            };
            plan.simulations = simulations::simulations(&ladder, directory, &goal);
        }
    }
    if arguments.latency {
        plan.latencies = latencies::latencies();
    }
    match arguments.json {
        true => print::json(&plan)?,
        false => print::out(&page(&plan).terminal(print::colour()))?,
    }
    Ok(Exit::Met)
}

/// Reads the rate that a search found to be sustained.
fn sustained(path: &Path) -> anyhow::Result<f64> {
    let report: SearchReport = read(path, "knee.json", "answer of `tenfold knee`")?;
    let sustained = report.answer.sustained.filter(|rate| *rate > 0.0);
    sustained.ok_or_else(|| {
        UsageError(format!(
            "no rate was sustained in the search of {}",
            path.display()
        ))
        .into()
    })
}

/// Reads a file, or the one of this name in a directory. `what` it is to be, for people.
fn read<T: DeserializeOwned>(path: &Path, name: &str, what: &str) -> anyhow::Result<T> {
    let file = match path.is_dir() {
        true => path.join(name),
        false => path.to_owned(),
    };
    let text = std::fs::read_to_string(&file).map_err(|error| {
        let reason = match error.kind() {
            std::io::ErrorKind::NotFound => {
                format!("there is no such file; give the {what}, or its directory")
            }
            _ => error.to_string(),
        };
        UsageError(format!("could not read {}: {reason}", file.display()))
    })?;
    serde_json::from_str(&text)
        .map_err(|error| UsageError(format!("{} is no {what}: {error}", file.display())).into())
}
