//! The file of a history: a JSON object per line.

use std::fs::OpenOptions;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use tenfold_analysis::history::{HistoryEntry, Parsed, parse};

/// An error while reading or appending to a history.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// The file could not be read.
    #[error("could not read the history {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// The file could not be appended to.
    #[error(
        "could not append to the history {path}: {source}; its directory must exist and be writable"
    )]
    Append {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
}

/// Appends an entry. Creates the file and its directory if necessary.
///
/// Appends the line in a single write, so concurrent appends do not interleave. After a line that a crash
/// truncated, starts a new line.
///
/// # Errors
/// If the file can't be opened or written.
pub fn append(path: &Path, entry: &HistoryEntry) -> Result<(), HistoryError> {
    let failed = |source| HistoryError::Append {
        path: path.to_owned(),
        source,
    };
    let line = entry.line().map_err(|error| failed(error.into()))?;
    write_line(path, &line).map_err(failed)
}

fn write_line(path: &Path, line: &str) -> io::Result<()> {
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent)?;
    }
    let mut file = OpenOptions::new()
        .read(true)
        .append(true)
        .create(true)
        .open(path)?;
    let line = if ends_a_line(&mut file)? {
        line.to_owned()
    } else {
        format!("\n{line}")
    };
    let written = file.write(line.as_bytes())?;
    if written < line.len() {
        // A second write could follow a line of another process.
        return Err(io::Error::other(format!(
            "only {written} of {} bytes were written; the line is truncated",
            line.len()
        )));
    }
    Ok(())
}

/// Returns whether the file ends with a line break. True for an empty file, and for a pipe, which can't be read
/// back.
fn ends_a_line(file: &mut std::fs::File) -> io::Result<bool> {
    if !file.metadata()?.is_file() || file.metadata()?.len() == 0 {
        return Ok(true);
    }
    file.seek(SeekFrom::End(-1))?;
    let mut last = [0];
    file.read_exact(&mut last)?;
    Ok(last == [b'\n'])
}

/// Reads a history. The result lists invalid lines as problems. Invalid UTF-8 is replaced.
///
/// # Errors
/// If the file can't be read.
pub fn read(path: &Path) -> Result<Parsed, HistoryError> {
    let bytes = std::fs::read(path).map_err(|source| HistoryError::Read {
        path: path.to_owned(),
        source,
    })?;
    Ok(parse(&String::from_utf8_lossy(&bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(label: &str) -> HistoryEntry {
        HistoryEntry {
            version: 1,
            at: "2026-01-01T00:00:00Z".to_owned(),
            scenario: "feed".to_owned(),
            label: label.to_owned(),
            ..HistoryEntry::default()
        }
    }

    #[test]
    fn starts_a_new_line_after_a_truncated_one() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("history.jsonl");
        append(&path, &entry("one")).unwrap();
        let whole = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, format!("{whole}{}", &whole[..20])).unwrap();
        assert!(read(&path).unwrap().problems[0].torn);
        append(&path, &entry("two")).unwrap();
        append(&path, &entry("three")).unwrap();
        let parsed = read(&path).unwrap();
        let labels: Vec<&str> = parsed.entries.iter().map(|e| e.label.as_str()).collect();
        assert_eq!(labels, ["one", "two", "three"]);
        let problem = &parsed.problems[0];
        assert_eq!(
            (parsed.problems.len(), problem.line, problem.torn),
            (1, 2, false)
        );
    }

    #[test]
    fn concurrent_appends_do_not_interleave() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("history.jsonl");
        append(&path, &entry("first")).unwrap();
        std::thread::scope(|scope| {
            for writer in 0..4 {
                let path = &path;
                scope.spawn(move || {
                    for number in 0..50 {
                        append(
                            path,
                            &entry(&format!("{writer} {number} {}", "x".repeat(3_000))),
                        )
                        .unwrap();
                    }
                });
            }
        });
        let parsed = read(&path).unwrap();
        assert_eq!((parsed.entries.len(), parsed.problems.len()), (201, 0));
    }

    #[test]
    fn reports_unreachable_files() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("file");
        std::fs::write(&file, "").unwrap();
        let below = file.join("h.jsonl");
        let error = append(&below, &entry("one")).unwrap_err();
        let expected = format!("could not append to the history {}", below.display());
        assert!(error.to_string().starts_with(&expected), "{error}");
        assert!(read(&below).is_err());
    }

    #[test]
    fn creates_the_directory() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("new/h.jsonl");
        append(&path, &entry("one")).unwrap();
        assert_eq!(read(&path).unwrap().entries.len(), 1);
    }
}
