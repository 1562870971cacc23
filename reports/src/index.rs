//! The index of runs: one page over all runs below a directory.

use std::io;
use std::path::{Component, Path};

use serde::Serialize;
use tenfold_analysis::{SUMMARY_VERSION, SloVerdict, Summary, format, summarise};
use tenfold_run_dir::{RunDir, RunDirError, Timeline, find_runs};

use crate::document::{Block, Document, RunRow, Runs, Section};
use crate::run::verdict;

/// The runs below a directory.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Index {
    /// Runs, latest first.
    pub runs: Vec<IndexedRun>,
    /// Directories that look like runs and could not be read, with the reason.
    pub unreadable: Vec<String>,
}

/// A run in an index.
#[derive(Debug, Clone, Serialize)]
pub struct IndexedRun {
    /// Path of its directory, relative to that of the index.
    pub path: String,
    /// Address of its report, relative to the page. `None` without a report, or if it is not below the page.
    #[serde(skip)]
    pub link: Option<String>,
    /// Its summary.
    pub summary: Summary,
    /// Expected responses per second, second by second.
    #[serde(skip)]
    pub achieved: Vec<f64>,
}

/// Reads the runs below a directory, for a page in the directory `page`.
///
/// Uses the summary that was written with a run, or else summarises the run.
///
/// # Errors
/// If a directory can't be read. A run that can't be read is no error.
pub fn read(directory: &Path, page: &Path) -> io::Result<Index> {
    let mut index = Index::default();
    let page = page.canonicalize()?;
    for path in find_runs(directory)? {
        let relative = path.strip_prefix(directory).unwrap_or(&path);
        match read_run(&path) {
            Ok((summary, timeline)) => index.runs.push(IndexedRun {
                path: match relative.display().to_string() {
                    same if same.is_empty() => ".".to_owned(),
                    relative => relative,
                },
                link: path
                    .join("report.html")
                    .is_file()
                    .then(|| address(path.canonicalize().ok()?.strip_prefix(&page).ok()?))
                    .flatten(),
                achieved: achieved(&timeline),
                summary,
            }),
            Err(error) => index.unreadable.push(error.to_string()),
        }
    }
    index
        .runs
        .sort_by(|one, other| other.summary.started_at.cmp(&one.summary.started_at));
    Ok(index)
}

fn read_run(path: &Path) -> Result<(Summary, Timeline), RunDirError> {
    let run_dir = RunDir::open(path);
    let written = std::fs::read(run_dir.file("summary.json")).ok();
    let written = written.and_then(|text| serde_json::from_slice::<Summary>(&text).ok());
    match written.filter(|summary| summary.version == SUMMARY_VERSION) {
        Some(summary) => Ok((summary, run_dir.read_timeline()?)),
        None => {
            let run = run_dir.read()?;
            Ok((summarise(&run), run.timeline))
        }
    }
}

fn achieved(timeline: &Timeline) -> Vec<f64> {
    let rows = timeline.rows.iter().filter(|row| row.duration_ns > 0);
    rows.map(|row| (row.reads + row.writes) as f64 * 1e9 / row.duration_ns as f64)
        .collect()
}

/// Returns the address of the report in a directory below that of the page, with everything but letters, digits and a few
/// signs escaped. `None` for a path that leads elsewhere.
fn address(relative: &Path) -> Option<String> {
    let mut address = ".".to_owned();
    for component in relative.components() {
        let Component::Normal(name) = component else {
            return None;
        };
        address.push('/');
        for byte in name.to_str()?.bytes() {
            match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                    address.push(char::from(byte));
                }
                other => address.push_str(&format!("%{other:02X}")),
            }
        }
    }
    address.push_str("/report.html");
    Some(address)
}

/// Returns the page over all runs.
pub fn page(index: &Index) -> Document {
    let mut sections = Vec::new();
    if !index.runs.is_empty() {
        let lead = "Latest first.";
        let runs = Block::Runs(runs(index));
        sections.push(Section::new("runs", "Runs", lead, vec![runs]));
    }
    if !index.unreadable.is_empty() {
        let list = Block::List(index.unreadable.clone());
        sections.push(Section::new("unreadable", "Unreadable", "", vec![list]));
    }
    Document {
        origin: vec!["index of runs".to_owned()],
        title: match index.runs.len() {
            0 => "No runs".to_owned(),
            1 => "1 run".to_owned(),
            several => format!("{} runs", format::count(several as u64)),
        },
        lead: lead(index),
        sections,
        ..Document::default()
    }
}

fn lead(index: &Index) -> String {
    let count = |slo| {
        let runs = index.runs.iter();
        runs.filter(|run| run.summary.verdict.slo == slo).count()
    };
    if index.runs.is_empty() {
        return "This directory and those below it hold no finished run.".to_owned();
    }
    format!(
        "Objectives met in {}, missed in {}, not judged in {}.",
        count(SloVerdict::Met),
        count(SloVerdict::Missed),
        count(SloVerdict::NotJudged)
    )
}

fn runs(index: &Index) -> Runs {
    let rows = index.runs.iter().map(|run| {
        let summary = &run.summary;
        let response = &summary.latency_ns.response;
        let (tone, badge) = verdict::headline(summary);
        let errors = summary.arrivals.error_rate();
        RunRow {
            link: run.link.clone(),
            tone: Some(tone),
            cells: vec![
                run.path.clone(),
                minute(&summary.started_at),
                badge.to_owned(),
                format::rate(summary.rate_per_s.offered),
                format::rate(summary.rate_per_s.achieved),
                format::maybe_duration(response.p50),
                format::maybe_duration(response.p99),
                errors.map_or_else(|| "–".to_owned(), format::percent),
                format!("{} s", format::significant(summary.counted_s)),
                summary.scenario.clone(),
                summary
                    .stage
                    .clone()
                    .unwrap_or_else(|| summary.target.clone()),
            ],
            values: run.achieved.clone(),
        }
    });
    Runs {
        head: vec![
            "run", "start", "verdict", "offered", "achieved", "p50", "p99", "errors", "duration",
            "scenario", "service",
        ],
        line: "achieved over time",
        rows: rows.collect(),
    }
}

/// Shortens a time in RFC 3339 to its minute: `2026-11-29 22:16`.
fn minute(time: &str) -> String {
    match time.get(..16) {
        Some(minute) => minute.replacen('T', " ", 1),
        None => time.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_escaped_and_stay_below() {
        let of = |path: &str| address(Path::new(path));
        assert_eq!(of("a/b c\"<").unwrap(), "./a/b%20c%22%3C/report.html");
        assert_eq!(of("").unwrap(), "./report.html");
        assert_eq!(of("javascript:x").unwrap(), "./javascript%3Ax/report.html");
        assert_eq!(of("../up"), None);
        assert_eq!(of("/root"), None);
    }
}
