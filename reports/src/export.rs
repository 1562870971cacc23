//! What a finished run can be written as: the one place that knows every format.

use std::fmt;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use tenfold_analysis::{Distribution, Scope, Summary, distributions, intervals_by_scope, seconds};
use tenfold_run_dir::{
    IntervalHistogram, Metric, Run, RunDir, check_writable, is_written_in_place, write_atomic,
    write_atomic_with,
};

use crate::{csv, hgrm, hlog, json, junit, k6_summary, markdown, openmetrics};

/// A format that a run can be written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// The summary, as `summary.json` has it.
    Json,
    /// The time line, a row a second.
    Csv,
    /// A row a request.
    CsvRequests,
    /// A test case for each objective.
    Junit,
    /// Verdict, objectives, latencies and failures in Markdown.
    Markdown,
    /// Distributions by percentile: response time in the file that is named, each metric of each kind
    /// of request beside it.
    Hgrm,
    /// An interval log for HdrHistogram's tools, by metric and kind.
    Hlog,
    /// OpenMetrics 1.0.
    OpenMetrics,
    /// k6's `--summary-export`.
    K6,
}

impl Format {
    /// Every format, in the order of the help.
    pub const ALL: [Format; 9] = [
        Format::Json,
        Format::Csv,
        Format::CsvRequests,
        Format::Junit,
        Format::Markdown,
        Format::Hgrm,
        Format::Hlog,
        Format::OpenMetrics,
        Format::K6,
    ];

    /// The word for it on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Format::Json => "json",
            Format::Csv => "csv",
            Format::CsvRequests => "csv-requests",
            Format::Junit => "junit",
            Format::Markdown => "markdown",
            Format::Hgrm => "hgrm",
            Format::Hlog => "hlog",
            Format::OpenMetrics => "openmetrics",
            Format::K6 => "k6",
        }
    }

    /// The file that it is written to in the run directory, unless another is named.
    pub fn default_file(self) -> &'static str {
        match self {
            Format::Json => "summary.json",
            Format::Csv => "timeline.csv",
            Format::CsvRequests => "requests.csv",
            Format::Junit => "junit.xml",
            Format::Markdown => "summary.md",
            Format::Hgrm => "response.hgrm",
            Format::Hlog => "latencies.hlog",
            Format::OpenMetrics => "openmetrics.txt",
            Format::K6 => "k6-summary.json",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Format {
    type Err = ExportError;

    fn from_str(name: &str) -> Result<Self, ExportError> {
        let names = Format::ALL.map(Format::name);
        Format::ALL
            .into_iter()
            .find(|format| format.name() == name)
            .ok_or_else(|| ExportError::Unknown {
                name: name.to_owned(),
                hint: match tenfold_scenarios::nearest(name, names) {
                    Some(nearest) => format!("did you mean `{nearest}`?"),
                    None => format!("there are {}", names.join(", ")),
                },
            })
    }
}

/// One file to write: a format, and where to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Export {
    /// The format.
    pub format: Format,
    /// The file, `-` for standard output; none for the format's own name in the run directory.
    pub file: Option<PathBuf>,
}

/// The names by which people call standard output.
const STANDARD_OUTPUT: [&str; 4] = ["-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"];

/// Reads `csv`, `csv=FILE` or `csv=-`.
impl FromStr for Export {
    type Err = ExportError;

    fn from_str(text: &str) -> Result<Self, ExportError> {
        let (name, file) = match text.split_once('=') {
            Some((name, file)) => (name, Some(file)),
            None => (text, None),
        };
        let format: Format = name.trim().parse()?;
        match file {
            Some("") => Err(ExportError::NoFile {
                format: format.name(),
                default_file: format.default_file(),
            }),
            file => Ok(Self {
                format,
                file: file.map(PathBuf::from),
            }),
        }
    }
}

impl fmt::Display for Export {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.file {
            Some(file) => write!(f, "{}={}", self.format, file.display()),
            None => write!(f, "{}", self.format),
        }
    }
}

/// Why a run or a gate could not be written in a format.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// There is no such format.
    #[error("there is no export `{name}`; {hint}")]
    Unknown {
        /// What was asked for.
        name: String,
        /// What was probably meant.
        hint: String,
    },
    /// An equals sign is followed by nothing.
    #[error(
        "the export `{format}=` names no file; write {format}=FILE, or {format} alone for \
         {default_file} in the run directory"
    )]
    NoFile {
        /// The format's name.
        format: &'static str,
        /// The file that it has by itself.
        default_file: &'static str,
    },
    /// A file can't be written where it was asked for, as can be told before there is anything to write.
    #[error("could not export {export}: {reason}")]
    Place {
        /// What was asked for, as `csv=x.csv`.
        export: String,
        /// What is in the way, and what to do.
        reason: String,
    },
    /// A file could not be written.
    #[error("could not write {path} ({format}): {source}")]
    Write {
        /// The file.
        path: PathBuf,
        /// The format's name.
        format: &'static str,
        /// Why.
        source: io::Error,
    },
}

impl Export {
    /// Whether it goes to standard output.
    pub fn is_to_standard_output(&self) -> bool {
        let is = |file: &PathBuf| STANDARD_OUTPUT.iter().any(|name| file == Path::new(name));
        self.file.as_ref().is_some_and(is)
    }

    /// Checks that the file could be written, before an hour's run is spent on it.
    ///
    /// A file that does not exist yet is made beside its place for a moment, and taken away again.
    ///
    /// # Errors
    /// Where its directory is not there or can't be written into, or a directory has its name.
    pub fn check(&self) -> Result<(), ExportError> {
        match self.is_to_standard_output() {
            true => Ok(()),
            false => check_place(self.file.as_deref(), self, self.format.default_file()),
        }
    }

    /// Writes a run in this format, whole or not at all, and returns the files written.
    ///
    /// What is no regular file, such as a FIFO, is written to as it is, and gets the file that was
    /// named alone, without what a format has to say in others beside it. Formats that hold every
    /// second read the interval log once more from the run's own directory.
    ///
    /// # Errors
    /// Where a file can't be written, or the interval log can't be read.
    pub fn write(&self, run: &Run, summary: &Summary) -> Result<Vec<PathBuf>, ExportError> {
        self.check()?;
        let path = match &self.file {
            Some(file) => file.clone(),
            None => run.path.join(self.format.default_file()),
        };
        let failed = |path: &Path, source| ExportError::Write {
            path: path.to_owned(),
            format: self.format.name(),
            source,
        };
        let rendered =
            render(self.format, run, summary, &path).map_err(|source| failed(&path, source))?;
        let mut files = match rendered {
            Rendered::Whole(files) => files,
            Rendered::RowByRow(write) => {
                match self.is_to_standard_output() {
                    true => to_standard_output(write),
                    false => write_atomic_with(&path, |file| write(file)),
                }
                .map_err(|source| failed(&path, source))?;
                return Ok(vec![path]);
            }
        };
        if self.is_to_standard_output()
            || is_written_in_place(&path).map_err(|source| failed(&path, source))?
        {
            files.retain(|(other, _)| *other == path);
        }
        let mut written = Vec::with_capacity(files.len());
        for (path, bytes) in files {
            match self.is_to_standard_output() {
                true => to_standard_output(|out| out.write_all(&bytes)),
                false => write_atomic(&path, &bytes),
            }
            .map_err(|source| failed(&path, source))?;
            written.push(path);
        }
        Ok(written)
    }
}

/// Checks that a file could be written where it was asked for.
pub(crate) fn check_place(
    file: Option<&Path>,
    export: &impl fmt::Display,
    default_file: &str,
) -> Result<(), ExportError> {
    let Some(file) = file else {
        return Ok(());
    };
    let place = |reason: String| ExportError::Place {
        export: export.to_string(),
        reason,
    };
    if file.is_dir() {
        let example = file.join(default_file);
        return Err(place(format!(
            "{} is a directory; name a file, such as {}",
            file.display(),
            example.display()
        )));
    }
    match file.parent() {
        Some(parent) if !parent.as_os_str().is_empty() && !parent.is_dir() => Err(place(format!(
            "{} is no directory; create it first",
            parent.display()
        ))),
        _ => check_writable(file)
            .map_err(|error| place(format!("{error}; name a file that can be written"))),
    }
}

/// Writes to standard output. A reader that has gone away is no error.
fn to_standard_output(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    match write(&mut out).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error),
        _ => Ok(()),
    }
}

/// What a run is written as.
enum Rendered<'a> {
    /// Files and what is in them.
    Whole(Vec<(PathBuf, Vec<u8>)>),
    /// How to write one file that holds every second, and so is too long to be held.
    RowByRow(Box<WriteRows<'a>>),
}

type WriteRows<'a> = dyn FnOnce(&mut dyn Write) -> io::Result<()> + 'a;

/// Renders a run for `path`; the first file is the one that was named.
fn render<'a>(
    format: Format,
    run: &'a Run,
    summary: &'a Summary,
    path: &Path,
) -> io::Result<Rendered<'a>> {
    let one = |bytes: Vec<u8>| vec![(path.to_owned(), bytes)];
    let other = io::Error::other::<::csv::Error>;
    Ok(Rendered::Whole(match format {
        Format::Csv => {
            return Ok(Rendered::RowByRow(Box::new(|file| {
                csv::timeline(seconds(run, intervals(run)?), file)
            })));
        }
        Format::Hlog => {
            return Ok(Rendered::RowByRow(Box::new(|mut file| {
                let by_scope = intervals_by_scope(run, &Scope::KINDS, intervals(run)?);
                hlog::write(by_scope, &summary.started_at, &mut file)
            })));
        }
        Format::Json => one(json::render(summary)?.into_bytes()),
        Format::CsvRequests => one(csv::requests(summary).map_err(other)?.into_bytes()),
        Format::Junit => one(junit::render(summary)?.into_bytes()),
        Format::Markdown => one(markdown::render(summary).into_bytes()),
        Format::Hgrm => histograms(run, path),
        Format::OpenMetrics => {
            let requests: Vec<Scope> = (0..summary.requests.len()).map(Scope::Request).collect();
            one(openmetrics::render(summary, &distributions(run, &requests)).into_bytes())
        }
        Format::K6 => one(k6_summary::render(run, summary)?.into_bytes()),
    }))
}

/// The interval log of a run, read from its directory once more, row by row.
fn intervals(run: &Run) -> io::Result<impl Iterator<Item = io::Result<IntervalHistogram>>> {
    let intervals = RunDir::open(&run.path).intervals(&run.counts);
    let intervals = intervals.map_err(io::Error::other)?;
    Ok(intervals.map(|interval| interval.map_err(io::Error::other)))
}

/// The response time of all requests at `path`, and each metric of each kind beside it:
/// `response-reads.hgrm`, or `NAME-response-reads.hgrm` beside a file of another name.
fn histograms(run: &Run, path: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let prefix = match stem.as_ref() {
        "response" => String::new(),
        stem => format!("{stem}-"),
    };
    let extension = path.extension().map_or_else(
        || "hgrm".to_owned(),
        |extension| extension.to_string_lossy().into_owned(),
    );
    let mut files: Vec<_> = distributions(run, &Scope::KINDS)
        .iter()
        .map(|distribution| {
            let place = match (distribution.metric, distribution.scope) {
                (Metric::Response, Scope::All) => path.to_owned(),
                (metric, scope) => {
                    path.with_file_name(format!("{prefix}{metric}-{}.{extension}", scope.name()))
                }
            };
            (place, hgrm::render(distribution).into_bytes())
        })
        .collect();
    // The one that was asked for comes first, and is there also where nothing was answered: somebody
    // may wait for it, and what an earlier run left there is not of this one.
    files.sort_by_key(|(place, _)| place != path);
    if files.first().is_none_or(|(place, _)| place != path) {
        let nothing = Distribution::empty(Metric::Response, Scope::All);
        files.insert(0, (path.to_owned(), hgrm::render(&nothing).into_bytes()));
    }
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_reads_back() {
        for format in Format::ALL {
            for file in [None, Some(PathBuf::from("a dir/x=y.txt"))] {
                let export = Export { format, file };
                assert_eq!(export.to_string().parse::<Export>().unwrap(), export);
            }
        }
    }

    #[test]
    fn standard_output_has_several_names() {
        for text in ["csv=-", "csv=/dev/stdout", "csv=/proc/self/fd/1"] {
            let export: Export = text.parse().unwrap();
            assert!(export.is_to_standard_output(), "{text}");
            export.check().unwrap();
        }
        for text in ["csv", "csv=x-", "csv=/dev/stderr"] {
            let export: Export = text.parse().unwrap();
            assert!(!export.is_to_standard_output(), "{text}");
        }
    }

    #[test]
    fn a_wrong_name_is_told_the_nearest() {
        let told = |text: &str| text.parse::<Export>().unwrap_err().to_string();
        assert_eq!(
            told("juint=x.xml"),
            "there is no export `juint`; did you mean `junit`?"
        );
        assert!(told("parquet").ends_with("hlog, openmetrics, k6"));
        assert!(told("csv=").contains("csv=FILE"));
    }

    #[test]
    fn a_place_that_is_not_there_is_told_beforehand() {
        let export: Export = "csv=no/such/place/x.csv".parse().unwrap();
        let told = export.check().unwrap_err().to_string();
        assert_eq!(
            told,
            "could not export csv=no/such/place/x.csv: no/such/place is no directory; create it first"
        );
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("file"), "").unwrap();
        let told = |name: &str| {
            let export = Export {
                format: Format::Junit,
                file: Some(directory.path().join(name)),
            };
            export.check().err().map(|error| error.to_string())
        };
        let directory_told = told("").unwrap();
        assert!(
            directory_told.contains("is a directory") && directory_told.contains("junit.xml"),
            "{directory_told}"
        );
        let below_a_file = told("file/x.xml").unwrap();
        assert!(
            below_a_file.contains("file is no directory"),
            "{below_a_file}"
        );
        // No file system has room for such a name.
        let unwritable = told(&"x".repeat(300)).unwrap();
        assert!(
            unwritable.contains("name a file that can be written"),
            "{unwritable}"
        );
        assert_eq!((told("file"), told("new")), (None, None));
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
    }
}
