//! Environment of all turns: directories, scenarios, CPUs and the interrupt.

pub(crate) mod child;
pub(crate) mod interrupt;
pub(crate) mod progress;
pub(crate) mod tenfold_binary;
pub(crate) mod tenfold_run;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use tempfile::TempDir;

use crate::workshop::child::Confines;
use crate::workshop::interrupt::Interrupt;

/// Environment of all turns.
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

/// Paths of the scenarios for Tenfold.
#[derive(Debug)]
struct Scenarios {
    full_job: PathBuf,
    planted: PathBuf,
    stages: PathBuf,
    stages_writes: PathBuf,
    hit_rate: PathBuf,
    grpc_job: PathBuf,
    websocket_job: PathBuf,
}

const FULL_JOB: &str = include_str!("../scenarios/full-job.toml");
const STAGES: &str = include_str!("../scenarios/stages.toml");
const STAGES_WRITES: &str = include_str!("../scenarios/stages-writes.toml");
const HIT_RATE: &str = include_str!("../scenarios/hit-rate.toml");
const GRPC_JOB: &str = include_str!("../scenarios/grpc-job.toml");
const WEBSOCKET_JOB: &str = include_str!("../scenarios/websocket-job.toml");
const GRPC_SERVICE: &str = include_str!("../scenarios/shop.proto");
const PLANTED: &str = include_str!("../scenarios/gate.toml");

impl Workshop {
    /// Creates the environment. `cache` keeps the installed peers.
    ///
    /// With `pinned` and at least two CPUs, the generator runs on the first and the server on the second.
    pub(crate) fn new(
        cache: &Path,
        tenfold: PathBuf,
        pinned: bool,
        interrupt: Interrupt,
    ) -> anyhow::Result<Self> {
        let make = || format!("could not create a directory in {}", cache.display());
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
        // The scenario with calls refers to it.
        scenario("shop.proto", GRPC_SERVICE)?;
        let scenarios = Scenarios {
            full_job: scenario("full-job.toml", FULL_JOB)?,
            planted: scenario("planted.toml", PLANTED)?,
            stages: scenario("stages.toml", STAGES)?,
            stages_writes: scenario("stages-writes.toml", STAGES_WRITES)?,
            hit_rate: scenario("hit-rate.toml", HIT_RATE)?,
            grpc_job: scenario("grpc-job.toml", GRPC_JOB)?,
            websocket_job: scenario("websocket-job.toml", WEBSOCKET_JOB)?,
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

    /// Returns the interrupt.
    pub(crate) fn interrupt(&self) -> &Interrupt {
        &self.interrupt
    }

    /// Returns the directory of the installed peers.
    pub(crate) fn cache(&self) -> &Path {
        &self.cache
    }

    /// Returns the binary of Tenfold.
    pub(crate) fn tenfold(&self) -> &Path {
        &self.tenfold
    }

    /// Returns the scenario of the full job.
    pub(crate) fn full_job(&self) -> &Path {
        &self.scenarios.full_job
    }

    /// Returns the scenario with gRPC calls.
    pub(crate) fn grpc_job(&self) -> &Path {
        &self.scenarios.grpc_job
    }

    /// Returns the scenario with WebSocket messages.
    pub(crate) fn websocket_job(&self) -> &Path {
        &self.scenarios.websocket_job
    }

    /// Returns the scenario for the planted server.
    pub(crate) fn planted_scenario(&self) -> &Path {
        &self.scenarios.planted
    }

    /// Returns the scenario for stages.
    pub(crate) fn stages_scenario(&self) -> &Path {
        &self.scenarios.stages
    }

    /// Returns the scenario for the writes of stages.
    pub(crate) fn stages_writes_scenario(&self) -> &Path {
        &self.scenarios.stages_writes
    }

    /// Returns the scenario for cache hit rates.
    pub(crate) fn hit_rate_scenario(&self) -> &Path {
        &self.scenarios.hit_rate
    }

    /// Returns the limits of the generator's process.
    pub(crate) fn generator_confines(&self) -> &Confines {
        &self.generator
    }

    /// Returns the limits of the server's process.
    pub(crate) fn server_confines(&self) -> &Confines {
        &self.server
    }

    /// Returns whether generator and server have one CPU each.
    pub(crate) fn is_pinned(&self) -> bool {
        self.generator.processor.is_some()
    }

    /// Creates an empty directory, which is deleted with the environment.
    pub(crate) fn folder(&self, name: &str) -> anyhow::Result<PathBuf> {
        let folder = self.scratch.path().join(name);
        let make = || format!("could not create the directory {}", folder.display());
        if folder.exists() {
            fs::remove_dir_all(&folder).with_context(make)?;
        }
        fs::create_dir_all(&folder).with_context(make)?;
        Ok(folder)
    }
}
