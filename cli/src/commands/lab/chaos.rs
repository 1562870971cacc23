//! `tenfold lab chaos`: break parts of a lab under load, and check that no acknowledged write is lost.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::Context as _;
use tenfold_lab::{
    LabStatus, PlannedFault, incident_log_path, plan_faults, scaling_log_path, victims,
};
use tenfold_loadgen::{DialOptions, Interrupt, Journeys, KnownSessions, TlsOptions};
use tenfold_measure::{Endpoint, Invocation, Measurement, Observer, Probe};
use tenfold_run_dir::RunDir;
use tenfold_run_dir::faults::Faults;
use tenfold_run_dir::incident::Incident;
use tenfold_run_dir::scaling::{ScaledGroup, Scaling};
use tenfold_scenarios::{Overrides, Scenario};

use crate::arguments::lab::ChaosArguments;
use crate::chaos::{Breaking, WrittenPosts, break_parts, disk_of, load, reading_back};
use crate::commands::lab::status;
use crate::exit::{Exit, UsageError};
use crate::interrupt;
use crate::output::print;
use crate::output::run_report::RunReport;
use crate::permission::host_guard;

/// Load before and after the faults.
const CALM: Duration = Duration::from_secs(5);

/// Breaks parts of a lab that is up, and reports what users saw.
pub(crate) fn chaos(arguments: &ChaosArguments) -> anyhow::Result<Exit> {
    let directory = &arguments.directory.dir;
    let before = status(directory)?;
    let mut victims = victims(&before);
    victims.extend(disk_of(directory));
    let plan = plan_faults(arguments.seed, arguments.every, arguments.total, &victims);
    if plan.is_empty() {
        return Err(UsageError(
            "no fault fits into the time; choose a longer time for --for, or a shorter one for --every".to_owned(),
        )
        .into());
    }
    let endpoint = endpoint(&before)?;
    let interrupt = interrupt::catch()?;
    let path = arguments
        .out
        .clone()
        .unwrap_or_else(|| tenfold_measure::default_path("runs", "chaos"));
    let run_dir = RunDir::create(&path)?;
    let posts = WrittenPosts::default();
    print::note(&format!(
        "{} faults in {} s, with seed {}",
        plan.len(),
        arguments.total.as_secs(),
        arguments.seed
    ));
    let (scenario, journeys) = load(&posts);
    let overrides = Overrides {
        duration: Some(arguments.total + CALM),
        ..Overrides::default()
    };
    let scenario = Scenario::parse(scenario, Path::new("load.toml"))?.with(&overrides)?;
    let traffic = Traffic {
        scenario,
        journeys,
        endpoint: &endpoint,
        command: arguments.command(),
    };
    let looked = SystemTime::now();
    let (started, mut faults) = under_load(traffic, &run_dir, directory, &plan, &interrupt)?;
    faults.seed = arguments.seed;
    write_logs(&run_dir, directory, &before, (looked, started))?;
    // The report has the faults even if the posts can't be read back.
    run_dir.write_faults(&faults)?;
    if !*interrupt.borrow() {
        read_back(&posts, &endpoint)?;
        faults.writes = Some(posts.result());
        run_dir.write_faults(&faults)?;
    }
    let report = RunReport {
        html: None,
        json: arguments.json,
        exports: &[],
        trace_url: None,
    };
    report.publish(&run_dir.read()?)?;
    let writes = faults.writes.unwrap_or_default();
    Ok(match () {
        () if *interrupt.borrow() => Exit::Interrupted,
        () if !writes.lost.is_empty() || writes.unread > 0 => Exit::SloMissed,
        () => Exit::Met,
    })
}

/// Returns the entrance of a lab.
fn endpoint(status: &LabStatus) -> anyhow::Result<Endpoint> {
    let entrance = status.entrance.as_ref();
    let entrance = entrance.context("the stage has no box that listens")?;
    let dial = DialOptions {
        tls: TlsOptions {
            ca: entrance.ca.clone(),
            ..TlsOptions::default()
        },
        ..DialOptions::default()
    };
    let target = entrance
        .url
        .parse::<tenfold_loadgen::Target>()?
        .with(dial)?;
    host_guard::clear(target, None, &[], false)
}

/// Load to send.
pub(super) struct Traffic<'a> {
    pub(super) scenario: Scenario,
    pub(super) journeys: Journeys,
    pub(super) endpoint: &'a Endpoint,
    pub(super) command: Vec<String>,
}

impl Traffic<'_> {
    pub(super) fn send(
        self,
        run_dir: &RunDir,
        interrupt: &Interrupt,
        probe: Probe,
        observer: &mut dyn Observer,
    ) -> anyhow::Result<()> {
        let measurement = Measurement {
            scenario: self.scenario,
            endpoint: self.endpoint.clone(),
            generators: None,
            journeys: self.journeys,
            candidate: None,
            sessions: KnownSessions::default(),
            probe,
            profiled_pid: None,
            metrics: Vec::new(),
            components: Vec::new(),
            lab: None,
            stage: None,
            invocation: Invocation {
                overrides: Overrides::default(),
                command: self.command,
            },
            interrupt: interrupt.clone(),
            feed: None,
            observer,
        };
        measurement.record(run_dir)?;
        Ok(())
    }
}

/// Reports the start of the load, once its users are logged in.
pub(super) struct Starting(Option<mpsc::Sender<(Instant, SystemTime)>>);

impl Starting {
    /// Reports to this channel.
    pub(super) fn new(sender: mpsc::Sender<(Instant, SystemTime)>) -> Self {
        Self(Some(sender))
    }
}

impl Observer for Starting {
    fn on_start(&mut self, start: Instant) {
        let now = SystemTime::now();
        if let Some(sender) = self.0.take() {
            // The receiver waits for it.
            let _ = sender.send((start, now.checked_sub(start.elapsed()).unwrap_or(now)));
        }
    }
}

/// Sends the load, and breaks the parts meanwhile. Returns the start of the load, and the faults.
fn under_load(
    traffic: Traffic<'_>,
    run_dir: &RunDir,
    directory: &Path,
    plan: &[PlannedFault],
    interrupt: &Interrupt,
) -> anyhow::Result<(SystemTime, Faults)> {
    let has_ended = AtomicBool::new(false);
    let is_over = || *interrupt.borrow() || has_ended.load(Ordering::Relaxed);
    std::thread::scope(|scope| {
        let (sender, receiver) = mpsc::channel();
        let breaker = scope.spawn(move || {
            // An error: the load failed before its first request.
            let (start, started) = receiver.recv().ok()?;
            let breaking = Breaking {
                directory,
                start,
                is_over: &is_over,
            };
            Some((started, break_parts(&breaking, plan)))
        });
        let mut observer = Starting::new(sender);
        let sent = traffic.send(run_dir, interrupt, Probe::NoProfile, &mut observer);
        drop(observer);
        has_ended.store(true, Ordering::Relaxed);
        let broken = breaker
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        sent?;
        let (started, faults) = broken.context("the load did not start")?;
        Ok((
            started,
            Faults {
                faults,
                ..Faults::default()
            },
        ))
    })
}

/// Reads every acknowledged post back.
fn read_back(posts: &WrittenPosts, endpoint: &Endpoint) -> anyhow::Result<()> {
    let scratch = tempfile::tempdir().context("could not create a temporary directory")?;
    let run_dir = RunDir::create(&scratch.path().join("check"))?;
    let (end, ended) = tokio::sync::watch::channel(false);
    let (scenario, journeys) = reading_back(posts, move || {
        end.send_replace(true);
    });
    print::note("reading every acknowledged write back");
    let traffic = Traffic {
        scenario: Scenario::parse(scenario, Path::new("check.toml"))?,
        journeys,
        endpoint,
        command: Vec::new(),
    };
    traffic.send(&run_dir, &ended, Probe::Off, &mut Starting(None))
}

/// Keeps the lab's events and incidents of the run.
fn write_logs(
    run_dir: &RunDir,
    directory: &Path,
    before: &LabStatus,
    (looked, started): (SystemTime, SystemTime),
) -> anyhow::Result<()> {
    let read = |path: &Path| std::fs::read_to_string(path).unwrap_or_default();
    let unix_ms = |time: SystemTime| {
        let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    };
    if before.watching.is_some() {
        let log = read(&incident_log_path(directory));
        run_dir.write_incidents(&Incident::of_log(&log, unix_ms(started)))?;
    }
    if !before.groups.is_empty() {
        let groups = before.groups.iter().map(|own| ScaledGroup {
            name: own.name.clone(),
            wish: own.wish,
            ready: own.ready,
            min_replicas: own.min_replicas,
            max_replicas: own.max_replicas,
        });
        let mut scaling = Scaling {
            groups: groups.collect(),
            events: Vec::new(),
        };
        let log = read(&scaling_log_path(directory));
        scaling.add_log(&log, unix_ms(looked), unix_ms(started));
        run_dir.write_scaling(&scaling)?;
    }
    Ok(())
}
