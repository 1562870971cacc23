//! Steps of a ladder of the reference service.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use serde::Deserialize;
use tenfold_analysis::ladder::{LadderReport, Step};
use tenfold_analysis::plan::SimulatedStep;
use tenfold_run_dir::box_use::role_of;

use crate::plan::arguments::PlanArguments;
use crate::workshop::Workshop;
use crate::workshop::progress::report;
use crate::workshop::tenfold_run::{owned, tenfold};

/// Share of the knee at which response times are compared.
const LOAD: f64 = 0.7;

/// Directory for the load of 70%, below that of a step: `tenfold plan --simulate` reads it.
const MORE: &str = "load-70";

/// Time limit of the ladder, and of another command.
const CLIMB: Duration = Duration::from_secs(3_600);
const WITHIN: Duration = Duration::from_secs(600);

/// The part of a plan that is read.
#[derive(Debug, Deserialize)]
struct Simulated {
    simulations: Vec<SimulatedStep>,
}

/// Climbs the stages, loads each step with 70% of its knee, and simulates them.
pub(super) fn compare(
    arguments: &PlanArguments,
    workshop: &Workshop,
) -> anyhow::Result<Vec<SimulatedStep>> {
    let folder = workshop.folder("plan-ladder")?;
    let mut climb = owned(&["ladder", "--no-outages", "--out", "climb", "--stages"]);
    climb.push(arguments.stages.join(","));
    let sizes: Vec<String> = arguments.boxes.iter().map(f64::to_string).collect();
    match (sizes.is_empty(), arguments.quick) {
        (false, _) => climb.extend(["--boxes".to_owned(), sizes.join(",")]),
        (true, true) => climb.extend(owned(&["--boxes", "0.2"])),
        (true, false) => {}
    }
    if arguments.quick {
        climb.push("--quick".to_owned());
    }
    report("climbing");
    tenfold(workshop, &folder, &climb, CLIMB)?;
    let directory = folder.join("climb");
    let file = directory.join("ladder.json");
    let text = std::fs::read_to_string(&file)
        .with_context(|| format!("the ladder wrote no {}", file.display()))?;
    let ladder: LadderReport = serde_json::from_str(&text)?;
    for step in &ladder.steps {
        load(step, &directory, arguments.quick, workshop)?;
    }
    report("simulating");
    // The fleet is not compared: a small one is simulated quickly.
    let plan = [
        "plan",
        "--ladder",
        "climb",
        "--simulate",
        "--json",
        "--writes",
        "1M/month",
        "--reads",
        "100M/month",
    ];
    let output = tenfold(workshop, &folder, &owned(&plan), WITHIN)?;
    let plan: Simulated =
        serde_json::from_str(&output).context("`tenfold plan` printed no plan")?;
    Ok(plan.simulations)
}

/// Loads a step with 70% of its knee, in trials as those of a search.
fn load(step: &Step, directory: &Path, quick: bool, workshop: &Workshop) -> anyhow::Result<()> {
    let (Some(stage), Some(sustained)) = (&step.stage, step.sustained) else {
        return Ok(());
    };
    report(&format!("{} at 70% of {sustained:.0}/s", step.name));
    let rate = format!("{:.1}/s", LOAD * sustained);
    let budget = if quick { "40s" } else { "60s" };
    let mut load = owned(&[
        "knee", "uneven", "--stage", stage, "--rate", &rate, "--max", &rate, "--budget", budget,
        "--json", "--out", MORE,
    ]);
    let mut counts = BTreeMap::new();
    for own in &step.boxes {
        let role = role_of(&own.name);
        let count = counts.entry(role).or_insert(0_u32);
        *count += 1;
        if let (1, Some(cpu)) = (*count, own.cpu) {
            let memory = own.memory_bytes.unwrap_or(512 << 20) >> 20;
            load.extend(["--box".to_owned(), format!("{role}={cpu},{memory}MiB")]);
        }
    }
    for role in ["app", "web"] {
        if let Some(count) = counts.get(role).filter(|count| **count > 2) {
            load.extend(["--count".to_owned(), format!("{role}={count}")]);
        }
    }
    if step.name.contains("tuned") {
        load.push("--tuned".to_owned());
    }
    tenfold(workshop, &directory.join(&step.directory), &load, WITHIN)?;
    Ok(())
}
