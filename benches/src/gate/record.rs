//! The gates so far, in a file of lines: each is appended as soon as it is over, so that a benchmark that
//! was interrupted goes on where it was.

use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use serde::{Deserialize, Serialize};
use tenfold_analysis::gate::GateOutcome;
use tenfold_run_dir::manifest::Host;

use crate::gate::kind::Kind;
use crate::gate::sizing::Sizing;

/// The version of this shape.
pub(crate) const RECORD_VERSION: u32 = 1;

/// What all gates of a benchmark share.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Header {
    /// Version of this shape.
    pub(crate) version: u32,
    /// When it began, RFC 3339 in UTC.
    pub(crate) started_at: String,
    /// The machine that it runs on.
    pub(crate) host: Host,
    /// The seed of the order of gates, and of their requests.
    pub(crate) seed: u64,
    /// Gates of the build beside itself.
    pub(crate) gates: u32,
    /// Gates of each planted slowdown.
    pub(crate) detections: u32,
    /// The budget of gates of nothing and of processor time, in seconds.
    pub(crate) budget_s: u64,
    /// The budget of gates of a wait, in seconds.
    pub(crate) wait_budget_s: u64,
    /// Whether the gates had a calibration of this machine.
    pub(crate) calibrated: bool,
    /// Whether it is but a short look.
    pub(crate) quick: bool,
    /// What is planted.
    pub(crate) sizing: Sizing,
}

impl Header {
    /// The budget of a gate of this kind, in seconds.
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
    /// Its place in the order, from 0.
    pub(crate) index: usize,
    /// What was planted.
    pub(crate) kind: Kind,
    /// What came of it, rounds and all.
    pub(crate) outcome: GateOutcome,
}

/// A line of the file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "line", rename_all = "snake_case")]
enum Line {
    /// What all gates share; the first.
    Benchmark(Box<Header>),
    /// A gate.
    Gate(Box<GateRun>),
    /// A gate that told no outcome.
    Mishap(Mishap),
    /// The end of a stretch of gates.
    Stretch(Stretch),
}

/// A gate that told no outcome. It is run again where the benchmark goes on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Mishap {
    /// Its place in the order, from 0.
    pub(crate) index: usize,
    /// What was planted.
    pub(crate) kind: Kind,
    /// What came of it instead.
    #[serde(rename = "told")]
    pub(crate) reason: String,
}

/// Gates between a start of the benchmark and an end, or an interruption.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Stretch {
    /// How long it was, in seconds.
    took_s: f64,
}

/// The gates so far.
#[derive(Debug, Clone)]
pub(crate) struct Record {
    path: PathBuf,
    /// What all gates share.
    pub(crate) header: Header,
    /// The gates that told an outcome.
    pub(crate) runs: Vec<GateRun>,
    /// Those that did not.
    pub(crate) mishaps: Vec<Mishap>,
    /// How long the benchmark took so far, in seconds.
    pub(crate) took_s: f64,
}

impl Record {
    /// Begins a record in a new file.
    pub(crate) fn begin(path: &Path, header: Header) -> anyhow::Result<Self> {
        let record = Self {
            path: path.to_owned(),
            header,
            runs: Vec::new(),
            mishaps: Vec::new(),
            took_s: 0.0,
        };
        File::create_new(path).with_context(|| format!("could not make {}", path.display()))?;
        record.append(&Line::Benchmark(Box::new(record.header.clone())))?;
        Ok(record)
    }

    /// Reads a record. A last line that breaks off, as when the power fails, is cut off.
    pub(crate) fn read(path: &Path) -> anyhow::Result<Self> {
        let read = || format!("could not read {}", path.display());
        let text = fs::read_to_string(path).with_context(read)?;
        let whole = &text[..text.rfind('\n').map_or(0, |at| at + 1)];
        let lines: Result<Vec<Line>, _> = whole.lines().map(serde_json::from_str).collect();
        let mut lines = lines.with_context(read)?.into_iter();
        let header = match lines.next() {
            Some(Line::Benchmark(header)) if header.version == RECORD_VERSION => *header,
            _ => bail!(
                "{} is no record of gates that this version of the benchmark has written; begin anew \
                 without --from",
                path.display()
            ),
        };
        if whole.len() < text.len() {
            let file = OpenOptions::new().write(true).open(path);
            file.and_then(|file| file.set_len(whole.len() as u64))
                .with_context(|| format!("could not mend {}", path.display()))?;
        }
        let mut record = Self {
            path: path.to_owned(),
            header,
            runs: Vec::new(),
            mishaps: Vec::new(),
            took_s: 0.0,
        };
        for line in lines {
            record.take_in(line);
        }
        Ok(record)
    }

    /// Keeps a gate that is over.
    pub(crate) fn add(&mut self, mut run: GateRun) -> anyhow::Result<()> {
        // What no figure here is made of, and most of the bytes.
        run.outcome.cause = None;
        run.outcome.memory = None;
        run.outcome.answers = None;
        let line = Line::Gate(Box::new(run));
        self.append(&line)?;
        self.take_in(line);
        Ok(())
    }

    /// Keeps that a gate told no outcome.
    pub(crate) fn add_mishap(&mut self, mishap: Mishap) -> anyhow::Result<()> {
        let line = Line::Mishap(mishap);
        self.append(&line)?;
        self.take_in(line);
        Ok(())
    }

    /// Keeps how long this start of the benchmark took.
    pub(crate) fn add_time(&mut self, took_s: f64) -> anyhow::Result<()> {
        let line = Line::Stretch(Stretch { took_s });
        self.append(&line)?;
        self.take_in(line);
        Ok(())
    }

    /// Where it is kept.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether a gate of the order is over.
    pub(crate) fn has(&self, index: usize) -> bool {
        self.runs.iter().any(|run| run.index == index)
    }

    /// The gates of one kind.
    pub(crate) fn of(&self, kind: Kind) -> impl Iterator<Item = &GateRun> {
        self.runs.iter().filter(move |run| run.kind == kind)
    }

    fn take_in(&mut self, line: Line) {
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
            reason: "it told nothing".to_owned(),
        }
    }

    #[test]
    fn a_record_is_read_as_it_was_written() {
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
        // The second time it told an outcome.
        again.add(run(1)).unwrap();
        again.add_time(2.5).unwrap();
        let third = Record::read(&path).unwrap();
        assert_eq!((third.runs.len(), third.took_s), (2, 15.0));
        assert_eq!(third.mishaps, [mishap(2)]);
        assert!(Record::begin(&path, header()).is_err());
    }

    #[test]
    fn a_line_that_breaks_off_is_left_out_and_gone_on_after() {
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
    fn what_is_no_record_is_refused() {
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
