//! One trial: a number of generators, each in a box, at one rate.

use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use serde::{Deserialize, Serialize};
use tenfold_lab::{Allowance, ControlGroup, ControlGroups};
use tenfold_probe::process_tree::CpuStamp;

use crate::generator::server::Server;
use crate::workshop::Workshop;
use crate::workshop::child::{Child, Confines};

/// Users of each generator.
const USERS_EACH: u32 = 32;

/// Time from the first request to the measured time: the warm-up of the scenario, and half a second.
const LEAD: Duration = Duration::from_millis(1_500);

/// Time that the generators send beyond the measured time.
const SPARE_S: u64 = 2;

/// Time limit for the first request, and for the exit after the last.
const TIMEOUT: Duration = Duration::from_secs(40);

/// Achieved share of a rate from which on it is sustained.
const ACHIEVED_MIN: f64 = 0.99;

/// The control groups of the generators.
pub(super) struct Boxes<'a> {
    pub(super) groups: &'a ControlGroups,
    /// CPUs of each generator.
    pub(super) cpu: f64,
}

impl Boxes<'_> {
    /// Confines a process to a part of the CPUs, until the returned group is dropped, which kills it.
    pub(super) fn confine(&self, name: &str, pid: u32, cpu: f64) -> anyhow::Result<ControlGroup> {
        let group = self.groups.group(name)?;
        group.limit_cpu(Allowance {
            cpu,
            ..Allowance::default()
        })?;
        group
            .add(pid)
            .with_context(|| format!("could not confine {name}"))?;
        Ok(group)
    }
}

/// The result of a trial.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Trial {
    /// Number of generators.
    pub(crate) generators: u32,
    /// Planned rate, per second.
    pub(crate) asked_per_s: u32,
    /// Requests per second in the measured time, counted by the server.
    pub(crate) rate_per_s: f64,
    /// User and system time of the run and all its generators per request in the measured time, in microseconds.
    pub(crate) cpu_us: f64,
    /// CPUs that the server used in the measured time.
    pub(crate) server_cores: f64,
    /// Share of the scheduling periods in which a generator was throttled: the mean over the generators.
    pub(crate) throttled: f64,
    /// Requests that failed, and arrivals that were dropped.
    pub(crate) lost: u64,
    /// Lag at p99, in nanoseconds. `None` without requests.
    pub(crate) lag_p99_ns: Option<u64>,
    /// Verdict on the measurement.
    pub(crate) measurement: String,
}

/// The parts of the summary that are used here.
#[derive(Debug, Deserialize)]
struct Summary {
    verdict: Verdict,
    arrivals: Arrivals,
    generator: Generator,
}

#[derive(Debug, Deserialize)]
struct Verdict {
    measurement: String,
}

#[derive(Debug, Deserialize)]
struct Arrivals {
    failed: u64,
    dropped: u64,
}

#[derive(Debug, Deserialize)]
struct Generator {
    lag_p99_ns: Option<u64>,
}

impl Trial {
    /// Returns whether the rate was sustained: nearly all of it was achieved, nothing was lost, and the measurement is not invalid.
    pub(crate) fn is_sustained(&self) -> bool {
        self.rate_per_s >= ACHIEVED_MIN * f64::from(self.asked_per_s)
            && self.lost == 0
            && self.measurement != "invalid"
    }

    /// Returns the figures in a line.
    pub(crate) fn line(&self) -> String {
        format!(
            "{} generators at {}/s: {:.0}/s, {:.2} us of CPU a request, throttled in {:.0}% of the periods, {}",
            self.generators,
            self.asked_per_s,
            self.rate_per_s,
            self.cpu_us,
            self.throttled * 100.0,
            match self.is_sustained() {
                true => "sustained",
                false => "not sustained",
            }
        )
    }
}

/// Takes one trial of a number of generators at a rate.
pub(super) fn take(
    workshop: &Workshop,
    server: &Server,
    boxes: &Boxes<'_>,
    (generators, rate): (u32, u32),
    measured: Duration,
) -> anyhow::Result<Trial> {
    let folder = workshop.folder("generators")?;
    let counted = (LEAD + measured).as_secs() + SPARE_S;
    let mut command = Command::new(workshop.tenfold());
    command
        .arg("run")
        .arg(workshop.full_job())
        .args(["--target", &server.url()])
        .args(["--rate", &format!("{rate}/s")])
        .args(["-u", &(USERS_EACH * generators).to_string()])
        .args(["-d", &format!("{counted}s")])
        .args(["--generators", &generators.to_string()])
        .args(["--no-profile", "--no-live", "--json", "--out"])
        .arg(folder.join("run"));
    let interrupt = workshop.interrupt();
    let before = server.requests()?;
    let mut child = Child::start("tenfold", &command, &Confines::default(), &folder)?;
    let mut processes = Vec::new();
    interrupt.wait(TIMEOUT, || {
        processes = generators_of(child.pid(), generators);
        processes.len() == generators as usize || child.has_ended()
    })?;
    if processes.len() != generators as usize {
        bail!("the generators did not start: {}", child.last_words());
    }
    let groups = (1..)
        .zip(&processes)
        .map(|(number, pid)| boxes.confine(&format!("generator-{number}"), *pid, boxes.cpu));
    let groups: Vec<ControlGroup> = groups.collect::<anyhow::Result<_>>()?;
    let mut failed = None;
    interrupt.wait(TIMEOUT, || match server.requests() {
        Ok(count) => count > before || child.has_ended(),
        Err(error) => {
            failed = Some(error);
            true
        }
    })?;
    if let Some(error) = failed {
        return Err(error);
    }
    interrupt.wait(LEAD, || false)?;
    let look = || -> anyhow::Result<_> {
        let usage: Vec<_> = groups.iter().map(ControlGroup::usage).collect();
        let cpu = (CpuStamp::of(child.pid()), CpuStamp::of(server.pid()));
        Ok((Instant::now(), server.requests()?, cpu, usage))
    };
    let first = look()?;
    interrupt.wait(measured, || child.has_ended())?;
    let last = look()?;
    if child.has_ended() {
        bail!("it ended too early: {}", child.last_words());
    }
    if !child.wait(TIMEOUT, interrupt)? {
        bail!("it did not end within {TIMEOUT:?} after its time");
    }
    child.end();
    let summary: Summary = serde_json::from_str(&child.output())
        .with_context(|| format!("could not read its result: {}", child.last_words()))?;
    let requests = last.1.saturating_sub(first.1);
    let wall = last.0.duration_since(first.0).as_secs_f64();
    let throttled = first.3.iter().zip(&last.3).map(|(from, to)| {
        let periods = to.periods.saturating_sub(from.periods).max(1);
        to.periods_throttled.saturating_sub(from.periods_throttled) as f64 / periods as f64
    });
    Ok(Trial {
        generators,
        asked_per_s: rate,
        rate_per_s: requests as f64 / wall,
        cpu_us: last.2.0.since(&first.2.0).as_secs_f64() * 1e6 / requests.max(1) as f64,
        server_cores: last.2.1.since(&first.2.1).as_secs_f64() / wall,
        throttled: throttled.sum::<f64>() / f64::from(generators),
        lost: summary.arrivals.failed + summary.arrivals.dropped,
        lag_p99_ns: summary.generator.lag_p99_ns,
        measurement: summary.verdict.measurement,
    })
}

/// Returns the processes that send: the run itself if it is the only generator, else its children.
fn generators_of(run: u32, generators: u32) -> Vec<u32> {
    if generators == 1 {
        return vec![run];
    }
    let tasks = std::fs::read_dir(format!("/proc/{run}/task"))
        .into_iter()
        .flatten();
    let lists =
        tasks.filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("children")).ok());
    let children: Vec<u32> = lists
        .flat_map(|list| {
            list.split_whitespace()
                .filter_map(|pid| pid.parse().ok())
                .collect::<Vec<_>>()
        })
        .collect();
    let is_generator = |pid: &u32| {
        let command = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        command.split(|byte| *byte == 0).nth(1) == Some(b"generator")
    };
    children.into_iter().filter(is_generator).collect()
}
