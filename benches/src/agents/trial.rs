//! One run of a number of agents.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use serde::{Deserialize, Serialize};
use tenfold_measure::shared_clock;
use tenfold_probe::process_tree::{CpuStamp, MemoryWatch};

use super::nats::NatsServer;
use super::simulated::{RECORD, WAITS};
use crate::generator::server::Server;
use crate::output::spread::Spread;
use crate::workshop::Workshop;
use crate::workshop::child::{Child, Confines};

/// Limit on open files with which a controller starts: the usual one.
pub(super) const OPEN_FILES: u64 = 1_024;

/// Users of each agent.
const USERS_EACH: u32 = 8;

/// Warm-up of the scenario.
const WARM_UP: Duration = Duration::from_secs(1);

/// Time from the start of the load to that of the measured time.
const LEAD: Duration = Duration::from_secs(3);

/// Time limit for the agents to wait for runs, and for a run to begin and to end.
const TIMEOUT: Duration = Duration::from_secs(180);

/// Pause between two looks at the controller.
pub(super) const LOOK: Duration = Duration::from_millis(20);

/// Agents whose records are followed on their way.
const FOLLOWED: u32 = 10;

/// Log of a record.
const LOG: &str = "intervals.hlog";

/// Name of the controller's connection.
const CONTROLLER: &str = "tenfold run";

/// A load of many agents.
#[derive(Debug, Clone, Copy)]
pub(super) struct Load {
    pub(super) agents: u32,
    /// Requests per second of each agent.
    pub(super) rate_each: u32,
    /// Length of the load after the warm-up.
    pub(super) length: Duration,
}

impl Load {
    /// Length of the load with the warm-up.
    fn total(&self) -> Duration {
        WARM_UP + self.length
    }
}

/// The figures of one run.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Trial {
    /// Number of agents.
    pub(crate) agents: u32,
    /// Time from the start of the controller to that of the load, in seconds.
    pub(crate) barrier_s: f64,
    /// Largest uncertainty of an agent's clock, in milliseconds.
    pub(crate) clock_error_ms: f64,
    /// CPUs that the controller used while load was sent.
    pub(crate) cores: f64,
    /// CPUs that the NATS server used meanwhile.
    pub(crate) nats_cores: f64,
    /// CPUs that all agents and their generator used meanwhile.
    pub(crate) agents_cores: f64,
    /// Most resident memory of the controller while load was sent, in bytes.
    pub(crate) load_memory_bytes: u64,
    /// Most resident memory of the controller until its end, in bytes.
    pub(crate) peak_memory_bytes: u64,
    /// Messages that the controller received per second of the load.
    pub(crate) messages_received_per_s: f64,
    /// Messages that the controller sent per second of the load.
    pub(crate) messages_sent_per_s: f64,
    /// Bytes that the controller received per second of the load.
    pub(crate) bytes_received_per_s: f64,
    /// Bytes that the controller sent per second of the load.
    pub(crate) bytes_sent_per_s: f64,
    /// Delay of the merged live view behind the second that it shows, in milliseconds. `None` without a line.
    pub(crate) view_lag_ms: Option<Spread>,
    /// Delay of the records at the controller behind those of the agents, in milliseconds. `None` if there were none.
    pub(crate) record_lag_ms: Option<Spread>,
    /// Time from the end of the load to that of the controller, in seconds.
    pub(crate) closing_s: f64,
    /// CPU time of the controller in that time, in seconds.
    pub(crate) closing_cpu_s: f64,
    /// Agents that were lost.
    pub(crate) lost: usize,
}

/// The parts of the summary that are used here.
#[derive(Debug, Deserialize)]
struct Summary {
    generators: u32,
    agents: Agents,
}

#[derive(Debug, Deserialize)]
struct Agents {
    lost: Vec<String>,
}

impl Trial {
    /// Returns the figures in a line.
    pub(super) fn line(&self) -> String {
        let worst = |spread: &Option<Spread>| spread.map_or(0.0, |own| own.greatest);
        format!(
            "{} agents: started after {:.1} s, {:.3} CPUs, {:.0} MB under load, {:.0} MB at most, {:.0} messages/s in, {:.0}/s out, \
             view {:.0} ms and records {:.0} ms behind at most, closed in {:.1} s, {} lost",
            self.agents,
            self.barrier_s,
            self.cores,
            self.load_memory_bytes as f64 / 1e6,
            self.peak_memory_bytes as f64 / 1e6,
            self.messages_received_per_s,
            self.messages_sent_per_s,
            worst(&self.view_lag_ms),
            worst(&self.record_lag_ms),
            self.closing_s,
            self.lost,
        )
    }
}

/// Runs a load with simulated agents, and measures the controller.
pub(super) fn take(workshop: &Workshop, server: &Server, load: &Load) -> anyhow::Result<Trial> {
    let folder = workshop.folder("agents")?;
    let nats = NatsServer::start(&folder, workshop)?;
    let simulated = start_agents(workshop, &folder, &nats, load.agents)?;
    let began = Instant::now();
    let mut controller = start_controller(workshop, &folder, &nats, server, load)?;
    let mut memory = MemoryWatch::default();
    workshop.interrupt().wait(TIMEOUT, || {
        memory.look(controller.pid());
        start_of(&simulated).is_some() || controller.has_ended()
    })?;
    let start = start_of(&simulated)
        .with_context(|| format!("the load did not begin: {}", controller.last_words()))?;
    let end = start + load.total();
    let mut lags = Lags::new(&folder, load, start);
    let wait = |until: Instant, memory: &mut MemoryWatch, lags: &mut Lags| {
        let time = until.saturating_duration_since(Instant::now());
        let mut next = Instant::now();
        workshop.interrupt().wait(time, || {
            if Instant::now() >= next {
                next = Instant::now() + LOOK;
                memory.look(controller.pid());
                lags.look(&controller);
            }
            controller.has_ended()
        })
    };
    let look = || {
        let cpu = [controller.pid(), nats.pid(), simulated.pid()].map(CpuStamp::of);
        anyhow::Ok((Instant::now(), cpu, nats.traffic(CONTROLLER)?))
    };
    wait(start + LEAD, &mut memory, &mut lags)?;
    let first = look()?;
    wait(end, &mut memory, &mut lags)?;
    let last = look().with_context(|| format!("it ended early: {}", controller.last_words()))?;
    let load_memory_bytes = memory.peak_bytes();
    lags.is_over = true;
    let mut at_end = last.1[0].clone();
    workshop.interrupt().wait(TIMEOUT, || {
        memory.look(controller.pid());
        lags.look(&controller);
        let has_ended = controller.has_ended();
        if !has_ended {
            at_end = CpuStamp::of(controller.pid());
        }
        has_ended
    })?;
    let closing_s = end.elapsed().as_secs_f64();
    if !controller.has_ended() {
        bail!("it did not end within {TIMEOUT:?} after its load");
    }
    controller.end();
    let summary: Summary = serde_json::from_str(&controller.output())
        .with_context(|| format!("could not read its result: {}", controller.last_words()))?;
    if summary.generators != load.agents {
        bail!("only {} agents took part", summary.generators);
    }
    let wall = last.0.duration_since(first.0).as_secs_f64();
    let cores = |index: usize| last.1[index].since(&first.1[index]).as_secs_f64() / wall;
    let traffic = last.2.since(first.2);
    Ok(Trial {
        agents: load.agents,
        barrier_s: start.duration_since(began).as_secs_f64(),
        clock_error_ms: clock_error_ms(&folder)?,
        cores: cores(0),
        nats_cores: cores(1),
        agents_cores: cores(2),
        load_memory_bytes,
        peak_memory_bytes: memory.peak_bytes(),
        messages_received_per_s: traffic.messages_received as f64 / wall,
        messages_sent_per_s: traffic.messages_sent as f64 / wall,
        bytes_received_per_s: traffic.bytes_received as f64 / wall,
        bytes_sent_per_s: traffic.bytes_sent as f64 / wall,
        view_lag_ms: Spread::of(lags.view_ms),
        record_lag_ms: Spread::of(lags.records_ms),
        closing_s,
        closing_cpu_s: at_end.since(&last.1[0]).as_secs_f64(),
        lost: summary.agents.lost.len(),
    })
}

/// Returns the largest uncertainty of an agent's clock, in milliseconds.
fn clock_error_ms(folder: &Path) -> anyhow::Result<f64> {
    let text = fs::read(folder.join("run/agents.json")).context("could not read agents.json")?;
    let agents: tenfold_run_dir::agents::Agents =
        serde_json::from_slice(&text).context("could not parse agents.json")?;
    let clocks = agents.agents.iter().filter_map(|own| own.clock);
    let worst = clocks.map(|clock| clock.uncertainty_ns).max();
    Ok(worst.context("no clock is known")? as f64 / 1e6)
}

/// Starts the agents, and waits until all of them wait for runs.
fn start_agents(
    workshop: &Workshop,
    folder: &Path,
    nats: &NatsServer,
    agents: u32,
) -> anyhow::Result<Child> {
    let own = std::env::current_exe().context("could not find the path of this program")?;
    let mut command = Command::new(own);
    command
        .args(["simulated-agents", "--nats", &nats.url()])
        .args(["--agents", &agents.to_string()])
        .arg("--directory")
        .arg(folder.join("records"))
        .arg("--tenfold")
        .arg(workshop.tenfold());
    let child = Child::start("simulated", &command, &Confines::default(), folder)?;
    let wait = |child: &Child| child.errors().matches(WAITS).count() >= agents as usize;
    workshop
        .interrupt()
        .wait(TIMEOUT, || wait(&child) || child.has_ended())?;
    if !wait(&child) {
        bail!("the agents did not start: {}", child.last_words());
    }
    Ok(child)
}

fn start_controller(
    workshop: &Workshop,
    folder: &Path,
    nats: &NatsServer,
    server: &Server,
    load: &Load,
) -> anyhow::Result<Child> {
    let rate = format!("{}/s", u64::from(load.rate_each) * u64::from(load.agents));
    let [agents, users] = [load.agents, load.agents * USERS_EACH].map(|own| own.to_string());
    let length = format!("{}s", load.length.as_secs());
    let mut command = Command::new(workshop.tenfold());
    command
        .current_dir(folder)
        .arg("run")
        .arg(workshop.full_job())
        .args(["--target", &server.url(), "--nats", &nats.url()])
        .args(["--agents", &agents, "--agent-wait", "30s"])
        // Agents on one machine answer one after the other.
        .args(["--clock-error-max", "2s"])
        .args(["--rate", &rate, "--users", &users, "--duration", &length])
        .args(["--no-profile", "--no-live", "--json", "--out", "run"]);
    let confines = Confines {
        processor: None,
        open_files: Some(OPEN_FILES),
    };
    Child::start("controller", &command, &confines, folder)
}

/// Returns the start of the load, once it is ordered.
fn start_of(simulated: &Child) -> Option<Instant> {
    let output = simulated.output();
    let line = output.lines().next().filter(|_| output.ends_with('\n'))?;
    shared_clock::instant_of(line.parse().ok()?)
}

/// Delays of what the controller knows.
struct Lags {
    start: Instant,
    /// Length of the load, in whole seconds, as a line shows it.
    total: String,
    /// The log of the shared generator.
    original: PathBuf,
    /// When it had grown to more bytes than before.
    growth: Vec<(Instant, u64)>,
    /// Logs at the controller.
    copies: Vec<PathBuf>,
    /// Lines that were seen.
    lines: usize,
    is_over: bool,
    view_ms: Vec<f64>,
    records_ms: Vec<f64>,
}

impl Lags {
    fn new(folder: &Path, load: &Load, start: Instant) -> Self {
        let step = (load.agents / FOLLOWED).max(1) as usize;
        let copy = |number: u32| folder.join(format!("run/generators/{number}/{LOG}"));
        Self {
            start,
            total: format!("{} s", load.total().as_secs()),
            original: folder.join("records").join(RECORD).join(LOG),
            growth: Vec::new(),
            copies: (1..=load.agents).step_by(step).map(copy).collect(),
            lines: 0,
            is_over: false,
            view_ms: Vec::new(),
            records_ms: Vec::new(),
        }
    }

    /// Notes how far the controller is behind.
    fn look(&mut self, controller: &Child) {
        let now = Instant::now();
        let errors = controller.errors();
        let seconds = errors
            .lines()
            .filter_map(|line| second_of(line, &self.total));
        for second in seconds.clone().skip(self.lines) {
            let due = self.start + Duration::from_secs(second);
            let lag = now.saturating_duration_since(due);
            self.view_ms.push(lag.as_secs_f64() * 1e3);
        }
        self.lines = seconds.count();
        if self.is_over {
            return;
        }
        let length = |path: &Path| fs::metadata(path).map_or(0, |file| file.len());
        let grown = length(&self.original);
        if self.growth.last().map_or(0, |(_, before)| *before) < grown {
            self.growth.push((now, grown));
        }
        for copy in &self.copies {
            let arrived = length(copy);
            let behind = self.growth.iter().find(|(_, bytes)| *bytes > arrived);
            let lag = behind.map_or(Duration::ZERO, |(since, _)| now.duration_since(*since));
            self.records_ms.push(lag.as_secs_f64() * 1e3);
        }
    }
}

/// Returns the second that a line of the live view shows. `None` for other lines.
fn second_of(line: &str, total: &str) -> Option<u64> {
    let (second, rest) = line.trim_start().split_once('/')?;
    rest.starts_with(total).then(|| second.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_the_live_view_show_their_second() {
        let line = "  5/60 s  load  offered 200/s  achieved 199/s";
        assert_eq!(second_of(line, "60 s"), Some(5));
        assert_eq!(second_of(line, "61 s"), None);
        assert_eq!(second_of("agents: a, b", "60 s"), None);
        assert_eq!(second_of("http://127.0.0.1", "60 s"), None);
    }
}
