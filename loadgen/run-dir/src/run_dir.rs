//! The directory itself: its file names, and reading and writing them.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::interval_log::{self, IntervalLog};
use crate::manifest;
use crate::sample::Sample;
use crate::whole_file::write_whole;
use crate::{Counts, HostTimeline, Manifest, ProfileInfo, Run, RunDirError, Timeline};

/// A run directory on disk.
#[derive(Debug, Clone)]
pub struct RunDir {
    path: PathBuf,
}

impl RunDir {
    /// Creates the directory and its parents.
    ///
    /// Fails where `path` exists and is not an empty directory, so that no run overwrites another.
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

    /// Opens a directory that a run has written.
    pub fn open(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
        }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where a file of it is.
    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Creates the interval log of a run that begins at `base`.
    pub fn interval_log(&self, base: SystemTime) -> Result<IntervalLog, RunDirError> {
        IntervalLog::create(&self.file("intervals.hlog"), base)
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

    /// Writes `host.json`.
    pub fn write_host(&self, host: &HostTimeline) -> Result<(), RunDirError> {
        self.write_json("host.json", host)
    }

    /// Writes `samples.json`.
    pub fn write_samples(&self, samples: &[Sample]) -> Result<(), RunDirError> {
        self.write_json("samples.json", &samples)
    }

    /// Writes the profile: the encoded profile, its flamegraph and how it was taken.
    pub fn write_profile(
        &self,
        info: &ProfileInfo,
        encoded: &[u8],
        flamegraph: &str,
    ) -> Result<(), RunDirError> {
        self.write_bytes("profile/cpu.pb.gz", encoded)?;
        self.write_bytes("profile/flamegraph.svg", flamegraph.as_bytes())?;
        self.write_json("profile/profile.json", info)
    }

    /// Writes a run that was merged from `parts` and begins at `base`, with what each generator's
    /// machine did in `generators/N/host.json`.
    pub fn write_merged(
        &self,
        run: &Run,
        parts: &[Run],
        base: SystemTime,
    ) -> Result<(), RunDirError> {
        self.write_manifest(&run.manifest)?;
        let mut log = self.interval_log(base)?;
        let mut whole = interval_log::histogram::<u64>();
        for interval in &run.intervals {
            whole.reset();
            interval.histogram.add_to(&mut whole);
            let start = Duration::from_nanos(interval.start_ns);
            let duration = Duration::from_nanos(interval.duration_ns);
            log.append(interval.series, start, duration, &whole)?;
        }
        log.flush()?;
        self.write_counts(&run.counts)?;
        self.write_timeline(&run.timeline)?;
        self.write_host(&run.host)?;
        if !run.samples.is_empty() {
            self.write_samples(&run.samples)?;
        }
        if let Some(profile) = &run.profile {
            self.write_json("profile/profile.json", profile)?;
        }
        if let Some(flamegraph) = &run.flamegraph {
            self.write_bytes("profile/flamegraph.svg", flamegraph.as_bytes())?;
        }
        for (index, part) in parts.iter().enumerate() {
            self.write_json(&format!("generators/{}/host.json", index + 1), &part.host)?;
        }
        Ok(())
    }

    /// Writes any document as indented JSON.
    pub fn write_json(&self, name: &str, document: &impl Serialize) -> Result<(), RunDirError> {
        let mut text = serde_json::to_vec_pretty(document).map_err(|error| RunDirError::Write {
            path: self.file(name),
            source: error.into(),
        })?;
        text.push(b'\n');
        self.write_bytes(name, &text)
    }

    /// Writes a file whole: beside its place first, then moved there, so that no reader and no crash
    /// ever meets half of it.
    pub fn write_bytes(&self, name: &str, bytes: &[u8]) -> Result<(), RunDirError> {
        let path = self.file(name);
        let written = path
            .parent()
            .map_or(Ok(()), fs::create_dir_all)
            .and_then(|()| write_whole(&path, bytes));
        written.map_err(|source| RunDirError::Write { path, source })
    }

    /// Reads the run back.
    pub fn read(&self) -> Result<Run, RunDirError> {
        let flamegraph = self.file("profile/flamegraph.svg");
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
        Ok(Run {
            path: self.path.clone(),
            manifest,
            counts: self.read_json("counts.json")?,
            timeline: self.read_json("timeline.json")?,
            host: if self.file("host.json").exists() {
                self.read_json("host.json")?
            } else {
                HostTimeline::default()
            },
            intervals: interval_log::read(&self.file("intervals.hlog"))?,
            profile: if self.file("profile/profile.json").exists() {
                Some(self.read_json("profile/profile.json")?)
            } else {
                None
            },
            samples: if self.file("samples.json").exists() {
                self.read_json("samples.json")?
            } else {
                Vec::new()
            },
            flamegraph: match fs::read_to_string(&flamegraph) {
                Ok(svg) => Some(svg),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
                Err(source) => {
                    return Err(RunDirError::Read {
                        path: flamegraph,
                        source,
                    });
                }
            },
        })
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

    #[test]
    fn a_directory_in_use_is_refused() {
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
    fn a_file_in_the_way_is_an_error() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("run");
        fs::write(&path, "a file").unwrap();
        assert!(matches!(
            RunDir::create(&path),
            Err(RunDirError::Write { .. })
        ));
    }

    #[test]
    fn half_a_document_is_malformed() {
        let directory = tempfile::tempdir().unwrap();
        let run = RunDir::open(directory.path());
        fs::write(run.file("manifest.json"), "{\"version\": 1").unwrap();
        assert!(matches!(run.read(), Err(RunDirError::Malformed { .. })));
    }
}
