//! Hit rates of a stage's caches, compared with theory.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use anyhow::Context as _;
use serde::{Deserialize, Serialize};
use tenfold_analysis::format;

use super::stage_lab::StageLab;
use crate::workshop::Workshop;
use tenfold_simulation::cache::{CacheModel, hit_rate, zipfian};

/// Total time to send, including the time for the caches to settle.
const DURATION: Duration = Duration::from_secs(55);

/// Share of `DURATION` for the caches to settle: longer than the expiry time of the shared cache.
const SETTLING: f64 = 35.0 / 55.0;

/// Number of posts in the scenario, and the exponent of their popularity.
const POSTS: usize = 100_000;
const EXPONENT: f64 = 0.99;

/// Default expiry time of each cache layer, in seconds.
const LOCAL_TTL_S: f64 = 1.0;
const SHARED_TTL_S: f64 = 30.0;

/// Default capacity of each cache layer, in bytes: of a process, and half of a box of 512 MiB.
const LOCAL_BYTES: f64 = 64.0 * 1024.0 * 1024.0;
const SHARED_BYTES: f64 = 256.0 * 1024.0 * 1024.0;

/// Size of a cached post, in bytes: 1 KB of content, 1.5 KB of HTML, and the overhead of the map.
const POST_BYTES: f64 = 3_000.0;

/// Hit rates of the caches of a stage.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct HitRate {
    /// Reads of posts per second, over all processes.
    pub(crate) rate_per_s: u32,
    /// Number of processes, each with its own local cache.
    pub(crate) processes: usize,
    /// Number of reads counted.
    pub(crate) reads: f64,
    /// Hit rate of the local caches.
    pub(crate) local: RateAndTheory,
    /// Hit rate of both layers together. All other reads go to the store.
    pub(crate) either: RateAndTheory,
}

/// A measured hit rate and its theoretical value.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct RateAndTheory {
    pub(crate) measured: f64,
    pub(crate) theory: f64,
}

impl HitRate {
    /// Sends reads of posts only, and counts cache hits once the caches have settled.
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
            // Sending starts at once, and both readings are well within it.
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
                .map_err(|_| anyhow::anyhow!("the sending thread panicked"))?;
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
            local: RateAndTheory {
                measured: share(local_hits),
                theory: hit_rate(&each, model(LOCAL_TTL_S, LOCAL_BYTES)),
            },
            either: RateAndTheory {
                measured: share(local_hits + of(|counts| counts.shared_hits)),
                theory: hit_rate(&rates, model(SHARED_TTL_S, SHARED_BYTES)),
            },
        })
    }

    /// Returns a summary for people.
    pub(crate) fn describe(&self) -> String {
        let describe = |own: &RateAndTheory| {
            format!(
                "{} (theory: {})",
                format::percent(own.measured),
                format::percent(own.theory)
            )
        };
        format!(
            "{} reads/s: hit rate of local caches {}, of both layers {}",
            self.rate_per_s,
            describe(&self.local),
            describe(&self.either)
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
