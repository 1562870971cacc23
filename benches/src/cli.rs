//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::autoscale::{load, policy};
use crate::nosql::question::Question;
use crate::stages::Load;

/// Compare the generator with its peers, measure a gate's error rates, find each stage's capacity
#[derive(Debug, Parser)]
#[command(name = "scripts/bench", max_term_width = 100)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// A benchmark, or one of its helper processes.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Compare cost, lag, memory and scaling with those of the peers, against the same servers
    Generator(GeneratorArguments),
    /// Compare the rate and the cost of one, two and four generators, each confined to an equal part of a CPU
    Generators(GeneratorsArguments),
    /// Measure how often a gate fails an unchanged build, and how often it finds a planted slowdown
    Gate(GateArguments),
    /// Find the rate that each stage of the reference service sustains in boxes of one size
    Stages(StagesArguments),
    /// Plant one bottleneck at a time in services, and count how often the diagnosis names it
    Findings(FindingsArguments),
    /// Search for the knee of services of known capacity, and count how often the answer holds it
    Knee(KneeArguments),
    /// Compare simulated knees and response times with measured ones
    Plan(PlanArguments),
    /// Compare scaling policies under the same loads: what they cost, and what users saw
    Autoscale(AutoscaleArguments),
    /// Ask SQL and other kinds of stores the same questions, with the same data and as much CPU
    Nosql(NosqlArguments),
    /// Compare the service in parts that call each other with the whole service: what a hop costs
    Hops(HopsArguments),
    /// Count the reads of returning browsers that end at each level, from their own caches to the database, and what a level saves
    Caches(CachesArguments),
    /// Upload photos at twice the rate that a worker sustains, with a bounded queue and without a bound
    Overload(OverloadArguments),
    /// Compare the table of the posts with one in partitions by month
    Months(MonthsArguments),
    /// Measure what runs of 10, 100 and 1,000 agents cost the controller
    Agents(AgentsArguments),
    /// Write pages anew from their figures, such as after a change of wording
    Page(PageArguments),
    /// Serve each request for a fixed time, with a number of them at a time, until killed
    #[command(hide = true)]
    Permits(PermitsArguments),
    /// Act as a number of agents that share one generator, until standard input closes
    #[command(hide = true)]
    SimulatedAgents(SimulatedAgentsArguments),
    /// Serve 1 KB for every path until standard input closes
    #[command(hide = true)]
    BareHandler,
    /// Answer every gRPC call with 1 KB until standard input closes
    #[command(hide = true)]
    BareGrpc,
    /// Answer every WebSocket message with 1 KB until standard input closes
    #[command(hide = true)]
    BareChat,
    /// Serve small responses that cost a given amount of CPU and a given wait, until killed
    #[command(hide = true)]
    Planted(PlantedArguments),
}

/// Options of the comparison with peers.
#[derive(Debug, Args)]
pub(crate) struct GeneratorArguments {
    /// Peers to compare with: tenfold, wrk2, wrk, oha, h2load, hey, ab, autocannon, goose, locust, tsung
    /// [default: all]
    #[arg(long, value_delimiter = ',', value_name = "NAMES")]
    pub(crate) peers: Vec<String>,
    /// Parts to measure [default: all]
    #[arg(long, value_delimiter = ',', value_name = "PARTS")]
    pub(crate) only: Vec<Part>,
    /// Rounds; every peer has one turn in each [default: 5]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) rounds: Option<u32>,
    /// Measured time of each turn, in seconds [default: 8]
    #[arg(long, value_name = "S", value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub(crate) seconds: Option<u64>,
    /// Requests per second in the table
    #[arg(long, default_value_t = 20_000, value_name = "N",
          value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    pub(crate) rate: u32,
    /// Connections in the table
    #[arg(long, default_value_t = 64, value_name = "N",
          value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) connections: u32,
    /// Seed of the order of turns
    #[arg(long, default_value_t = 42, value_name = "N")]
    pub(crate) seed: u64,
    /// Quick check: one round of two seconds and few points; do not quote its figures
    #[arg(long)]
    pub(crate) quick: bool,
    /// Do not install missing peers; list them as missing
    #[arg(long)]
    pub(crate) no_install: bool,
    /// Let generator and server share all CPUs; by default each gets one
    #[arg(long)]
    pub(crate) no_pin: bool,
    /// Binary of Tenfold [default: the one next to this program]
    #[arg(long, value_name = "FILE")]
    pub(crate) tenfold: Option<PathBuf>,
    /// Directory for generator.json, generator.md and generator.html
    #[arg(long, default_value = "docs/benchmarks", value_name = "DIR")]
    pub(crate) out: PathBuf,
    /// Directory that keeps the installed peers
    #[arg(long, default_value = ".tenfold/bench", value_name = "DIR")]
    pub(crate) cache: PathBuf,
}

/// A part of the comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Part {
    /// Every peer at the same rate, in alternating turns
    Table,
    /// Lag at 1,000/s
    Precision,
    /// The highest rate that one core sustains
    Max,
    /// Memory of 1,000 users over one minute
    Memory,
    /// Cost by users and by rate
    Scale,
    /// gRPC calls at the same rate, beside h2load
    Grpc,
    /// WebSocket messages at the same rate, beside Tsung
    Websocket,
}

impl GeneratorArguments {
    /// Returns whether a part is to be measured.
    pub(crate) fn wants(&self, part: Part) -> bool {
        self.only.is_empty() || self.only.contains(&part)
    }

    /// Returns the number of rounds.
    pub(crate) fn rounds(&self) -> u32 {
        self.rounds.unwrap_or(if self.quick { 1 } else { 5 })
    }

    /// Returns the measured time of each turn, in seconds.
    pub(crate) fn seconds(&self) -> u64 {
        self.seconds.unwrap_or(if self.quick { 2 } else { 8 })
    }
}

/// Options of the comparison of one generator with several.
#[derive(Debug, Args)]
pub(crate) struct GeneratorsArguments {
    /// Numbers of generators
    #[arg(long, value_delimiter = ',', value_name = "NUMBERS", default_value = "1,2,4",
          value_parser = clap::value_parser!(u32).range(1..=64))]
    pub(crate) counts: Vec<u32>,
    /// CPUs of each generator
    #[arg(long = "box", default_value_t = 0.15, value_name = "CPU", value_parser = positive)]
    pub(crate) box_cpu: f64,
    /// CPUs of the server
    #[arg(long, default_value_t = 1.0, value_name = "CPU", value_parser = positive)]
    pub(crate) server_cpu: f64,
    /// First rate to try for each generator, in requests per second
    #[arg(long, default_value_t = 4_000, value_name = "N",
          value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) first_rate: u32,
    /// Measured time of each trial, in seconds [default: 8]
    #[arg(long, value_name = "S", value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub(crate) seconds: Option<u64>,
    /// Trials of the cost of each number, in turns [default: 3]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) rounds: Option<u32>,
    /// Quick check: trials of two seconds; do not quote its figures
    #[arg(long)]
    pub(crate) quick: bool,
    /// Binary of Tenfold [default: the one next to this program]
    #[arg(long, value_name = "FILE")]
    pub(crate) tenfold: Option<PathBuf>,
    /// Directory for generators.json, generators.md and generators.html
    #[arg(long, default_value = "docs/benchmarks", value_name = "DIR")]
    pub(crate) out: PathBuf,
    /// Directory for the runs
    #[arg(long, default_value = ".tenfold/bench", value_name = "DIR")]
    pub(crate) cache: PathBuf,
}

impl GeneratorsArguments {
    /// Returns the measured time of each trial, in seconds.
    pub(crate) fn seconds(&self) -> u64 {
        self.seconds.unwrap_or(if self.quick { 2 } else { 8 })
    }

    /// Returns the number of trials of the cost of each number.
    pub(crate) fn rounds(&self) -> u32 {
        self.rounds.unwrap_or(if self.quick { 1 } else { 3 })
    }
}

/// Options of the benchmark of agents.
#[derive(Debug, Args)]
pub(crate) struct AgentsArguments {
    /// Numbers of agents
    #[arg(long, value_delimiter = ',', value_name = "NUMBERS", default_value = "10,100,1000",
          value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) counts: Vec<u32>,
    /// Requests per second of each agent
    #[arg(long, default_value_t = 100, value_name = "N",
          value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) rate_each: u32,
    /// Length of each run, in seconds [default: 60]
    #[arg(long, value_name = "S", value_parser = clap::value_parser!(u64).range(10..=3600))]
    pub(crate) seconds: Option<u64>,
    /// Quick check: runs of 15 seconds; do not quote its figures
    #[arg(long)]
    pub(crate) quick: bool,
    /// Binary of Tenfold [default: the one next to this program]
    #[arg(long, value_name = "FILE")]
    pub(crate) tenfold: Option<PathBuf>,
    /// Directory for agents.json, agents.md and agents.html
    #[arg(long, default_value = "docs/benchmarks", value_name = "DIR")]
    pub(crate) out: PathBuf,
    /// Directory for the runs
    #[arg(long, default_value = ".tenfold/bench", value_name = "DIR")]
    pub(crate) cache: PathBuf,
}

impl AgentsArguments {
    /// Returns the length of each run, in seconds.
    pub(crate) fn seconds(&self) -> u64 {
        self.seconds.unwrap_or(if self.quick { 15 } else { 60 })
    }
}

/// Options of simulated agents.
#[derive(Debug, Args)]
pub(crate) struct SimulatedAgentsArguments {
    /// URL of the NATS server
    #[arg(long, value_name = "URL")]
    pub(crate) nats: String,
    /// Number of agents
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) agents: u32,
    /// Directory for the records
    #[arg(long, value_name = "DIR")]
    pub(crate) directory: PathBuf,
    /// Binary of Tenfold, for the generator
    #[arg(long, value_name = "FILE")]
    pub(crate) tenfold: PathBuf,
}

/// Options of the gate benchmark.
#[derive(Debug, Args)]
pub(crate) struct GateArguments {
    /// Gates of a build against itself [default: 40]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) gates: Option<u32>,
    /// Gates of each planted slowdown [default: 20]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) detections: Option<u32>,
    /// Gates to resample for each kind, from the recorded rounds [default: 5000]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) resampled: Option<u32>,
    /// Seed of the order of gates, of their requests and of the resampling
    #[arg(long, default_value_t = 42, value_name = "N", conflicts_with = "from")]
    pub(crate) seed: u64,
    /// Quick check: 3 gates and 2 of each slowdown with short budgets; do not quote its figures
    #[arg(long, conflicts_with = "from")]
    pub(crate) quick: bool,
    /// Continue an interrupted record of gates, or resample a complete one
    #[arg(long, value_name = "FILE", conflicts_with_all = ["gates", "detections"])]
    pub(crate) from: Option<PathBuf>,
    /// Calibration of this machine for all gates [default: none, as on a new machine]
    #[arg(long, value_name = "FILE")]
    pub(crate) calibration: Option<PathBuf>,
    /// Binary of Tenfold [default: the one next to this program]
    #[arg(long, value_name = "FILE")]
    pub(crate) tenfold: Option<PathBuf>,
    /// Directory for gate.json, gate.md and gate.html
    #[arg(long, default_value = "docs/benchmarks", value_name = "DIR")]
    pub(crate) out: PathBuf,
    /// Directory for the record, whose rounds can be resampled later
    #[arg(long, default_value = ".tenfold/bench", value_name = "DIR")]
    pub(crate) cache: PathBuf,
}

impl GateArguments {
    /// Returns the number of gates of a build against itself.
    pub(crate) fn gates(&self) -> u32 {
        self.gates.unwrap_or(if self.quick { 3 } else { 40 })
    }

    /// Returns the number of gates of each planted slowdown.
    pub(crate) fn detections(&self) -> u32 {
        self.detections.unwrap_or(if self.quick { 2 } else { 20 })
    }

    /// Returns the number of resampled gates of each kind.
    pub(crate) fn resampled(&self) -> u32 {
        self.resampled
            .unwrap_or(if self.quick { 500 } else { 5_000 })
    }
}

/// Options of the benchmark of searches.
#[derive(Debug, Args)]
pub(crate) struct KneeArguments {
    /// Searches of real servers [default: 20]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(0..=1000))]
    pub(crate) runs: Option<u32>,
    /// Searches of each simulated service [default: 60]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(0..=10_000))]
    pub(crate) seeds: Option<u32>,
    /// Quick check: searches of 90 s to a width of 10%, five of them real
    #[arg(long)]
    pub(crate) quick: bool,
    /// Binary of Tenfold [default: the one next to this program]
    #[arg(long, value_name = "FILE")]
    pub(crate) tenfold: Option<PathBuf>,
    /// Directory for knee.json, knee.md and knee.html
    #[arg(long, default_value = "docs/benchmarks", value_name = "DIR")]
    pub(crate) out: PathBuf,
    /// Directory for the searches
    #[arg(long, default_value = ".tenfold/bench", value_name = "DIR")]
    pub(crate) cache: PathBuf,
}

impl KneeArguments {
    /// Returns the number of searches of real servers.
    pub(crate) fn runs(&self) -> u32 {
        self.runs.unwrap_or(if self.quick { 5 } else { 20 })
    }

    /// Returns the number of searches of each simulated service.
    pub(crate) fn seeds(&self) -> u32 {
        self.seeds.unwrap_or(60)
    }
}

/// Options of the comparison of simulations with measurements.
#[derive(Debug, Args)]
pub(crate) struct PlanArguments {
    /// Stages to climb and simulate
    #[arg(long, value_delimiter = ',', value_name = "NAMES", default_value = "single-box",
          value_parser = ["single-box", "separated", "balanced", "cached"])]
    pub(crate) stages: Vec<String>,
    /// CPUs of each box, and the sizes through which the single box grows [default: 0.2,0.4,0.8]
    #[arg(long, value_delimiter = ',', value_name = "CPUS")]
    pub(crate) boxes: Vec<f64>,
    /// Quick check: one server with permits, one step, short searches; do not quote its figures
    #[arg(long)]
    pub(crate) quick: bool,
    /// Binary of Tenfold [default: the one next to this program]
    #[arg(long, value_name = "FILE")]
    pub(crate) tenfold: Option<PathBuf>,
    /// Directory for plan.json, plan.md and plan.html
    #[arg(long, default_value = "docs/benchmarks", value_name = "DIR")]
    pub(crate) out: PathBuf,
    /// Directory for the runs
    #[arg(long, default_value = ".tenfold/bench", value_name = "DIR")]
    pub(crate) cache: PathBuf,
}

/// Options of the comparison of scaling policies.
#[derive(Debug, Args)]
pub(crate) struct AutoscaleArguments {
    /// Loads to play [default: all]
    #[arg(long, value_delimiter = ',', value_name = "NAMES")]
    pub(crate) loads: Vec<load::Kind>,
    /// Policies to compare [default: all]
    #[arg(long, value_delimiter = ',', value_name = "NAMES")]
    pub(crate) policies: Vec<policy::Kind>,
    /// CPUs of each application server
    #[arg(long = "box", default_value_t = 0.2, value_name = "CPU")]
    pub(crate) box_cpu: f64,
    /// Requests per second that the smallest group sustains [default: searched for]
    #[arg(long, value_name = "N", value_parser = positive)]
    pub(crate) sustained: Option<f64>,
    /// Binary of Tenfold [default: the one next to this program]
    #[arg(long, value_name = "FILE")]
    pub(crate) tenfold: Option<PathBuf>,
    /// Directory for autoscale.json, autoscale.md and autoscale.html
    #[arg(long, default_value = "docs/benchmarks", value_name = "DIR")]
    pub(crate) out: PathBuf,
    /// Directory for the data of the stage and the runs
    #[arg(long, default_value = ".tenfold/bench", value_name = "DIR")]
    pub(crate) cache: PathBuf,
}

/// Reads a positive number.
fn positive(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(number) if number > 0.0 && number.is_finite() => Ok(number),
        _ => Err("it must be a number above 0".to_owned()),
    }
}

/// Options of the comparison of stores.
#[derive(Debug, Args)]
#[cfg_attr(
    not(feature = "nosql"),
    expect(dead_code, reason = "only the measurement reads them")
)]
pub(crate) struct NosqlArguments {
    /// Questions to ask [default: all]
    #[arg(long, value_delimiter = ',', value_name = "NAMES")]
    pub(crate) questions: Vec<Question>,
    /// CPUs of each box
    #[arg(long = "box", default_value_t = 1.0, value_name = "CPU", value_parser = positive)]
    pub(crate) box_cpu: f64,
    /// Rounds, in each of which both stores have a turn [default: 5]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100))]
    pub(crate) rounds: Option<u32>,
    /// Measured time of each turn, in seconds [default: 6]
    #[arg(long, value_name = "S", value_parser = clap::value_parser!(u64).range(1..=600))]
    pub(crate) seconds: Option<u64>,
    /// Quick check: a tenth of the data, one round of two seconds; do not quote its figures
    #[arg(long)]
    pub(crate) quick: bool,
    /// Directory for nosql.json, nosql.md and nosql.html
    #[arg(long, default_value = "docs/benchmarks", value_name = "DIR")]
    pub(crate) out: PathBuf,
    /// Directory for the data of the stores
    #[arg(long, default_value = ".tenfold/bench", value_name = "DIR")]
    pub(crate) cache: PathBuf,
}

#[cfg(feature = "nosql")]
impl NosqlArguments {
    /// Returns the questions to ask.
    pub(crate) fn questions(&self) -> Vec<Question> {
        match self.questions.is_empty() {
            true => Question::value_variants().to_vec(),
            false => self.questions.clone(),
        }
    }

    /// Returns the number of rounds.
    pub(crate) fn rounds(&self) -> u32 {
        self.rounds.unwrap_or(if self.quick { 1 } else { 5 })
    }

    /// Returns the measured time of each turn, in seconds.
    pub(crate) fn seconds(&self) -> u64 {
        self.seconds.unwrap_or(if self.quick { 2 } else { 6 })
    }
}

/// Options of the pages.
#[derive(Debug, Args)]
pub(crate) struct PageArguments {
    /// Benchmarks whose figures are in the directory
    #[arg(required = true, value_name = "BENCHMARKS")]
    pub(crate) benchmarks: Vec<Benchmark>,
    /// Directory of their JSON files, and for the pages
    #[arg(long, default_value = "docs/benchmarks", value_name = "DIR")]
    pub(crate) out: PathBuf,
}

/// A benchmark with a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Benchmark {
    Generator,
    Generators,
    Gate,
    Stages,
    Writes,
    Findings,
    Knee,
    Plan,
    Autoscale,
    Nosql,
    Hops,
    Caches,
    Overload,
    Months,
    Agents,
}

/// Options of the server with permits.
#[derive(Debug, Args)]
pub(crate) struct PermitsArguments {
    /// Requests at a time
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) permits: u32,
    /// Time of each request, in microseconds
    #[arg(long, value_name = "US", value_parser = clap::value_parser!(u64).range(1..=60_000_000))]
    pub(crate) takes_us: u64,
}

/// Options of the stage benchmark.
#[derive(Debug, Args)]
pub(crate) struct StagesArguments {
    /// Stages to measure [default: all]
    #[arg(long, value_delimiter = ',', value_name = "NAMES",
          value_parser = ["single-box", "separated", "balanced", "cached", "autoscaled", "partitioned"])]
    pub(crate) stages: Vec<String>,
    /// Loads to measure them with [default: all]
    #[arg(long, value_delimiter = ',', value_name = "LOADS")]
    pub(crate) loads: Vec<Load>,
    /// CPUs of each box
    #[arg(long = "box", default_value_t = 0.2, value_name = "CPU")]
    pub(crate) box_cpu: f64,
    /// First rate to try, in requests per second
    #[arg(long, default_value_t = 50, value_name = "N",
          value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) first_rate: u32,
    /// Measured time of each step, in seconds [default: 12]
    #[arg(long, value_name = "S", value_parser = clap::value_parser!(u64).range(2..=3600))]
    pub(crate) seconds: Option<u64>,
    /// Quick check: steps of four seconds; do not quote its figures
    #[arg(long)]
    pub(crate) quick: bool,
    /// Binary of Tenfold [default: the one next to this program]
    #[arg(long, value_name = "FILE")]
    pub(crate) tenfold: Option<PathBuf>,
    /// Directory for stages.json and writes.json, and the pages
    #[arg(long, default_value = "docs/benchmarks", value_name = "DIR")]
    pub(crate) out: PathBuf,
    /// Directory for the data of the stages
    #[arg(long, default_value = ".tenfold/bench", value_name = "DIR")]
    pub(crate) cache: PathBuf,
}

impl StagesArguments {
    /// Returns whether a load is to be measured.
    pub(crate) fn wants(&self, load: Load) -> bool {
        self.loads.is_empty() || self.loads.contains(&load)
    }

    /// Returns the measured time of each step, in seconds.
    pub(crate) fn seconds(&self) -> u64 {
        self.seconds.unwrap_or(if self.quick { 4 } else { 12 })
    }
}

/// Options of the benchmark of hops.
#[derive(Debug, Args)]
pub(crate) struct HopsArguments {
    /// CPUs of each box
    #[arg(long = "box", default_value_t = 0.2, value_name = "CPU", value_parser = positive)]
    pub(crate) box_cpu: f64,
    /// Requests per second: low enough that nothing queues
    #[arg(long, default_value_t = 40, value_name = "N",
          value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) rate: u32,
    /// Length of a turn, in seconds [default: 30]
    #[arg(long, value_name = "S", value_parser = clap::value_parser!(u64).range(5..=3600))]
    pub(crate) seconds: Option<u64>,
    /// Rounds, with a turn of both in each [default: 5]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) rounds: Option<u32>,
    /// Quick check: one round of ten seconds; do not quote its figures
    #[arg(long)]
    pub(crate) quick: bool,
    /// Binary of Tenfold [default: the one next to this program]
    #[arg(long, value_name = "FILE")]
    pub(crate) tenfold: Option<PathBuf>,
    /// Directory for hops.json, hops.md and hops.html
    #[arg(long, default_value = "docs/benchmarks", value_name = "DIR")]
    pub(crate) out: PathBuf,
    /// Directory for the data of the stages
    #[arg(long, default_value = ".tenfold/bench", value_name = "DIR")]
    pub(crate) cache: PathBuf,
}

impl HopsArguments {
    /// Returns the length of a turn, in seconds.
    pub(crate) fn seconds(&self) -> u64 {
        self.seconds.unwrap_or(if self.quick { 10 } else { 30 })
    }

    /// Returns the number of rounds.
    pub(crate) fn rounds(&self) -> u32 {
        self.rounds.unwrap_or(if self.quick { 1 } else { 5 })
    }
}

/// Options of the benchmark of caches.
#[derive(Debug, Args)]
pub(crate) struct CachesArguments {
    /// CPUs of each box
    #[arg(long = "box", default_value_t = 0.2, value_name = "CPU", value_parser = positive)]
    pub(crate) box_cpu: f64,
    /// Reads per second of all browsers
    #[arg(long, default_value_t = 160, value_name = "N",
          value_parser = clap::value_parser!(u32).range(8..=100_000))]
    pub(crate) rate: u32,
    /// Time of each turn, of which the first half fills the caches, in seconds [default: 60]
    #[arg(long, value_name = "S", value_parser = clap::value_parser!(u64).range(4..=3600))]
    pub(crate) seconds: Option<u64>,
    /// Seed of the reads
    #[arg(long, default_value_t = 42, value_name = "N")]
    pub(crate) seed: u64,
    /// Quick check: turns of ten seconds; do not quote its figures
    #[arg(long)]
    pub(crate) quick: bool,
    /// Binary of Tenfold [default: the one next to this program]
    #[arg(long, value_name = "FILE")]
    pub(crate) tenfold: Option<PathBuf>,
    /// Directory for caches.json, caches.md and caches.html
    #[arg(long, default_value = "docs/benchmarks", value_name = "DIR")]
    pub(crate) out: PathBuf,
    /// Directory for the data of the stages
    #[arg(long, default_value = ".tenfold/bench", value_name = "DIR")]
    pub(crate) cache: PathBuf,
}

impl CachesArguments {
    /// Returns the time of each turn, in seconds.
    pub(crate) fn seconds(&self) -> u64 {
        self.seconds.unwrap_or(if self.quick { 10 } else { 60 })
    }
}

/// Options of the benchmark of overload.
#[derive(Debug, Args)]
pub(crate) struct OverloadArguments {
    /// CPUs of each box
    #[arg(long = "box", default_value_t = 0.2, value_name = "CPU", value_parser = positive)]
    pub(crate) box_cpu: f64,
    /// First rate at which the capacity of the worker is looked for, in uploads per second
    #[arg(long, default_value_t = 20, value_name = "N",
          value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) first_rate: u32,
    /// Length of a turn, in seconds [default: 90]
    #[arg(long, value_name = "S", value_parser = clap::value_parser!(u64).range(10..=3600))]
    pub(crate) seconds: Option<u64>,
    /// Wait up to which a job counts as done in time, in seconds
    #[arg(long, default_value_t = 10.0, value_name = "S", value_parser = positive)]
    pub(crate) in_time: f64,
    /// Quick check: turns of 15 seconds; do not quote its figures
    #[arg(long)]
    pub(crate) quick: bool,
    /// Binary of Tenfold [default: the one next to this program]
    #[arg(long, value_name = "FILE")]
    pub(crate) tenfold: Option<PathBuf>,
    /// Directory for overload.json, overload.md and overload.html
    #[arg(long, default_value = "docs/benchmarks", value_name = "DIR")]
    pub(crate) out: PathBuf,
    /// Directory for the data of the stages
    #[arg(long, default_value = ".tenfold/bench", value_name = "DIR")]
    pub(crate) cache: PathBuf,
}

impl OverloadArguments {
    /// Returns the length of a turn, in seconds.
    pub(crate) fn seconds(&self) -> u64 {
        self.seconds.unwrap_or(if self.quick { 15 } else { 90 })
    }
}

/// Options of the benchmark of months.
#[derive(Debug, Args)]
pub(crate) struct MonthsArguments {
    /// CPUs of the box
    #[arg(long = "box", default_value_t = 0.5, value_name = "CPU", value_parser = positive)]
    pub(crate) box_cpu: f64,
    /// Posts of a month [default: 20000]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(100..=10_000_000))]
    pub(crate) posts: Option<u64>,
    /// Rounds [default: 5]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=11))]
    pub(crate) rounds: Option<u32>,
    /// Quick check: 500 posts a month and one round; do not quote its figures
    #[arg(long)]
    pub(crate) quick: bool,
    /// Binary of Tenfold [default: the one next to this program]
    #[arg(long, value_name = "FILE")]
    pub(crate) tenfold: Option<PathBuf>,
    /// Directory for months.json, months.md and months.html
    #[arg(long, default_value = "docs/benchmarks", value_name = "DIR")]
    pub(crate) out: PathBuf,
    /// Directory for the data
    #[arg(long, default_value = ".tenfold/bench", value_name = "DIR")]
    pub(crate) cache: PathBuf,
}

impl MonthsArguments {
    /// Returns the number of posts of a month.
    pub(crate) fn posts_a_month(&self) -> u64 {
        self.posts.unwrap_or(if self.quick { 500 } else { 20_000 })
    }

    /// Returns the number of rounds.
    pub(crate) fn rounds(&self) -> u32 {
        self.rounds.unwrap_or(if self.quick { 1 } else { 5 })
    }
}

/// Options of the planted server.
#[derive(Debug, Args)]
pub(crate) struct PlantedArguments {
    /// Port on loopback to listen on
    #[arg(long, value_name = "N")]
    pub(crate) port: u16,
    /// Steps of arithmetic in each request
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) work: u64,
    /// Wait of each request, in microseconds
    #[arg(long, value_name = "US", default_value_t = 0)]
    pub(crate) wait_us: u64,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn command_line_is_valid() {
        Cli::command().debug_assert();
    }
}

/// Options of the benchmark of diagnoses.
#[derive(Debug, Args)]
pub(crate) struct FindingsArguments {
    /// Bottleneck to plant, by its name or the beginning of it [default: all]. Repeatable
    #[arg(long, value_name = "NAME")]
    pub(crate) only: Vec<String>,
    /// Diagnoses of each bottleneck [default: 3]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) turns: Option<u32>,
    /// Quick check: one diagnosis of each; do not quote its figures
    #[arg(long)]
    pub(crate) quick: bool,
    /// Binary of Tenfold [default: the one next to this program]
    #[arg(long, value_name = "FILE")]
    pub(crate) tenfold: Option<PathBuf>,
    /// Directory for findings.json, findings.md and findings.html
    #[arg(long, default_value = "docs/benchmarks", value_name = "DIR")]
    pub(crate) out: PathBuf,
    /// Directory for the services and the runs
    #[arg(long, default_value = ".tenfold/bench", value_name = "DIR")]
    pub(crate) cache: PathBuf,
}

impl FindingsArguments {
    /// Returns the number of diagnoses of each bottleneck.
    pub(crate) fn turns(&self) -> u32 {
        self.turns.unwrap_or(if self.quick { 1 } else { 3 })
    }
}
