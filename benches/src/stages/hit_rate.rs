//! How often the caches of a stage had what was asked for, beside what theory gives.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use anyhow::Context as _;
use serde::Serialize;
use tenfold_analysis::words;

use super::che::{CacheModel, hit_rate, zipfian};
use super::stage_lab::StageLab;
use crate::workshop::Workshop;

/// How long the rate is sent, of which the first part lets the caches settle.
const DURATION: Duration = Duration::from_secs(55);

/// The share of that which lets the caches settle: longer than the shared cache keeps anything.
const SETTLING: f64 = 35.0 / 55.0;

/// The posts of the scenario, and their popularity.
const POSTS: usize = 100_000;
const EXPONENT: f64 = 0.99;

/// How long each layer keeps a thing, by the service's defaults, in seconds.
const LOCAL_TTL_S: f64 = 1.0;
const SHARED_TTL_S: f64 = 30.0;

/// The memory that each layer may use by its defaults, in bytes: that of a process, and half of a box of 512 MiB.
const LOCAL_BYTES: f64 = 64.0 * 1024.0 * 1024.0;
const SHARED_BYTES: f64 = 256.0 * 1024.0 * 1024.0;

/// What a post takes there, in bytes: a kilobyte of content, as much again and half of it as HTML, and what a map adds.
const POST_BYTES: f64 = 3_000.0;

/// How often the caches had what was asked for.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct HitRate {
    /// Reads of posts per second, over all processes.
    pub(crate) rate_per_s: u32,
    /// Processes, each with a layer of its own.
    pub(crate) processes: usize,
    /// Reads that were counted.
    pub(crate) reads: f64,
    /// The share that the layers in the processes had, and what theory gives.
    pub(crate) local: Beside,
    /// The share that either layer had: the store was asked for the rest.
    pub(crate) either: Beside,
}

/// What was measured, beside what theory gives.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Beside {
    pub(crate) measured: f64,
    pub(crate) theory: f64,
}

impl HitRate {
    /// Sends reads of posts alone and counts what the caches had, once they have settled.
    pub(crate) fn measure(
        lab: &mut StageLab<'_>,
        rate: u32,
        workshop: &Workshop,
    ) -> anyhow::Result<Self> {
        let boxes = lab.boxes()?;
        let admins: Vec<String> = boxes
            .iter()
            .filter(|own| own.role == "app")
            .filter_map(|own| Some(own.admin?.to_string()))
            .collect();
        let lab = &*lab;
        let scenario = workshop.hit_rate_scenario();
        let (settled, ended) = std::thread::scope(|scope| -> anyhow::Result<_> {
            let sending = scope.spawn(|| lab.send(scenario, rate, DURATION));
            // It begins within a moment, and the counters are read well within the part that is counted.
            let settling = DURATION.mul_f64(SETTLING);
            let settled = match workshop
                .interrupt()
                .wait(settling, || sending.is_finished())
            {
                Ok(_) => counts(&admins),
                Err(interrupted) => Err(interrupted.into()),
            };
            let sent = sending
                .join()
                .map_err(|_| anyhow::anyhow!("the thread that sent panicked"))?;
            sent?;
            Ok((settled?, counts(&admins)?))
        })?;
        let of = |read: fn(&Counts) -> f64| read(&ended) - read(&settled);
        let local_hits = of(|counts| counts.local_hits);
        let lookups = local_hits + of(|counts| counts.local_misses);
        let processes = admins.len().max(1);
        let rates = zipfian(POSTS, EXPONENT, f64::from(rate));
        let each: Vec<f64> = rates.iter().map(|rate| rate / processes as f64).collect();
        let model = |ttl_s: f64, bytes: f64| CacheModel {
            ttl_s,
            room: bytes / POST_BYTES,
        };
        let share = |part: f64| part / lookups.max(1.0);
        Ok(Self {
            rate_per_s: rate,
            processes,
            reads: lookups,
            local: Beside {
                measured: share(local_hits),
                theory: hit_rate(&each, model(LOCAL_TTL_S, LOCAL_BYTES)),
            },
            either: Beside {
                measured: share(local_hits + of(|counts| counts.shared_hits)),
                theory: hit_rate(&rates, model(SHARED_TTL_S, SHARED_BYTES)),
            },
        })
    }

    /// As a person reads it.
    pub(crate) fn say(&self) -> String {
        let say = |own: &Beside| {
            format!(
                "{} (theory: {})",
                words::percent(own.measured),
                words::percent(own.theory)
            )
        };
        format!(
            "{} reads/s: the processes had {}, either layer {}",
            self.rate_per_s,
            say(&self.local),
            say(&self.either)
        )
    }
}

#[derive(Debug, Default)]
struct Counts {
    local_hits: f64,
    local_misses: f64,
    shared_hits: f64,
}

/// Adds up the counters of all processes.
fn counts(admins: &[String]) -> anyhow::Result<Counts> {
    let mut counts = Counts::default();
    for admin in admins {
        let text =
            metrics(admin).with_context(|| format!("could not read the metrics at {admin}"))?;
        let figure = |name: &str| -> f64 {
            let line = text.lines().find_map(|line| line.strip_prefix(name));
            line.and_then(|rest| rest.trim().parse().ok())
                .unwrap_or(0.0)
        };
        counts.local_hits += figure("tenfold_cache_hits_total{layer=\"local\"}");
        counts.local_misses += figure("tenfold_cache_misses_total{layer=\"local\"}");
        counts.shared_hits += figure("tenfold_cache_hits_total{layer=\"shared\"}");
    }
    Ok(counts)
}

fn metrics(admin: &str) -> anyhow::Result<String> {
    let mut stream = TcpStream::connect(admin)?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    write!(
        stream,
        "GET /metrics HTTP/1.1\r\nhost: {admin}\r\nconnection: close\r\n\r\n"
    )?;
    let mut text = String::new();
    stream.take(4 << 20).read_to_string(&mut text)?;
    Ok(text)
}
