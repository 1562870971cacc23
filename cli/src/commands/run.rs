//! `tenfold run`: send the traffic of a scenario to a service, and report the results.

mod once;

use std::path::Path;
use std::sync::mpsc::{self, TryRecvError};

use anyhow::Context as _;
use tenfold_lab::{Allowances, Lab, LabBox, Watch};
use tenfold_loadgen::{DialOptions, Interrupt, Target, TlsOptions};
use tenfold_measure::{Endpoint, Invocation, Measurement, Probe};
use tenfold_run_dir::RunDir;
use tenfold_scenarios::Scenario;

use crate::arguments::run::RunArguments;
use crate::exit::Exit;
use crate::live::{Live, Plan};
use crate::output::run_report::RunReport;
use crate::output::start_lines::StartLines;
use crate::output::{exports, print};
use crate::permission::host_guard;
use crate::{interrupt, library, stages};

/// Directory of the reference service's data, with one subdirectory for each stage and data set.
const LAB_DIRECTORY: &str = ".tenfold";

/// Directories of a stage beside its first, for runs beside each other: `.tenfold/STAGE-2` and so on.
const SPARE_DIRECTORIES: u32 = 15;

/// Target that represents any stage when connection flags are checked.
const STAGE_URL: &str = "http://127.0.0.1";

/// Runs a scenario, or previews it.
pub(crate) fn run(arguments: &RunArguments) -> anyhow::Result<Exit> {
    let output = &arguments.output;
    let overrides = arguments.overrides();
    let scenario = library::find(&arguments.scenario)?.with(&overrides)?;
    // A target that can't be used is an error before anything is started, and with --check.
    let dial = arguments.connections.options()?;
    let url = arguments.target.url.as_deref().unwrap_or(STAGE_URL);
    let target = url.parse::<Target>()?.with(dial.clone())?;
    exports::check(&output.export, output.json)?;
    if arguments.check {
        return check(arguments, &target, &scenario);
    }
    if dial.tls.insecure {
        print::note("note: certificates are not verified (--insecure), so anyone may be answering");
    }
    if arguments.once {
        return once::once(arguments, scenario, dial, target);
    }
    let fitted = tenfold_measure::fit_users(scenario, overrides.users.is_some())?;
    if let Some(note) = &fitted.note {
        print::note(note);
    }
    let scenario = fitted.scenario;
    let interrupt = interrupt::catch()?;
    let service = match &arguments.target.url {
        Some(_) => Service::running(arguments, target, follows_redirects(&scenario))?,
        None => Service::start(arguments, dial, &interrupt)?,
    };
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

/// Returns whether a request of the scenario follows redirects.
fn follows_redirects(scenario: &Scenario) -> bool {
    let mut requests = scenario.requests.iter();
    requests.any(|request| request.transport.follow > 0)
}

/// Prints a preview of the scenario, and sends nothing.
fn check(arguments: &RunArguments, target: &Target, scenario: &Scenario) -> anyhow::Result<Exit> {
    host_guard::judge_literals(
        target,
        arguments.target.admin.as_deref(),
        &arguments.permission.hosts,
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
        candidate: None,
        probe: match arguments.target.no_profile {
            true => Probe::NoProfile,
            false => Probe::Full,
        },
        profiled_pid: arguments.target.pid,
        metrics: arguments.target.metrics.clone(),
        lab: service.lab.as_ref(),
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
    for note in &measured.profile_notes {
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

/// The service under test.
struct Service {
    endpoint: Endpoint,
    /// Lab that runs it. `None` if it runs already.
    lab: Option<Lab>,
}

impl Service {
    /// Uses the service at `--target`, if load may be sent there.
    ///
    /// `follows` is true if the scenario follows redirects.
    fn running(arguments: &RunArguments, target: Target, follows: bool) -> anyhow::Result<Self> {
        let endpoint = host_guard::clear(
            target,
            arguments.target.admin.as_deref(),
            &arguments.permission.hosts,
            follows,
        )?;
        Ok(Self {
            endpoint,
            lab: None,
        })
    }

    /// Starts a stage of the reference service.
    fn start(
        arguments: &RunArguments,
        dial: DialOptions,
        interrupt: &Interrupt,
    ) -> anyhow::Result<Self> {
        let name = arguments.stage.name.as_deref().unwrap_or("single-box");
        let stage = stages::find(name)?;
        let program = std::env::current_exe().context("could not find this program's own file")?;
        // A store holds one data set.
        let mut name = stage.name.to_owned();
        for (flag, value) in arguments.data_set.written() {
            name.push_str(&flag.replace("--data", ""));
            name.push_str(&value);
        }
        let directory = Path::new(LAB_DIRECTORY).join(name);
        let mut options = tenfold_lab::LabOptions::new(program, &directory);
        options.spares = SPARE_DIRECTORIES;
        options.command = format!("tenfold run {}", arguments.scenario);
        options.listens = true;
        options.store_url = arguments.store.url.clone();
        if !arguments.stage.boxes.is_empty() {
            options.allowances = Allowances::new(arguments.stage.boxes.clone());
        }
        options.data_set = Some(arguments.data_set.options());
        print::note(&format!(
            "starting the reference service at stage {}",
            stage.name
        ));
        let mut lines = StartLines::new();
        let mut watch = Watch {
            is_over: &|| *interrupt.borrow(),
            on_status: &mut |status| lines.show(status),
        };
        let lab = tenfold_lab::up_watched(stage, &options, &mut watch)?;
        drop(lines);
        if lab.directory() != directory {
            print::note(&format!(
                "note: another lab is up in {}, so this one is in {}",
                directory.display(),
                lab.directory().display()
            ));
        }
        if let Some(reason) = lab.unconfined_because() {
            print::note(&format!("note: boxes have no limits: {reason}"));
        }
        let address = lab.address().context("the stage has no box that listens")?;
        let dial = DialOptions {
            tls: TlsOptions {
                ca: lab.ca().map(Path::to_owned),
                ..dial.tls
            },
            ..dial
        };
        let endpoint = host_guard::clear_loopback(address, lab.admin_address(), dial)?;
        Ok(Self {
            endpoint: Endpoint {
                pid: lab.service().and_then(LabBox::pid),
                ..endpoint
            },
            lab: Some(lab),
        })
    }

    /// Does `work` while `tenfold lab status` can show the lab.
    fn answering<T>(&self, work: impl FnOnce() -> T) -> T {
        let Some(lab) = &self.lab else {
            return work();
        };
        std::thread::scope(|scope| {
            let (running, ended) = mpsc::channel::<()>();
            scope.spawn(move || {
                lab.answer(&|| ended.try_recv() == Err(TryRecvError::Disconnected));
            });
            let done = work();
            // A panic drops it as well.
            drop(running);
            done
        })
    }
}
