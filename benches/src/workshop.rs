//! What every turn needs: a folder, the cache of peers, the processors, the way to be interrupted.

pub(crate) mod child;
pub(crate) mod interrupt;
pub(crate) mod progress;
pub(crate) mod tenfold_binary;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use tempfile::TempDir;

use crate::workshop::child::Confines;
use crate::workshop::interrupt::Interrupt;

/// What every turn needs.
#[derive(Debug)]
pub(crate) struct Workshop {
    interrupt: Interrupt,
    cache: PathBuf,
    scratch: TempDir,
    tenfold: PathBuf,
    scenarios: Scenarios,
    generator: Confines,
    server: Confines,
}

/// The scenarios that Tenfold is given.
#[derive(Debug)]
struct Scenarios {
    full_job: PathBuf,
    planted: PathBuf,
    stages: PathBuf,
    hit_rate: PathBuf,
}

const FULL_JOB: &str = include_str!("../scenarios/full-job.toml");
const STAGES: &str = include_str!("../scenarios/stages.toml");
const HIT_RATE: &str = include_str!("../scenarios/hit-rate.toml");
const PLANTED: &str = include_str!("../scenarios/gate.toml");

impl Workshop {
    /// Makes a workshop; `cache` keeps the peers from one benchmark to the next.
    ///
    /// Where there are two processors or more and `pinned` is asked for, the generator has the first
    /// and the server the second.
    pub(crate) fn new(
        cache: &Path,
        tenfold: PathBuf,
        pinned: bool,
        interrupt: Interrupt,
    ) -> anyhow::Result<Self> {
        let make = || format!("could not make a folder in {}", cache.display());
        fs::create_dir_all(cache).with_context(make)?;
        let cache = cache.canonicalize().with_context(make)?;
        let scratch = tempfile::Builder::new()
            .prefix("turn-")
            .tempdir_in(&cache)
            .with_context(make)?;
        let scenario = |name: &str, text: &str| {
            let path = scratch.path().join(name);
            fs::write(&path, text).with_context(make).map(|()| path)
        };
        let scenarios = Scenarios {
            full_job: scenario("full-job.toml", FULL_JOB)?,
            planted: scenario("planted.toml", PLANTED)?,
            stages: scenario("stages.toml", STAGES)?,
            hit_rate: scenario("hit-rate.toml", HIT_RATE)?,
        };
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        let held = |processor| Confines {
            processor: (pinned && processors > 1).then_some(processor),
            open_files: None,
        };
        Ok(Self {
            interrupt,
            cache,
            scratch,
            tenfold,
            scenarios,
            generator: held(0),
            server: held(1),
        })
    }

    /// The way to be interrupted.
    pub(crate) fn interrupt(&self) -> &Interrupt {
        &self.interrupt
    }

    /// Where peers are kept.
    pub(crate) fn cache(&self) -> &Path {
        &self.cache
    }

    /// The binary of Tenfold.
    pub(crate) fn tenfold(&self) -> &Path {
        &self.tenfold
    }

    /// The scenario of the full job.
    pub(crate) fn full_job(&self) -> &Path {
        &self.scenarios.full_job
    }

    /// The scenario of the planted server.
    pub(crate) fn planted_scenario(&self) -> &Path {
        &self.scenarios.planted
    }

    /// The scenario that stages are measured with.
    pub(crate) fn stages_scenario(&self) -> &Path {
        &self.scenarios.stages
    }

    /// The scenario that caches are measured with.
    pub(crate) fn hit_rate_scenario(&self) -> &Path {
        &self.scenarios.hit_rate
    }

    /// What a generator runs within.
    pub(crate) fn generator_confines(&self) -> &Confines {
        &self.generator
    }

    /// What a server runs within.
    pub(crate) fn server_confines(&self) -> &Confines {
        &self.server
    }

    /// Whether generator and server have a processor each.
    pub(crate) fn is_pinned(&self) -> bool {
        self.generator.processor.is_some()
    }

    /// Makes an empty folder; it goes when the workshop does.
    pub(crate) fn folder(&self, name: &str) -> anyhow::Result<PathBuf> {
        let folder = self.scratch.path().join(name);
        let make = || format!("could not make an empty folder at {}", folder.display());
        if folder.exists() {
            fs::remove_dir_all(&folder).with_context(make)?;
        }
        fs::create_dir_all(&folder).with_context(make)?;
        Ok(folder)
    }
}
