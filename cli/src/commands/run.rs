//! `tenfold run`: send the traffic of a scenario to a service, and report the results.

mod once;

use std::num::NonZeroUsize;

use anyhow::Context as _;
use tenfold_lab::Lab;
use tenfold_loadgen::{Interrupt, Target};
use tenfold_measure::{Generators, Invocation, Measurement, OnLoss, Place, Probe};
use tenfold_run_dir::RunDir;
use tenfold_scenarios::Scenario;
use tenfold_telemetry::{Description, Publisher};

use crate::agents::{self, Mustered};
use crate::arguments::groups::agents::OnLostAgent;
use crate::arguments::run::RunArguments;
use crate::exit::{Exit, UsageError};
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
    // Refused before a service or an agent is started.
    arguments.telemetry.settings()?;
    if arguments.agents.are_wanted() {
        refuse_for_agents(arguments)?;
    }
    for file in output
        .export
        .iter()
        .filter_map(|export| export.file.as_ref())
    {
        destination::refuse_input(file, &[&arguments.scenario])?;
    }
    if let Some(count) = arguments.generators {
        tenfold_measure::refuse_generators(&scenario, subject.dial.connections, count)?;
    }
    if arguments.check {
        return check(arguments, &subject.target, &scenario);
    }
    if arguments.once {
        return once::once(arguments, scenario, subject);
    }
    let connections = subject.dial.connections;
    let interrupt = interrupt::catch()?;
    let (scenario, mustered) = match arguments.agents.are_wanted() {
        true => {
            let mustered = agents::muster(&arguments.agents, &scenario, &interrupt)?;
            tenfold_measure::refuse_generators(&scenario, connections, mustered.count)?;
            print::note(&format!("agents: {}", mustered.names.join(", ")));
            (scenario, Some(mustered))
        }
        false => {
            let fitted = tenfold_measure::fit_users(scenario, overrides.users.is_some())?;
            if let Some(note) = &fitted.note {
                print::note(note);
            }
            (fitted.scenario, None)
        }
    };
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
    let generators = match mustered {
        Some(mustered) => Some(of_agents(arguments, mustered)?),
        None => {
            let count = generator_count(arguments, &scenario, connections, &service);
            generators(arguments, count)?
        }
    };
    let done = service.answering(|| {
        run_into(
            (&run_dir, generators),
            scenario,
            arguments,
            &service,
            interrupt,
        )
    });
    let stopped = service.lab.map_or(Ok(()), Lab::stop);
    let exit = done?;
    stopped?;
    Ok(exit)
}

/// Refuses what agents on other machines can't do.
fn refuse_for_agents(arguments: &RunArguments) -> Result<(), UsageError> {
    let reason = match arguments {
        _ if arguments.generators.is_some() => {
            "--generators is for this machine alone: leave it out, and start several agents on a machine with several cores"
        }
        _ if arguments.once => {
            "--once sends from this machine: leave out --agents and --agent-label"
        }
        _ if arguments.service.target.url.is_none() => {
            "agents on other machines can't reach a stage on this one: give the URL of the service with --target"
        }
        _ => return Ok(()),
    };
    Err(UsageError(reason.to_owned()))
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
        print::out(&format!("{preview}\n"))?;
    }
    Ok(Exit::Met)
}

/// Returns the number of generators: the one that is asked for, or the one that the rate asks for.
fn generator_count(
    arguments: &RunArguments,
    scenario: &Scenario,
    connections: Option<u32>,
    service: &Service,
) -> u32 {
    if let Some(count) = arguments.generators {
        return count;
    }
    let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let is_local = service.lab.is_some() || service.endpoint.is_local() == Some(true);
    let count = tenfold_measure::generators_for(scenario, connections, cores, is_local);
    if count > 1 {
        print::note(&format!(
            "note: {count} generators share the load (--generators)"
        ));
    }
    count
}

/// Returns the generators of a run with several. `None` for one.
fn generators(arguments: &RunArguments, count: u32) -> anyhow::Result<Option<Generators>> {
    if count <= 1 {
        return Ok(None);
    }
    let program = std::env::current_exe().context("could not find this program's own file")?;
    Ok(Some(Generators {
        count,
        place: Place::Processes {
            command: (program, vec!["generator".to_owned()]),
        },
        permitted_hosts: host_guard::plain_hosts(&arguments.service.permission.hosts)?,
        on_loss: OnLoss::Continue,
    }))
}

/// Returns the generators of a run whose load agents send.
fn of_agents(arguments: &RunArguments, mustered: Mustered) -> anyhow::Result<Generators> {
    Ok(Generators {
        count: mustered.count,
        place: Place::Crew(mustered.crew),
        permitted_hosts: host_guard::plain_hosts(&arguments.service.permission.hosts)?,
        on_loss: match arguments.agents.on_lost_agent {
            OnLostAgent::Continue => OnLoss::Continue,
            OnLostAgent::Stop => OnLoss::Stop,
        },
    })
}

/// Starts to send what the run measures to other systems. `None` if nothing is sent.
fn publisher(
    run_dir: &RunDir,
    scenario: &Scenario,
    arguments: &RunArguments,
    service: &Service,
) -> anyhow::Result<Option<Publisher>> {
    let Some(settings) = arguments.telemetry.settings()? else {
        return Ok(None);
    };
    let path = run_dir.path();
    let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let run = path.file_name().unwrap_or_default().to_string_lossy();
    let target = service.endpoint.target.to_string();
    let description = Description::of(scenario, &target, &run);
    let started = Publisher::start(settings, description);
    Ok(Some(
        started.map_err(|error| UsageError(error.to_string()))?,
    ))
}

fn run_into(
    (run_dir, generators): (&RunDir, Option<Generators>),
    scenario: Scenario,
    arguments: &RunArguments,
    service: &Service,
    interrupt: Interrupt,
) -> anyhow::Result<Exit> {
    let target = &service.endpoint.target;
    let count = generators.as_ref().map_or(1, |own| own.count);
    let (target, flag) = match &generators {
        None => (target.to_string(), None),
        Some(own) => match own.place {
            Place::Processes { .. } => (
                format!("{target} from {count} generators"),
                Some("--generators"),
            ),
            Place::Crew(_) => (format!("{target} from {count} agents"), Some("--agents")),
        },
    };
    let plan = Plan::of(&scenario, &target);
    let live = &arguments.live;
    let view = || {
        let publisher = publisher(run_dir, &scenario, arguments, service)?;
        let feed = publisher.as_ref().map(Publisher::feed);
        let live = Live::new(plan, live.no_live, live.metrics_listen, publisher)?;
        anyhow::Ok((live, feed))
    };
    let (mut live, feed) = view().inspect_err(|_| {
        // Nothing is in it yet.
        let _ = std::fs::remove_dir(run_dir.path());
    })?;
    let mut command = arguments.command();
    if let Some(flag) = flag {
        command.extend([flag.to_owned(), count.to_string()]);
    }
    let measurement = Measurement {
        scenario,
        endpoint: service.endpoint.clone(),
        generators,
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
            command,
        },
        interrupt,
        feed,
        observer: &mut live,
    };
    let measured = measurement.record(run_dir).inspect_err(|_| {
        if run_dir.is_recorded() {
            print::note(&format!(
                "the measurements up to that point are kept; see them with `tenfold report {}`",
                run_dir.path().display()
            ));
        }
    })?;
    live.finish_publishing();
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
        trace_url: arguments.output.trace_url.as_ref(),
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
