//! The record of all gates so far, a file of JSON lines. Each gate is appended as soon as it is done, so that an
//! interrupted benchmark can continue.

use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use serde::{Deserialize, Serialize};
use tenfold_analysis::gate::GateOutcome;
use tenfold_run_dir::manifest::Host;

use crate::gate::kind::Kind;
use crate::gate::sizing::Sizing;

/// Version of the record's format.
pub(crate) const RECORD_VERSION: u32 = 1;

/// Settings that all gates of a benchmark share.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Header {
    /// Version of the format.
    pub(crate) version: u32,
    /// Start time, RFC 3339 in UTC.
    pub(crate) started_at: String,
    /// Machine that it runs on.
    pub(crate) host: Host,
    /// Seed of the order of gates and of their requests.
    pub(crate) seed: u64,
    /// Number of gates of the build against itself.
    pub(crate) gates: u32,
    /// Number of gates of each planted slowdown.
    pub(crate) detections: u32,
    /// Budget of gates without slowdown or with planted CPU time, in seconds.
    pub(crate) budget_s: u64,
    /// Budget of gates with a planted wait, in seconds.
    pub(crate) wait_budget_s: u64,
    /// True if the gates used a calibration of this machine.
    pub(crate) calibrated: bool,
    /// True for a quick check.
    pub(crate) quick: bool,
    /// Planted slowdowns.
    pub(crate) sizing: Sizing,
}

impl Header {
    /// Returns the budget of a gate of this kind, in seconds.
    pub(crate) fn budget_s(&self, kind: Kind) -> u64 {
        match kind {
            Kind::Unchanged | Kind::Cpu => self.budget_s,
            Kind::Wait => self.wait_budget_s,
        }
    }
}

/// One gate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct GateRun {
    /// Position in the order, from 0.
    pub(crate) index: usize,
    /// Planted slowdown.
    pub(crate) kind: Kind,
    /// Outcome, including all rounds.
    pub(crate) outcome: GateOutcome,
}

/// A line of the record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "line", rename_all = "snake_case")]
enum Line {
    /// Shared settings; the first line.
    Benchmark(Box<Header>),
    /// A gate.
    Gate(Box<GateRun>),
    /// A gate without an outcome.
    Mishap(Mishap),
    /// The end of a session of the benchmark.
    Stretch(Stretch),
}

/// A gate without an outcome. It runs again when the benchmark continues.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Mishap {
    /// Position in the order, from 0.
    pub(crate) index: usize,
    /// Planted slowdown.
    pub(crate) kind: Kind,
    /// Reason of the failure.
    #[serde(rename = "told")]
    pub(crate) reason: String,
}

/// A session: from a start of the benchmark to its end or interruption.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Stretch {
    /// Duration, in seconds.
    took_s: f64,
}

/// The record of all gates so far.
#[derive(Debug, Clone)]
pub(crate) struct Record {
    path: PathBuf,
    /// Shared settings.
    pub(crate) header: Header,
    /// Gates with an outcome.
    pub(crate) runs: Vec<GateRun>,
    /// Gates without one.
    pub(crate) mishaps: Vec<Mishap>,
    /// Duration of the benchmark so far, in seconds.
    pub(crate) took_s: f64,
}

impl Record {
    /// Starts a record in a new file.
    pub(crate) fn begin(path: &Path, header: Header) -> anyhow::Result<Self> {
        let record = Self {
            path: path.to_owned(),
            header,
            runs: Vec::new(),
            mishaps: Vec::new(),
            took_s: 0.0,
        };
        File::create_new(path).with_context(|| format!("could not create {}", path.display()))?;
        record.append(&Line::Benchmark(Box::new(record.header.clone())))?;
        Ok(record)
    }

    /// Reads a record. An incomplete last line, as after a power failure, is removed.
    pub(crate) fn read(path: &Path) -> anyhow::Result<Self> {
        let read = || format!("could not read {}", path.display());
        let text = fs::read_to_string(path).with_context(read)?;
        let whole = &text[..text.rfind('\n').map_or(0, |at| at + 1)];
        let lines: Result<Vec<Line>, _> = whole.lines().map(serde_json::from_str).collect();
        let mut lines = lines.with_context(read)?.into_iter();
        let header = match lines.next() {
            Some(Line::Benchmark(header)) if header.version == RECORD_VERSION => *header,
            _ => bail!(
                "{} is not a record of this version of the gate benchmark; start a new one \
                 without --from",
                path.display()
            ),
        };
        if whole.len() < text.len() {
            let file = OpenOptions::new().write(true).open(path);
            file.and_then(|file| file.set_len(whole.len() as u64))
                .with_context(|| format!("could not repair {}", path.display()))?;
        }
        let mut record = Self {
            path: path.to_owned(),
            header,
            runs: Vec::new(),
            mishaps: Vec::new(),
            took_s: 0.0,
        };
        for line in lines {
            record.insert(line);
        }
        Ok(record)
    }

    /// Appends a gate with its outcome.
    pub(crate) fn add(&mut self, mut run: GateRun) -> anyhow::Result<()> {
        // No figure here uses these parts, which are most of the size.
        run.outcome.cause = None;
        run.outcome.memory = None;
        run.outcome.answers = None;
        let line = Line::Gate(Box::new(run));
        self.append(&line)?;
        self.insert(line);
        Ok(())
    }

    /// Appends a gate without an outcome.
    pub(crate) fn add_mishap(&mut self, mishap: Mishap) -> anyhow::Result<()> {
        let line = Line::Mishap(mishap);
        self.append(&line)?;
        self.insert(line);
        Ok(())
    }

    /// Appends the duration of this session.
    pub(crate) fn add_time(&mut self, took_s: f64) -> anyhow::Result<()> {
        let line = Line::Stretch(Stretch { took_s });
        self.append(&line)?;
        self.insert(line);
        Ok(())
    }

    /// Returns the path of the record.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns whether a gate of the order is done.
    pub(crate) fn has(&self, index: usize) -> bool {
        self.runs.iter().any(|run| run.index == index)
    }

    /// Returns the gates of one kind.
    pub(crate) fn of(&self, kind: Kind) -> impl Iterator<Item = &GateRun> {
        self.runs.iter().filter(move |run| run.kind == kind)
    }

    fn insert(&mut self, line: Line) {
        match line {
            Line::Benchmark(_) => {}
            Line::Gate(run) => {
                self.mishaps.retain(|mishap| mishap.index != run.index);
                self.runs.push(*run);
            }
            Line::Mishap(mishap) => self.mishaps.push(mishap),
            Line::Stretch(stretch) => self.took_s += stretch.took_s,
        }
    }

    fn append(&self, line: &Line) -> anyhow::Result<()> {
        let text = serde_json::to_string(line)? + "\n";
        let file = OpenOptions::new().append(true).open(&self.path);
        file.and_then(|mut file| file.write_all(text.as_bytes()))
            .with_context(|| format!("could not write {}", self.path.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::sample::{header, rounds};

    fn run(index: usize) -> GateRun {
        let outcome = GateOutcome {
            rounds: rounds(8, 0.02, &[], index as u64),
            ..GateOutcome::default()
        };
        GateRun {
            index,
            kind: Kind::Unchanged,
            outcome: outcome.concluded(),
        }
    }

    fn mishap(index: usize) -> Mishap {
        Mishap {
            index,
            kind: Kind::Cpu,
            reason: "no outcome was written".to_owned(),
        }
    }

    #[test]
    fn reads_record_as_written() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("gate.jsonl");
        let mut record = Record::begin(&path, header()).unwrap();
        record.add(run(0)).unwrap();
        record.add_mishap(mishap(1)).unwrap();
        record.add_mishap(mishap(2)).unwrap();
        record.add_time(12.5).unwrap();
        let mut again = Record::read(&path).unwrap();
        assert_eq!(again.header, record.header);
        assert_eq!(again.runs, record.runs);
        assert_eq!((again.mishaps.len(), again.took_s), (2, 12.5));
        assert!(again.has(0) && !again.has(1));
        // The second attempt has an outcome.
        again.add(run(1)).unwrap();
        again.add_time(2.5).unwrap();
        let third = Record::read(&path).unwrap();
        assert_eq!((third.runs.len(), third.took_s), (2, 15.0));
        assert_eq!(third.mishaps, [mishap(2)]);
        assert!(Record::begin(&path, header()).is_err());
    }

    #[test]
    fn continues_after_truncated_line() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("gate.jsonl");
        let mut record = Record::begin(&path, header()).unwrap();
        record.add(run(0)).unwrap();
        record.add(run(1)).unwrap();
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, &text[..text.len() - 100]).unwrap();
        let mut broken = Record::read(&path).unwrap();
        assert_eq!(broken.runs.len(), 1);
        broken.add(run(1)).unwrap();
        assert_eq!(Record::read(&path).unwrap().runs, record.runs);
    }

    #[test]
    fn refuses_malformed_record() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("gate.jsonl");
        let record = Record::begin(&path, header()).unwrap();
        let head = fs::read_to_string(&path).unwrap();
        for text in ["", "{}\n", &format!("{head}nonsense\n{head}")] {
            fs::write(&path, text).unwrap();
            assert!(Record::read(&path).is_err(), "{text}");
        }
        drop(record);
        assert!(Record::read(&directory.path().join("none")).is_err());
    }
}
