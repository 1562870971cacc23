//! `tenfold run`: send the traffic of a scenario to a service, and report the results.

mod once;

use tenfold_lab::Lab;
use tenfold_loadgen::{Interrupt, Target};
use tenfold_measure::{Invocation, Measurement, Probe};
use tenfold_run_dir::RunDir;
use tenfold_scenarios::Scenario;

use crate::arguments::run::RunArguments;
use crate::exit::Exit;
use crate::live::{Live, Plan};
use crate::output::run_report::RunReport;
use crate::output::{destination, exports, print};
use crate::permission::host_guard;
use crate::service::{Service, Subject};
use crate::{interrupt, library};

/// Runs a scenario, or previews it.
pub(crate) fn run(arguments: &RunArguments) -> anyhow::Result<Exit> {
    let output = &arguments.output;
    let overrides = arguments.overrides();
    let scenario = library::find(&arguments.scenario)?.with(&overrides)?;
    let subject = Subject::of(&arguments.service)?;
    exports::check(&output.export, output.json)?;
    for file in output
        .export
        .iter()
        .filter_map(|export| export.file.as_ref())
    {
        destination::refuse_input(file, &[&arguments.scenario])?;
    }
    if arguments.check {
        return check(arguments, &subject.target, &scenario);
    }
    if arguments.once {
        return once::once(arguments, scenario, subject);
    }
    let fitted = tenfold_measure::fit_users(scenario, overrides.users.is_some())?;
    if let Some(note) = &fitted.note {
        print::note(note);
    }
    let scenario = fitted.scenario;
    let interrupt = interrupt::catch()?;
    let service = subject.start(
        &arguments.service,
        &scenario,
        &format!("tenfold run {}", arguments.scenario),
        &interrupt,
    )?;
    let path = arguments
        .out
        .clone()
        .unwrap_or_else(|| tenfold_measure::default_path("runs", &scenario.name));
    let run_dir = RunDir::create(&path)?;
    let done = service.answering(|| run_into(&run_dir, scenario, arguments, &service, interrupt));
    let stopped = service.lab.map_or(Ok(()), Lab::stop);
    let exit = done?;
    stopped?;
    Ok(exit)
}

/// Prints a preview of the scenario, and sends nothing.
fn check(arguments: &RunArguments, target: &Target, scenario: &Scenario) -> anyhow::Result<Exit> {
    host_guard::judge_literals(
        target,
        arguments.service.target.admin.as_deref(),
        &arguments.service.permission.hosts,
    )?;
    let preview = tenfold_scenarios::preview(scenario);
    if arguments.output.json {
        print::json(&preview)?;
    } else {
        print::out(&preview.to_string())?;
    }
    Ok(Exit::Met)
}

fn run_into(
    run_dir: &RunDir,
    scenario: Scenario,
    arguments: &RunArguments,
    service: &Service,
    interrupt: Interrupt,
) -> anyhow::Result<Exit> {
    let plan = Plan::of(&scenario, &service.endpoint.target.to_string());
    let live = &arguments.live;
    let mut live = Live::new(plan, live.no_live, live.metrics_listen).inspect_err(|_| {
        // Nothing is in it yet.
        let _ = std::fs::remove_dir(run_dir.path());
    })?;
    let measurement = Measurement {
        scenario,
        endpoint: service.endpoint.clone(),
        journeys: tenfold_loadgen::Journeys::default(),
        candidate: None,
        sessions: tenfold_loadgen::KnownSessions::default(),
        probe: match arguments.service.target.no_profile {
            true => Probe::NoProfile,
            false => Probe::Full,
        },
        profiled_pid: arguments.service.target.pid,
        metrics: arguments.service.target.metrics.clone(),
        components: arguments.service.target.components()?,
        lab: service.lab.as_ref(),
        stage: None,
        invocation: Invocation {
            overrides: arguments.overrides(),
            command: arguments.command(),
        },
        interrupt,
        observer: &mut live,
    };
    let measured = measurement.record(run_dir).inspect_err(|_| {
        if run_dir.file("counts.json").exists() {
            print::note(&format!(
                "the measurements up to that point are kept; see them with `tenfold report {}`",
                run_dir.path().display()
            ));
        }
    })?;
    for note in measured
        .profile_notes
        .iter()
        .chain(&measured.component_notes)
    {
        print::note(&format!("note: {note}"));
    }
    let report = RunReport {
        html: None,
        json: arguments.output.json,
        exports: &arguments.output.export,
    };
    let counts = &measured.recording.counts;
    if counts.aborted.is_some()
        && let Some(reason) = &counts.interrupted
    {
        print::note(reason);
    }
    let (summary, _) = report.publish(&run_dir.read()?)?;
    Ok(Exit::of(&summary, counts))
}
