//! Benchmark `caches`: share of the reads of returning browsers that end at each level, from their own caches to the disk of the database,
//! and the savings of each level.
//!
//! Browsers ask an edge over plain HTTP, since TLS is no cache. Each level has a switch: a turn with all of them, then one without each.

pub(crate) mod arguments;
mod browser;
mod counters;
mod page;

use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use rand::distr::{Distribution as _, weighted::WeightedIndex};
use rand::{RngExt as _, SeedableRng as _};
use rand_pcg::Pcg64Mcg;
use serde::{Deserialize, Serialize};
use tenfold_simulation::cache::zipfian;

use self::arguments::CachesArguments;
use self::browser::{Browser, Connection, End, Read};
use self::counters::Counters;
use crate::output;
use crate::stages::Variant;
use crate::stages::box_use::BoxUse;
use crate::stages::stage_lab::StageLab;
use crate::workshop::Workshop;
use crate::workshop::interrupt::{Interrupt, Interrupted};
use crate::workshop::progress::report;
use crate::workshop::tenfold_binary;

/// Threads, each with connections of its own.
const THREADS: u64 = 8;
/// Browsers of a thread.
const BROWSERS: usize = 25;
/// Posts and users of the data set, and the exponents of their popularity.
const POSTS: (usize, f64) = (100_000, 0.99);
const USERS: (usize, f64) = (10_000, 0.8);
/// Files of the page.
const FILES: [&str; 3] = [
    "/static/tenfold.css",
    "/static/tenfold.js",
    "/static/logo.svg",
];

/// Stage with every level.
const ALL: Variant = Variant::with("partitioned", &["--with", "cdn", "--tuned"]);

/// Turns: their names, the stage, and whether browsers have a cache and edges are asked.
const TURNS: [(&str, Variant, bool, bool); 8] = [
    ("every level", ALL, true, true),
    (
        "without the browser's cache",
        ALL.with_environment(&[("TENFOLD_NO_CLIENT_CACHE", "true")]),
        false,
        true,
    ),
    ("without the edges", ALL, true, false),
    (
        "without the web server's cache",
        Variant::with(
            "partitioned",
            &["--with", "cdn", "--tuned", "--no-web-cache"],
        ),
        true,
        true,
    ),
    (
        "without the memory of the processes",
        ALL.with_environment(&[("TENFOLD_CACHE_STALENESS", "0s")]),
        true,
        true,
    ),
    (
        "without queries in the shared cache",
        ALL.with_environment(&[("TENFOLD_CACHE_CONTENT", "objects")]),
        true,
        true,
    ),
    (
        "without objects in the shared cache",
        ALL.with_environment(&[("TENFOLD_CACHE_CONTENT", "queries")]),
        true,
        true,
    ),
    (
        "with the database's default memory",
        Variant::with("partitioned", &["--with", "cdn"]),
        true,
        true,
    ),
];

/// Results of the benchmark.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct CachesFigures {
    /// Start, RFC 3339 in UTC.
    pub(crate) started_at: String,
    /// The machine.
    pub(crate) host: tenfold_run_dir::manifest::Host,
    /// CPUs of a box.
    pub(crate) box_cpu: f64,
    /// Planned reads per second.
    pub(crate) rate_per_s: u32,
    /// Length of a turn, in seconds. The first half is not counted.
    pub(crate) seconds: u64,
    /// True if it was a quick check.
    pub(crate) quick: bool,
    /// Turns, that with every level first.
    pub(crate) turns: Vec<TurnFigures>,
    /// Failed turns, with the reason.
    pub(crate) mishaps: Vec<String>,
    /// Duration, in seconds.
    pub(crate) took_s: f64,
}

/// Figures of a turn.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct TurnFigures {
    /// Name.
    pub(crate) name: String,
    /// Reads.
    pub(crate) reads: u64,
    /// Reads that failed.
    pub(crate) failed: u64,
    /// Reads that ended in the browser without a request, at an edge, and behind the edges.
    pub(crate) ended: [u64; 3],
    /// Mean time of these reads, in milliseconds. `None` if there were none.
    pub(crate) mean_ms: [Option<f64>; 3],
    /// Reads whose body the browser had already.
    pub(crate) unchanged: u64,
    /// Median time of a read, in milliseconds.
    pub(crate) p50_ms: f64,
    /// Mean time of a read, in milliseconds.
    pub(crate) all_mean_ms: f64,
    /// Bytes of bodies sent for a read.
    pub(crate) bytes: f64,
    /// CPU time of all boxes for a read, in microseconds.
    pub(crate) cpu_us: f64,
    /// Counters behind the edges.
    pub(crate) behind: Counters,
}

/// Writes the page of measured figures anew.
pub(crate) fn write_page(folder: &Path) -> anyhow::Result<()> {
    let figures: CachesFigures = output::read("caches", folder)?;
    output::write_pages("caches", &page::page(&figures), folder)
}

/// Runs the benchmark, prints its page and writes its files.
pub(crate) fn run(arguments: &CachesArguments) -> anyhow::Result<()> {
    let interrupt = Interrupt::catch()?;
    let tenfold = tenfold_binary::find(arguments.tenfold.as_ref(), true)?;
    let workshop = Workshop::new(&arguments.cache, tenfold, false, interrupt)?;
    let mut figures = CachesFigures {
        started_at: format!("{:.0}", jiff::Timestamp::now()),
        host: tenfold_probe::host::describe(),
        box_cpu: arguments.box_cpu,
        rate_per_s: arguments.rate,
        seconds: arguments.seconds(),
        quick: arguments.quick,
        turns: Vec::new(),
        mishaps: Vec::new(),
        took_s: 0.0,
    };
    let began = Instant::now();
    let folder = workshop.folder("caches")?;
    for turn in TURNS {
        match measure(turn, arguments, &folder, &workshop) {
            Ok(turn) => figures.turns.push(turn),
            Err(error) if error.is::<Interrupted>() => return Err(error),
            Err(error) => {
                let mishap = format!("{}: {error:#}", turn.0);
                report(&mishap);
                figures.mishaps.push(mishap);
            }
        }
    }
    figures.took_s = began.elapsed().as_secs_f64();
    output::write("caches", &page::page(&figures), &figures, &arguments.out)
}

fn measure(
    (name, variant, keeps, asks_edges): (&str, Variant, bool, bool),
    arguments: &CachesArguments,
    folder: &Path,
    workshop: &Workshop,
) -> anyhow::Result<TurnFigures> {
    report(name);
    let mut lab = StageLab::up(variant, arguments.box_cpu, folder, workshop)?;
    let entrances: Vec<SocketAddr> = match asks_edges {
        true => {
            let boxes = lab.boxes()?;
            let edges = boxes.iter().filter(|own| own.role == "edge");
            edges.filter_map(|own| own.address).collect()
        }
        false => vec![counters::origin(&lab.directory())?],
    };
    let half = Duration::from_secs(arguments.seconds()) / 2;
    let counts = || Counters::read(&lab);
    let (mut reads, [before, after], [boxes_before, boxes_after]) = std::thread::scope(|scope| {
        let began = Instant::now();
        let running: Vec<_> = (0..THREADS)
            .map(|number| {
                let mut reader = Reader::new(&entrances, number, arguments, keeps);
                scope.spawn(move || reader.read_until(began, half))
            })
            .collect();
        let turn = || -> anyhow::Result<_> {
            workshop.interrupt().wait(half, || false)?;
            let (boxes, before) = (lab.boxes()?, counts()?);
            workshop.interrupt().wait(half, || false)?;
            Ok(([before, counts()?], [boxes, lab.boxes()?]))
        };
        let counted = turn();
        let mut reads: Vec<Read> = Vec::new();
        for thread in running {
            let thread = thread.join();
            reads.extend(thread.map_err(|_| anyhow::anyhow!("a reader panicked"))?);
        }
        let (counters, boxes) = counted?;
        Ok::<_, anyhow::Error>((reads, counters, boxes))
    })?;
    lab.down()?;
    reads.sort_by_key(|read| read.took);
    let all = reads.len() as f64;
    let used = BoxUse::between(&boxes_before, &boxes_after, all);
    let ms = |read: &Read| read.took.as_secs_f64() * 1e3;
    let of = |end: End| reads.iter().filter(move |read| read.end == end);
    let ends = [End::Browser, End::Edge, End::Service];
    let mean = |times: &mut dyn Iterator<Item = f64>| {
        let times: Vec<f64> = times.collect();
        (!times.is_empty()).then(|| times.iter().sum::<f64>() / times.len() as f64)
    };
    Ok(TurnFigures {
        name: name.to_owned(),
        reads: reads.len() as u64,
        failed: reads.iter().filter(|read| read.is_failed).count() as u64,
        ended: ends.map(|end| of(end).count() as u64),
        mean_ms: ends.map(|end| mean(&mut of(end).map(ms))),
        unchanged: reads.iter().filter(|read| read.is_unchanged).count() as u64,
        p50_ms: reads.get(reads.len() / 2).map_or(0.0, ms),
        all_mean_ms: mean(&mut reads.iter().map(ms)).context("nothing was read")?,
        bytes: reads.iter().map(|read| read.bytes as f64).sum::<f64>() / all,
        cpu_us: used.iter().map(|own| own.cpu_us_a_request).sum(),
        behind: after.since(&before),
    })
}

/// Browsers of one thread.
struct Reader {
    connections: Vec<Connection>,
    browsers: Vec<Browser>,
    posts: WeightedIndex<f64>,
    users: WeightedIndex<f64>,
    random: Pcg64Mcg,
    interval: Duration,
    keeps: bool,
}

impl Reader {
    fn new(
        entrances: &[SocketAddr],
        number: u64,
        arguments: &CachesArguments,
        keeps: bool,
    ) -> Self {
        let popularity = |(count, exponent)| {
            let weights = zipfian(count, exponent, 1.0);
            WeightedIndex::new(weights).expect("the weights are positive")
        };
        Self {
            connections: entrances.iter().copied().map(Connection::to).collect(),
            browsers: (0..BROWSERS).map(|_| Browser::default()).collect(),
            posts: popularity(POSTS),
            users: popularity(USERS),
            random: Pcg64Mcg::seed_from_u64(arguments.seed.wrapping_add(number)),
            interval: Duration::from_secs_f64(THREADS as f64 / f64::from(arguments.rate)),
            keeps,
        }
    }

    /// Reads for twice a time, and returns the reads of the second half.
    fn read_until(&mut self, began: Instant, half: Duration) -> Vec<Read> {
        let mut counted = Vec::new();
        let mut turn = 0;
        let mut due = began;
        while began.elapsed() < 2 * half {
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
            // A slow service is asked later, as by people who wait for the page.
            due = (due + self.interval).max(Instant::now());
            let path = self.path();
            let browser = self.random.random_range(0..BROWSERS);
            turn = (turn + 1) % self.connections.len();
            let (Some(browser), Some(connection)) = (
                self.browsers.get_mut(browser),
                self.connections.get_mut(turn),
            ) else {
                continue;
            };
            let read = browser.read(connection, &path, self.keeps);
            if began.elapsed() >= half {
                counted.push(read);
            }
        }
        counted
    }

    /// Chooses what to read: 70% posts, 20% users, 10% files.
    fn path(&mut self) -> String {
        match self.random.random_range(0..10) {
            0..7 => format!("/v1/posts/{}", self.posts.sample(&mut self.random) + 1),
            7..9 => format!("/v1/users/{}", self.users.sample(&mut self.random) + 1),
            _ => FILES[self.random.random_range(0..FILES.len())].to_owned(),
        }
    }
}
