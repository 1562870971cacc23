//! Benchmark `hops`: cost of dividing the service into parts that call each other, at the same rate and size of boxes.

pub(crate) mod arguments;
mod page;

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use self::arguments::HopsArguments;
use crate::output;
use crate::output::spread::Spread;
use crate::stages::Variant;
use crate::stages::box_use::BoxUse;
use crate::stages::stage_lab::StageLab;
use crate::workshop::Workshop;
use crate::workshop::interrupt::Interrupt;
use crate::workshop::progress::report;
use crate::workshop::tenfold_binary;

/// The service in one kind of process, and in parts. Both have as many boxes.
const WHOLE: Variant = Variant::with("partitioned", &["--count", "app=4"]);
const DIVIDED: Variant = Variant::with("partitioned", &["--with", "services"]);

/// Requests of the scenario, and the calls of other parts that each waits for.
const CALLS: [(&str, u32); 6] = [
    ("read post", 0),
    // Its counts, and its posts.
    ("read user", 2),
    // The session, the followed users, their posts.
    ("read feed", 3),
    ("read asset", 0),
    // The session.
    ("create post", 1),
    ("follow user", 0),
];

/// Roles of the boxes that run the service.
const SERVICE: [&str; 5] = ["app", "users", "posts", "photos", "feeds"];

/// Results of the benchmark.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct HopsFigures {
    /// Start, RFC 3339 in UTC.
    pub(crate) started_at: String,
    /// The machine.
    pub(crate) host: tenfold_run_dir::manifest::Host,
    /// CPUs of a box.
    pub(crate) box_cpu: f64,
    /// Planned requests per second.
    pub(crate) rate_per_s: u32,
    /// Length of a turn, in seconds.
    pub(crate) seconds: u64,
    /// True if it was a quick check.
    pub(crate) quick: bool,
    /// CPU time of all boxes of the service per request, in microseconds: in one kind of process, and in parts.
    pub(crate) cpu_us: [Option<Spread>; 2],
    /// Requests.
    pub(crate) requests: Vec<RequestFigures>,
    /// Duration, in seconds.
    pub(crate) took_s: f64,
}

/// Response times of a request.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct RequestFigures {
    /// Name.
    pub(crate) name: String,
    /// Calls of other parts that it waits for.
    pub(crate) calls: u32,
    /// Median response time in milliseconds: in one kind of process, and in parts.
    pub(crate) p50_ms: [Option<Spread>; 2],
}

/// Figures of one turn.
struct Turn {
    summary: Value,
    cpu_us: f64,
}

/// Writes the page of measured figures anew.
pub(crate) fn write_page(folder: &Path) -> anyhow::Result<()> {
    let figures: HopsFigures = output::read("hops", folder)?;
    output::write_pages("hops", &page::page(&figures), folder)
}

/// Runs the benchmark, prints its page and writes its files.
pub(crate) fn run(arguments: &HopsArguments) -> anyhow::Result<()> {
    let interrupt = Interrupt::catch()?;
    let tenfold = tenfold_binary::find(arguments.tenfold.as_ref(), true)?;
    let workshop = Workshop::new(&arguments.cache, tenfold, false, interrupt)?;
    let started_at = format!("{:.0}", jiff::Timestamp::now());
    let began = Instant::now();
    let folders = [workshop.folder("whole")?, workshop.folder("divided")?];
    let mut turns: [Vec<Turn>; 2] = [Vec::new(), Vec::new()];
    for round in 0..arguments.rounds() {
        for (index, (variant, folder)) in [WHOLE, DIVIDED].into_iter().zip(&folders).enumerate() {
            report(&format!(
                "round {}: {}",
                round + 1,
                ["whole", "in parts"][index]
            ));
            let mut lab = StageLab::up(variant, arguments.box_cpu, folder, &workshop)?;
            let before = lab.boxes()?;
            let seconds = Duration::from_secs(arguments.seconds());
            let summary = lab.send(workshop.stages_scenario(), arguments.rate, seconds)?;
            let after = lab.boxes()?;
            lab.down()?;
            let completed = |pointer| {
                let count = summary.pointer(pointer).and_then(Value::as_f64);
                count.with_context(|| format!("the summary has no {pointer}"))
            };
            let requests = completed("/arrivals/completed")? + completed("/warm_up/completed")?;
            let used = BoxUse::between(&before, &after, requests);
            let of_service = used.iter().filter(|own| SERVICE.contains(&&*own.role));
            turns[index].push(Turn {
                cpu_us: of_service.map(|own| own.cpu_us_a_request).sum(),
                summary,
            });
        }
    }
    let figures = HopsFigures {
        started_at,
        host: tenfold_probe::host::describe(),
        box_cpu: arguments.box_cpu,
        rate_per_s: arguments.rate,
        seconds: arguments.seconds(),
        quick: arguments.quick,
        cpu_us: [0, 1].map(|index| Spread::of(turns[index].iter().map(|turn| turn.cpu_us))),
        requests: CALLS
            .iter()
            .map(|(name, calls)| RequestFigures {
                name: (*name).to_owned(),
                calls: *calls,
                p50_ms: [0, 1].map(|index| {
                    Spread::of(
                        turns[index]
                            .iter()
                            .filter_map(|own| p50_ms(&own.summary, name)),
                    )
                }),
            })
            .collect(),
        took_s: began.elapsed().as_secs_f64(),
    };
    output::write("hops", &page::page(&figures), &figures, &arguments.out)
}

/// Returns the median response time of a request. `None` if too few were sent.
fn p50_ms(summary: &Value, name: &str) -> Option<f64> {
    let requests = summary.get("requests")?.as_array()?;
    let own = requests.iter().find(|own| own["name"] == name)?;
    let ns = own.pointer("/latency_ns/response/p50")?.as_f64()?;
    Some(ns / 1e6)
}
