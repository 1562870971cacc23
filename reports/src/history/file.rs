//! The file that a history is kept in: a JSON object a line.

use std::fs::OpenOptions;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use tenfold_analysis::history::{HistoryEntry, Parsed, parse};

/// Why a history could not be kept or read.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// The file could not be read.
    #[error("could not read the history {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file could not be appended to.
    #[error(
        "could not append to the history {path}: {source}; its directory must exist and be writable"
    )]
    Append {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// Appends an entry, and creates the file where there is none.
///
/// The line goes out in one write to the end of the file, so that several at once do not mix. After a
/// line that a crash cut short it begins one of its own, and costs no more than that line.
///
/// # Errors
/// Where the file can't be opened or written.
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
        // A second write could land behind somebody else's line.
        return Err(io::Error::other(format!(
            "only {written} of {} bytes were written; the line is cut short",
            line.len()
        )));
    }
    Ok(())
}

/// Whether what follows begins a line. An empty file does, and so does what can't be read back, as a
/// pipe.
fn ends_a_line(file: &mut std::fs::File) -> io::Result<bool> {
    if !file.metadata()?.is_file() || file.metadata()?.len() == 0 {
        return Ok(true);
    }
    file.seek(SeekFrom::End(-1))?;
    let mut last = [0];
    file.read_exact(&mut last)?;
    Ok(last == [b'\n'])
}

/// Reads a history. Lines that are none are told in what is returned, and bytes that are no text count as
/// characters that stand for them.
///
/// # Errors
/// Where the file can't be read.
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
    fn a_line_after_a_torn_one_is_whole() {
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
    fn many_at_once_do_not_mix() {
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
    fn what_can_not_be_reached_is_told() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("file");
        std::fs::write(&file, "").unwrap();
        let below = file.join("h.jsonl");
        let told = append(&below, &entry("one")).unwrap_err();
        let expected = format!("could not append to the history {}", below.display());
        assert!(told.to_string().starts_with(&expected), "{told}");
        assert!(read(&below).is_err());
    }

    #[test]
    fn the_folder_of_a_history_is_made() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("new/h.jsonl");
        append(&path, &entry("one")).unwrap();
        assert_eq!(read(&path).unwrap().entries.len(), 1);
    }
}
