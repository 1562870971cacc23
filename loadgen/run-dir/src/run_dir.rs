//! The directory itself: names of files, writing and reading.

mod generators;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::atomic_file::{write_atomic, write_atomic_unsynced};
use crate::files::agents::Agents;
use crate::files::agreement::Agreement;
use crate::files::balancer_use::BalancerUse;
use crate::files::box_use::BoxUse;
use crate::files::component_use::ComponentUse;
use crate::files::faults::Faults;
use crate::files::incident::Incident;
use crate::files::manifest;
use crate::files::sample::Sample;
use crate::files::scaling::Scaling;
use crate::files::timeline::Row;
use crate::intervals::{IntervalLog, IntervalTail, TIME_NS_MAX};
use crate::{
    Counts, Flamegraph, FoldedStacks, HeapProfile, HostTimeline, IntervalFold, IntervalHistogram,
    Intervals, Manifest, OffCpuProfile, ProfileInfo, Run, RunDirError, ServerTiming, TargetMetrics,
    Timeline,
};

/// Stacks of the profile.
const STACKS: &str = "profile/stacks.folded";

/// Times of sampled requests, as the service reported them.
const SERVER_TIMING: &str = "server_timing.json";

/// Stacks of the waits.
const WAITS: &str = "profile/off-cpu.folded";

/// Source and sums of the waits.
const WAITS_INFO: &str = "profile/off-cpu.json";

/// Stacks of allocated bytes.
const ALLOCATED: &str = "profile/heap-allocated.folded";

/// Stacks whose bytes in use grew.
const GROWN: &str = "profile/heap-grown.folded";

/// Sums of the heap profile.
const HEAP_INFO: &str = "profile/heap.json";

/// Flamegraph in SVG, which earlier versions wrote in place of the stacks.
const DRAWING: &str = "profile/flamegraph.svg";

/// A run directory on disk.
#[derive(Debug, Clone)]
pub struct RunDir {
    path: PathBuf,
}

impl RunDir {
    /// Creates the directory and its parents.
    ///
    /// # Errors
    /// If `path` exists and is not an empty directory, so that no run overwrites another; or if it can't be created.
    pub fn create(path: &Path) -> Result<Self, RunDirError> {
        let write = |source| RunDirError::Write {
            path: path.to_owned(),
            source,
        };
        fs::create_dir_all(path).map_err(write)?;
        if fs::read_dir(path).map_err(write)?.next().is_some() {
            return Err(RunDirError::NotEmpty {
                path: path.to_owned(),
            });
        }
        Ok(Self {
            path: path.to_owned(),
        })
    }

    /// Opens the directory of an earlier run. Reads nothing yet.
    pub fn open(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
        }
    }

    /// Path of the directory.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Path of a file in the directory.
    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Creates the interval log of a run that starts at `base`.
    pub fn interval_log(&self, base: SystemTime) -> Result<IntervalLog, RunDirError> {
        IntervalLog::create(&self.file("intervals.hlog"), base)
    }

    /// Follows the interval log while it is being written. It need not exist yet.
    pub fn interval_tail(&self) -> IntervalTail {
        IntervalTail::new(self.file("intervals.hlog"))
    }

    /// Writes `manifest.json`.
    pub fn write_manifest(&self, manifest: &Manifest) -> Result<(), RunDirError> {
        self.write_json("manifest.json", manifest)
    }

    /// Writes `counts.json`.
    pub fn write_counts(&self, counts: &Counts) -> Result<(), RunDirError> {
        self.write_json("counts.json", counts)
    }

    /// Writes `timeline.json`.
    pub fn write_timeline(&self, timeline: &Timeline) -> Result<(), RunDirError> {
        self.write_json("timeline.json", timeline)
    }

    /// Writes the state of a run in progress: `timeline.json`, `samples.json` and `server_timing.json` if there is
    /// something in them, and `counts.json`. Each replaces the previous file atomically.
    ///
    /// Does not sync to disk, because a service on the same machine may need the disk. The files survive a crash of this
    /// process, but not always one of the machine.
    pub fn write_checkpoint(
        &self,
        counts: &Counts,
        timeline: &Timeline,
        samples: &[Sample],
        server_timing: &ServerTiming,
    ) -> Result<(), RunDirError> {
        let write = |name: &str, text: Vec<u8>| {
            let path = self.file(name);
            write_atomic_unsynced(&path, &text)
                .map_err(|source| RunDirError::Write { path, source })
        };
        write("timeline.json", self.json("timeline.json", timeline)?)?;
        if !samples.is_empty() {
            write("samples.json", self.json("samples.json", &samples)?)?;
        }
        if !server_timing.is_empty() {
            write(SERVER_TIMING, self.json(SERVER_TIMING, server_timing)?)?;
        }
        // Last, so that counts never lack the files that belong to them.
        write("counts.json", self.json("counts.json", counts)?)
    }

    /// Writes `host.json`.
    pub fn write_host(&self, host: &HostTimeline) -> Result<(), RunDirError> {
        self.write_json("host.json", host)
    }

    /// Writes `boxes.json`.
    pub fn write_boxes(&self, boxes: &[BoxUse]) -> Result<(), RunDirError> {
        self.write_json("boxes.json", &boxes)
    }

    /// Writes `balancers.json`.
    pub fn write_balancers(&self, balancers: &[BalancerUse]) -> Result<(), RunDirError> {
        self.write_json("balancers.json", &balancers)
    }

    /// Writes `scaling.json`.
    pub fn write_scaling(&self, scaling: &Scaling) -> Result<(), RunDirError> {
        self.write_json("scaling.json", scaling)
    }

    /// Writes `incidents.json`.
    pub fn write_incidents(&self, incidents: &[Incident]) -> Result<(), RunDirError> {
        self.write_json("incidents.json", &incidents)
    }

    /// Writes `faults.json`.
    pub fn write_faults(&self, faults: &Faults) -> Result<(), RunDirError> {
        self.write_json("faults.json", faults)
    }

    /// Writes `agents.json`.
    pub fn write_agents(&self, agents: &Agents) -> Result<(), RunDirError> {
        self.write_json("agents.json", agents)
    }

    /// Writes `components.json`.
    pub fn write_components(&self, components: &[ComponentUse]) -> Result<(), RunDirError> {
        self.write_json("components.json", &components)
    }

    /// Writes `metrics.json`.
    pub fn write_metrics(&self, metrics: &TargetMetrics) -> Result<(), RunDirError> {
        self.write_json("metrics.json", metrics)
    }

    /// Writes `samples.json`.
    pub fn write_samples(&self, samples: &[Sample]) -> Result<(), RunDirError> {
        self.write_json("samples.json", &samples)
    }

    /// Writes `server_timing.json`.
    pub fn write_server_timing(&self, timing: &ServerTiming) -> Result<(), RunDirError> {
        self.write_json(SERVER_TIMING, timing)
    }

    /// Writes `agreement.json`.
    pub fn write_agreement(&self, agreement: &Agreement) -> Result<(), RunDirError> {
        self.write_json("agreement.json", agreement)
    }

    /// Writes a profile: as the target encoded it, its stacks, and how it was captured.
    pub fn write_profile(
        &self,
        info: &ProfileInfo,
        encoded: &[u8],
        stacks: &FoldedStacks,
    ) -> Result<(), RunDirError> {
        self.write_bytes("profile/cpu.pb.gz", encoded)?;
        self.write_stacks(info, stacks)
    }

    /// Writes a profile that was captured from outside: its stacks, and how it was captured.
    pub fn write_stacks(
        &self,
        info: &ProfileInfo,
        stacks: &FoldedStacks,
    ) -> Result<(), RunDirError> {
        self.write_bytes(STACKS, stacks.to_string().as_bytes())?;
        self.write_json("profile/profile.json", info)
    }

    /// Writes a profile of waits: its stacks, in nanoseconds, and how it was captured.
    pub fn write_off_cpu(&self, profile: &OffCpuProfile) -> Result<(), RunDirError> {
        self.write_bytes(WAITS, profile.stacks.to_string().as_bytes())?;
        self.write_json(WAITS_INFO, &profile.info)
    }

    /// Writes a heap profile: its stacks, in bytes, and its sums.
    pub fn write_heap(&self, profile: &HeapProfile) -> Result<(), RunDirError> {
        self.write_bytes(ALLOCATED, profile.allocated.to_string().as_bytes())?;
        self.write_bytes(GROWN, profile.grown.to_string().as_bytes())?;
        self.write_json(HEAP_INFO, &profile.info)
    }

    /// Reads the heap profile. `None` if the run has none.
    fn heap(&self) -> Result<Option<HeapProfile>, RunDirError> {
        let Some(info) = self.read_optional(HEAP_INFO)? else {
            return Ok(None);
        };
        Ok(Some(HeapProfile {
            info,
            allocated: self.stacks(ALLOCATED)?,
            grown: self.stacks(GROWN)?,
        }))
    }

    /// Reads folded stacks.
    fn stacks(&self, name: &str) -> Result<FoldedStacks, RunDirError> {
        let path = self.file(name);
        let text = fs::read_to_string(&path).map_err(|source| RunDirError::Read {
            path: path.clone(),
            source,
        })?;
        text.parse()
            .map_err(|reason| RunDirError::Malformed { path, reason })
    }

    /// Reads the profile of waits. `None` if the run has none.
    fn off_cpu(&self) -> Result<Option<OffCpuProfile>, RunDirError> {
        let Some(info) = self.read_optional(WAITS_INFO)? else {
            return Ok(None);
        };
        let stacks = self.stacks(WAITS)?;
        Ok(Some(OffCpuProfile { info, stacks }))
    }

    /// Opens the interval log of the run with these counts. Rows beyond its checkpoint are left out.
    pub fn intervals(&self, counts: &Counts) -> Result<Intervals, RunDirError> {
        if !self.is_whole() && !self.recorded_generators().is_empty() {
            return self.intervals_of_generators();
        }
        let counted = counts
            .checkpoint
            .and_then(|checkpoint| checkpoint.log_bytes);
        Intervals::open(&self.file("intervals.hlog"), counted)
    }

    /// Writes a run that was merged from `parts` and starts at `base`, with its `intervals`. The samples of each
    /// generator's machine go to `generators/N/host.json`.
    ///
    /// Returns the run with its intervals folded, as [`RunDir::read`] would.
    pub fn write_merged(
        &self,
        mut run: Run,
        parts: &[Run],
        intervals: impl Iterator<Item = Result<IntervalHistogram, RunDirError>>,
        base: SystemTime,
    ) -> Result<Run, RunDirError> {
        self.write_manifest(&run.manifest)?;
        let mut log = self.interval_log(base)?;
        run.latencies = IntervalFold::of_run(&run.manifest, &run.timeline);
        for interval in intervals {
            let interval = interval?;
            log.append_interval(&interval)?;
            run.latencies.add(&interval);
        }
        log.flush()?;
        self.write_counts(&run.counts)?;
        self.write_timeline(&run.timeline)?;
        self.write_host(&run.host)?;
        if !run.boxes.is_empty() {
            self.write_boxes(&run.boxes)?;
        }
        if !run.balancers.is_empty() {
            self.write_balancers(&run.balancers)?;
        }
        if !run.scaling.groups.is_empty() {
            self.write_scaling(&run.scaling)?;
        }
        if !run.incidents.is_empty() {
            self.write_incidents(&run.incidents)?;
        }
        if let Some(faults) = &run.faults {
            self.write_faults(faults)?;
        }
        if !run.components.is_empty() {
            self.write_components(&run.components)?;
        }
        if !run.samples.is_empty() {
            self.write_samples(&run.samples)?;
        }
        if !run.server_timing.is_empty() {
            self.write_server_timing(&run.server_timing)?;
        }
        if !run.metrics.series.is_empty() {
            self.write_metrics(&run.metrics)?;
        }
        if let Some(profile) = &run.profile {
            self.write_json("profile/profile.json", profile)?;
        }
        match &run.flamegraph {
            Some(Flamegraph::Stacks(stacks)) => {
                self.write_bytes(STACKS, stacks.to_string().as_bytes())?;
            }
            Some(Flamegraph::Drawing(svg)) => self.write_bytes(DRAWING, svg.as_bytes())?,
            None => {}
        }
        if let Some(waits) = &run.off_cpu {
            self.write_off_cpu(waits)?;
        }
        if let Some(heap) = &run.heap {
            self.write_heap(heap)?;
        }
        for (index, part) in parts.iter().enumerate() {
            self.write_json(&format!("generators/{}/host.json", index + 1), &part.host)?;
        }
        run.path.clone_from(&self.path);
        Ok(run)
    }

    /// Writes any document as indented JSON.
    pub fn write_json(&self, name: &str, document: &impl Serialize) -> Result<(), RunDirError> {
        self.write_bytes(name, &self.json(name, document)?)
    }

    /// Serializes a document as indented JSON. `name` is for errors.
    fn json(&self, name: &str, document: &impl Serialize) -> Result<Vec<u8>, RunDirError> {
        let mut text = serde_json::to_vec_pretty(document).map_err(|error| RunDirError::Write {
            path: self.file(name),
            source: error.into(),
        })?;
        text.push(b'\n');
        Ok(text)
    }

    /// Writes a file atomically, and creates its directory.
    pub fn write_bytes(&self, name: &str, bytes: &[u8]) -> Result<(), RunDirError> {
        let path = self.file(name);
        let written = path
            .parent()
            .map_or(Ok(()), fs::create_dir_all)
            .and_then(|()| write_atomic(&path, bytes));
        written.map_err(|source| RunDirError::Write { path, source })
    }

    /// Reads `counts.json`.
    ///
    /// # Errors
    /// If there is none, or it can't be read.
    pub fn read_counts(&self) -> Result<Counts, RunDirError> {
        self.read_json("counts.json")
    }

    /// Reads the timeline alone.
    ///
    /// # Errors
    /// If counts or timeline can't be read.
    pub fn read_timeline(&self) -> Result<Timeline, RunDirError> {
        self.outcome().map(|(_, timeline)| timeline)
    }

    /// Reads counts and timeline, or adds up those of the generators if they are not merged.
    fn outcome(&self) -> Result<(Counts, Timeline), RunDirError> {
        if !self.is_whole() {
            return self.sum_of_generators();
        }
        let counts: Counts = self.read_json("counts.json")?;
        let timeline = self.timeline(&counts)?;
        Ok((counts, timeline))
    }

    /// Reads the run, and folds its interval log.
    pub fn read(&self) -> Result<Run, RunDirError> {
        if !self.file("manifest.json").exists() {
            let path = self.path.clone();
            return Err(match path.exists() {
                true => RunDirError::NoManifest { path },
                false => RunDirError::Missing { path },
            });
        }
        let manifest: Manifest = self.read_json("manifest.json")?;
        if manifest.version != manifest::VERSION {
            let reason = format!(
                "it has version {}, and this program reads version {}",
                manifest.version,
                manifest::VERSION
            );
            return Err(RunDirError::Malformed {
                path: self.file("manifest.json"),
                reason,
            });
        }
        let (counts, timeline) = self.outcome()?;
        let mut latencies = IntervalFold::of_run(&manifest, &timeline);
        for interval in self.intervals(&counts)? {
            latencies.add(&interval?);
        }
        let generators = self.generators(&manifest)?;
        Ok(Run {
            path: self.path.clone(),
            manifest,
            counts,
            timeline,
            host: self.read_optional("host.json")?.unwrap_or_default(),
            boxes: self.read_optional("boxes.json")?.unwrap_or_default(),
            balancers: self.read_optional("balancers.json")?.unwrap_or_default(),
            scaling: self.read_optional("scaling.json")?.unwrap_or_default(),
            incidents: self.read_optional("incidents.json")?.unwrap_or_default(),
            faults: self.read_optional("faults.json")?,
            components: self.read_optional("components.json")?.unwrap_or_default(),
            latencies,
            generators,
            agents: self.read_optional("agents.json")?.unwrap_or_default(),
            profile: self.read_optional("profile/profile.json")?,
            metrics: self.read_optional("metrics.json")?.unwrap_or_default(),
            samples: match self.is_whole() {
                true => self.read_optional("samples.json")?.unwrap_or_default(),
                false => self.samples_of_generators()?,
            },
            server_timing: match self.is_whole() {
                true => self.read_optional(SERVER_TIMING)?.unwrap_or_default(),
                false => self.server_timing_of_generators()?,
            },
            flamegraph: self.flamegraph()?,
            off_cpu: self.off_cpu()?,
            heap: self.heap()?,
        })
    }

    /// Reads the timeline of the run with these counts. Rows beyond its checkpoint are left out.
    fn timeline(&self, counts: &Counts) -> Result<Timeline, RunDirError> {
        let mut timeline: Timeline = self.read_json("timeline.json")?;
        let longest = |row: &Row| row.start_ns.max(row.duration_ns);
        if let Some(row) = timeline.rows.iter().find(|row| longest(row) > TIME_NS_MAX) {
            let reason = format!("a time of {} ns is more than a year", longest(row));
            return Err(RunDirError::Malformed {
                path: self.file("timeline.json"),
                reason,
            });
        }
        // If the generator was killed between the two writes, the timeline is newer than the counts. The timeline of a merged
        // run spans its longest part, and has no such rows.
        if let Some(checkpoint) = counts.checkpoint
            && checkpoint.log_bytes.is_some()
        {
            let rows = &mut timeline.rows;
            let counted = rows.partition_point(|row| checkpoint.holds(row));
            rows.truncate(counted.max(1));
        }
        Ok(timeline)
    }

    /// Reads the input of the flamegraph. `None` without a profile.
    fn flamegraph(&self) -> Result<Option<Flamegraph>, RunDirError> {
        [STACKS, DRAWING]
            .into_iter()
            .map(|name| self.file(name))
            .find(|path| path.exists())
            .map(|path| Flamegraph::read(&path))
            .transpose()
    }

    /// Reads a document. `None` if the run does not have it.
    fn read_optional<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, RunDirError> {
        match self.file(name).exists() {
            true => self.read_json(name).map(Some),
            false => Ok(None),
        }
    }

    fn read_json<T: DeserializeOwned>(&self, name: &str) -> Result<T, RunDirError> {
        let path = self.file(name);
        let bytes = fs::read(&path).map_err(|source| RunDirError::Read {
            path: path.clone(),
            source,
        })?;
        serde_json::from_slice(&bytes).map_err(|error| RunDirError::Malformed {
            path,
            reason: error.to_string(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Checkpoint;

    #[test]
    fn refuses_a_directory_in_use() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("run");
        let run = RunDir::create(&path).unwrap();
        run.write_counts(&Counts::default()).unwrap();
        assert!(matches!(
            RunDir::create(&path),
            Err(RunDirError::NotEmpty { .. })
        ));
    }

    #[test]
    fn refuses_a_file_as_directory() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("run");
        fs::write(&path, "a file").unwrap();
        assert!(matches!(
            RunDir::create(&path),
            Err(RunDirError::Write { .. })
        ));
    }

    #[test]
    fn timeline_ends_at_the_checkpoint() {
        const SECOND: u64 = 1_000_000_000;
        let directory = tempfile::tempdir().unwrap();
        let run = RunDir::open(directory.path());
        let rows = (0..6).map(|second| Row {
            start_ns: second * SECOND,
            duration_ns: SECOND,
            ..Row::default()
        });
        let timeline = Timeline {
            rows: rows.collect(),
        };
        run.write_timeline(&timeline).unwrap();
        let rows_of = |at_ns, log_bytes| {
            let counts = Counts {
                checkpoint: Some(Checkpoint {
                    at_ns,
                    log_bytes,
                    ..Checkpoint::default()
                }),
                ..Counts::default()
            };
            run.timeline(&counts).map(|timeline| timeline.rows.len())
        };
        for (at_ns, rows) in [
            (0, 1),
            (4 * SECOND, 4),
            // The fifth second has hardly started.
            (4 * SECOND + 300_000, 4),
            (4 * SECOND + SECOND / 2, 5),
            (60 * SECOND, 6),
        ] {
            assert_eq!(rows_of(at_ns, Some(70)).unwrap(), rows, "{at_ns}");
        }
        assert_eq!(rows_of(4 * SECOND, None).unwrap(), 6);
        assert_eq!(run.timeline(&Counts::default()).unwrap(), timeline);
    }

    #[test]
    fn refuses_rows_beyond_a_year() {
        let directory = tempfile::tempdir().unwrap();
        let run = RunDir::open(directory.path());
        let row = Row {
            start_ns: u64::MAX,
            duration_ns: 1,
            ..Row::default()
        };
        run.write_timeline(&Timeline { rows: vec![row] }).unwrap();
        let error = run.timeline(&Counts::default()).unwrap_err().to_string();
        assert!(error.contains("more than a year"), "{error}");
    }

    #[test]
    fn reads_stacks_or_the_drawing_of_an_earlier_version() {
        let directory = tempfile::tempdir().unwrap();
        let run = RunDir::open(directory.path());
        assert_eq!(run.flamegraph().unwrap(), None);
        run.write_bytes(DRAWING, b"<svg/>").unwrap();
        let drawing = Flamegraph::Drawing("<svg/>".to_owned());
        assert_eq!(run.flamegraph().unwrap(), Some(drawing));
        let mut stacks = FoldedStacks::default();
        stacks.add(["main", "work"], 3);
        let info = ProfileInfo {
            source: "here".to_owned(),
            start_ns: 0,
            duration_ns: 1,
            hz: 100.0,
            captured: 3,
            expected: None,
            cpu_s: None,
        };
        run.write_profile(&info, b"encoded", &stacks).unwrap();
        assert_eq!(run.flamegraph().unwrap(), Some(Flamegraph::Stacks(stacks)));
        run.write_bytes(STACKS, b"main;work").unwrap();
        let refused = run.flamegraph().unwrap_err().to_string();
        assert!(
            refused.contains("line 1 does not end in a number"),
            "{refused}"
        );
    }

    #[test]
    fn reads_back_waits() {
        use crate::off_cpu::{Idleness, OffCpuInfo, OffCpuMethod, WaitKind, WaitSum, wait_frame};

        let directory = tempfile::tempdir().unwrap();
        let run = RunDir::open(directory.path());
        assert_eq!(run.off_cpu().unwrap(), None);
        let mut stacks = FoldedStacks::default();
        let leaf = wait_frame(WaitKind::RunQueue, Idleness::Blocked);
        assert_eq!(leaf, "[blocked: run queue]");
        stacks.add(["main", leaf.as_str()], 5_000);
        let info = OffCpuInfo {
            source: "process 7".to_owned(),
            method: OffCpuMethod::PerfEvents,
            threads: 2,
            start_ns: 0,
            duration_ns: 10_000,
            captured: 2,
            expected: 3,
            lost: 0,
            run_queue_ns: None,
            waits: vec![WaitSum {
                kind: WaitKind::RunQueue,
                idleness: Idleness::Blocked,
                waits: 3,
                ns: 5_000,
            }],
            limits: Vec::new(),
        };
        let mut all = stacks.clone();
        let idle = wait_frame(WaitKind::Events, Idleness::Idle);
        all.add(["main", idle.as_str()], 9_000);
        let profile = OffCpuProfile { info, stacks: all };
        assert_eq!(profile.without_idle(), stacks);
        run.write_off_cpu(&profile).unwrap();
        assert_eq!(run.off_cpu().unwrap(), Some(profile));
        run.write_bytes(WAITS, b"main").unwrap();
        let refused = run.off_cpu().unwrap_err().to_string();
        assert!(
            refused.contains("line 1 does not end in a number"),
            "{refused}"
        );
    }

    #[test]
    fn reads_back_heap() {
        let directory = tempfile::tempdir().unwrap();
        let run = RunDir::open(directory.path());
        assert_eq!(run.heap().unwrap(), None);
        let profile = HeapProfile {
            info: crate::HeapInfo {
                source: "here".to_owned(),
                duration_ns: 9,
                allocated_bytes: Some(70),
                in_use_before_bytes: 5,
                in_use_after_bytes: 4,
            },
            allocated: "main;parse 70\n".parse().unwrap(),
            grown: FoldedStacks::default(),
        };
        run.write_heap(&profile).unwrap();
        assert_eq!(run.heap().unwrap(), Some(profile));
    }

    #[test]
    fn refuses_a_truncated_document() {
        let directory = tempfile::tempdir().unwrap();
        let run = RunDir::open(directory.path());
        fs::write(run.file("manifest.json"), "{\"version\": 1").unwrap();
        assert!(matches!(run.read(), Err(RunDirError::Malformed { .. })));
    }
}
