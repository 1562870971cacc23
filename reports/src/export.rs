//! Writes results in the formats of other tools.
//!
//! A subject, [`crate::run::formats`] or [`crate::gate::formats`], registers its formats in a list. To add a format,
//! add a file with a [`Format`] and a line in that list.

pub mod json;
pub(crate) mod junit;

use std::fmt;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use tenfold_run_dir::{check_writable, is_written_in_place, write_atomic, write_atomic_with};

/// A kind of results that can be exported: a run, or a gate.
pub trait Subject: Copy + fmt::Debug + PartialEq + 'static {
    /// The results.
    type Results<'a>;

    /// All formats, in the order of the help.
    const FORMATS: &'static [Format<Self>];

    /// If set, `FORMAT=-` writes to standard output.
    const USES_STANDARD_OUTPUT: bool;

    /// Returns the directory of the results, for exports without a file.
    fn directory<'a>(results: &'a Self::Results<'a>) -> &'a Path;
}

/// A format of a subject.
pub struct Format<S: Subject> {
    /// Name on the command line.
    pub name: &'static str,
    /// File in the directory of the results, unless the user names another.
    pub default_file: &'static str,
    /// Renders results for the file of this path.
    pub(crate) render: for<'a> fn(&'a S::Results<'a>, &Path) -> io::Result<Rendered<'a>>,
}

/// The content of an export.
pub(crate) enum Rendered<'a> {
    /// Files with their content. The first is the one that the user named.
    Files(Vec<(PathBuf, Vec<u8>)>),
    /// Writes a single file row by row, because it is too long for memory.
    Rows(Box<WriteRows<'a>>),
}

type WriteRows<'a> = dyn FnOnce(&mut dyn Write) -> io::Result<()> + 'a;

impl Rendered<'_> {
    /// Returns a single file.
    pub(crate) fn file(path: &Path, text: String) -> Self {
        Self::Files(vec![(path.to_owned(), text.into_bytes())])
    }
}

impl<S: Subject> PartialEq for Format<S> {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl<S: Subject> fmt::Debug for Format<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Format").field(&self.name).finish()
    }
}

impl<S: Subject> fmt::Display for Format<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// A format with its destination.
#[derive(Debug, Clone, PartialEq)]
pub struct Export<S: Subject> {
    /// The format.
    pub format: &'static Format<S>,
    /// The file; `-` is standard output. `None` for the default file in the directory of the results.
    pub file: Option<PathBuf>,
}

/// Names of standard output.
const STANDARD_OUTPUT: [&str; 4] = ["-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"];

/// Parses `csv`, `csv=FILE` or `csv=-`.
impl<S: Subject> FromStr for Export<S> {
    type Err = ExportError;

    fn from_str(text: &str) -> Result<Self, ExportError> {
        let (name, file) = match text.split_once('=') {
            Some((name, file)) => (name.trim(), Some(file)),
            None => (text.trim(), None),
        };
        let names = || S::FORMATS.iter().map(|format| format.name);
        let found = S::FORMATS.iter().find(|format| format.name == name);
        let format = found.ok_or_else(|| ExportError::Unknown {
            name: name.to_owned(),
            hint: match tenfold_scenarios::nearest(name, names()) {
                Some(nearest) => format!("did you mean `{nearest}`?"),
                None => format!("choose one of {}", names().collect::<Vec<_>>().join(", ")),
            },
        })?;
        match file {
            Some("") => Err(ExportError::NoFile {
                format: format.name,
                default_file: format.default_file,
            }),
            file => Ok(Self {
                format,
                file: file.map(PathBuf::from),
            }),
        }
    }
}

impl<S: Subject> fmt::Display for Export<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.file {
            Some(file) => write!(f, "{}={}", self.format, file.display()),
            None => write!(f, "{}", self.format),
        }
    }
}

/// An error while parsing, checking or writing an export.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// No format has this name.
    #[error("there is no export `{name}`; {hint}")]
    Unknown {
        /// The name.
        name: String,
        /// The nearest name, or all names.
        hint: String,
    },
    /// Nothing follows the equals sign.
    #[error(
        "the export `{format}=` names no file; write {format}=FILE, or {format} alone for \
         {default_file} in the directory of the results"
    )]
    NoFile {
        /// The format's name.
        format: &'static str,
        /// The default file of the format.
        default_file: &'static str,
    },
    /// The file is not writable. Reported before the measurement.
    #[error("could not export {export}: {reason}")]
    Place {
        /// The export, as `csv=x.csv`.
        export: String,
        /// The obstacle and its remedy.
        reason: String,
    },
    /// Writing the file failed.
    #[error("could not write {path} ({format}): {source}")]
    Write {
        /// The file.
        path: PathBuf,
        /// The format's name.
        format: &'static str,
        /// The cause.
        source: io::Error,
    },
}

impl<S: Subject> Export<S> {
    /// Returns an export to the default file of a format.
    pub fn new(format: &'static Format<S>) -> Self {
        Self { format, file: None }
    }

    /// Returns whether the export goes to standard output.
    pub fn is_to_standard_output(&self) -> bool {
        let is = |file: &PathBuf| STANDARD_OUTPUT.iter().any(|name| file == Path::new(name));
        S::USES_STANDARD_OUTPUT && self.file.as_ref().is_some_and(is)
    }

    /// Checks that the file is writable, before time is spent on a measurement.
    ///
    /// Creates a file for a moment if there is none yet.
    ///
    /// # Errors
    /// If the directory does not exist or is not writable, or if the path is a directory.
    pub fn check(&self) -> Result<(), ExportError> {
        let Some(file) = self.file.as_ref().filter(|_| !self.is_to_standard_output()) else {
            return Ok(());
        };
        let failed = |reason: String| ExportError::Place {
            export: self.to_string(),
            reason,
        };
        if file.is_dir() {
            let example = file.join(self.format.default_file);
            return Err(failed(format!(
                "{} is a directory; name a file, such as {}",
                file.display(),
                example.display()
            )));
        }
        match file.parent() {
            Some(parent) if !parent.as_os_str().is_empty() && !parent.is_dir() => Err(failed(
                format!("{} is no directory; create it first", parent.display()),
            )),
            _ => check_writable(file)
                .map_err(|error| failed(format!("{error}; name a file that can be written"))),
        }
    }

    /// Writes results atomically, and returns the files written.
    ///
    /// A file that is not regular, such as a FIFO, is written in place, without the further files that a
    /// format has. Formats that hold every second read the interval log again from the run directory.
    ///
    /// # Errors
    /// If a file is not writable, or the interval log is not readable.
    pub fn write<'a>(&self, results: &'a S::Results<'a>) -> Result<Vec<PathBuf>, ExportError> {
        self.check()?;
        let path = match &self.file {
            Some(file) => file.clone(),
            None => S::directory(results).join(self.format.default_file),
        };
        self.write_to(&path, results)
            .map_err(|(path, source)| ExportError::Write {
                path,
                format: self.format.name,
                source,
            })
    }

    fn write_to<'a>(
        &self,
        path: &Path,
        results: &'a S::Results<'a>,
    ) -> Result<Vec<PathBuf>, (PathBuf, io::Error)> {
        let failed = |source| (path.to_owned(), source);
        let mut files = match (self.format.render)(results, path).map_err(failed)? {
            Rendered::Files(files) => files,
            Rendered::Rows(write) => {
                match self.is_to_standard_output() {
                    true => to_standard_output(write),
                    false => write_atomic_with(path, |file| write(file)),
                }
                .map_err(failed)?;
                return Ok(vec![path.to_owned()]);
            }
        };
        if self.is_to_standard_output() || is_written_in_place(path).map_err(failed)? {
            files.retain(|(other, _)| other == path);
        }
        let mut written = Vec::with_capacity(files.len());
        for (path, bytes) in files {
            match self.is_to_standard_output() {
                true => to_standard_output(|out| out.write_all(&bytes)),
                false => write_atomic(&path, &bytes),
            }
            .map_err(|source| (path.clone(), source))?;
            written.push(path);
        }
        Ok(written)
    }
}

/// Writes to standard output. A closed pipe is not an error.
fn to_standard_output(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    match write(&mut out).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error),
        _ => Ok(()),
    }
}
