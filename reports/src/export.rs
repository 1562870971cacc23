//! What a finished run can be written as: the one place that knows every format.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use tenfold_analysis::{Scope, Summary, distributions, intervals_by_scope, seconds};
use tenfold_run_dir::{Metric, Run, write_whole};

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
    /// The file; none for the format's own name in the run directory.
    pub file: Option<PathBuf>,
}

/// Reads `csv` or `csv=FILE`.
impl FromStr for Export {
    type Err = ExportError;

    fn from_str(text: &str) -> Result<Self, ExportError> {
        let (name, file) = match text.split_once('=') {
            Some((name, file)) => (name, Some(file)),
            None => (text, None),
        };
        let format = name.trim().parse()?;
        match file {
            Some("") => Err(ExportError::NoFile { format }),
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

/// Why a run could not be written in a format.
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
        "the export `{format}=` names no file; write {format}=FILE, or {format} alone for {} in the \
         run directory",
        format.default_file()
    )]
    NoFile {
        /// The format.
        format: Format,
    },
    /// A file can't be written where it was asked for, as can be told before there is anything to write.
    #[error("could not export {export}: {reason}")]
    Place {
        /// What was asked for.
        export: Export,
        /// What is in the way, and what to do.
        reason: String,
    },
    /// A file could not be written.
    #[error("could not write {path} ({format}): {source}")]
    Write {
        /// The file.
        path: PathBuf,
        /// The format.
        format: Format,
        /// Why.
        source: std::io::Error,
    },
}

impl Export {
    /// Checks that the file could be written, before an hour's run is spent on it.
    ///
    /// # Errors
    /// Where its directory is not there, or a directory has its name.
    pub fn check(&self) -> Result<(), ExportError> {
        let Some(file) = &self.file else {
            return Ok(());
        };
        let place = |reason: String| ExportError::Place {
            export: self.clone(),
            reason,
        };
        if file.is_dir() {
            let example = file.join(self.format.default_file());
            return Err(place(format!(
                "{} is a directory; name a file, such as {}",
                file.display(),
                example.display()
            )));
        }
        match file.parent() {
            Some(parent) if !parent.as_os_str().is_empty() && !parent.is_dir() => Err(place(
                format!("{} is no directory; create it first", parent.display()),
            )),
            _ => Ok(()),
        }
    }

    /// Writes a run in this format, whole or not at all, and returns the files written.
    ///
    /// # Errors
    /// Where a file can't be written.
    pub fn write(&self, run: &Run, summary: &Summary) -> Result<Vec<PathBuf>, ExportError> {
        self.check()?;
        let path = match &self.file {
            Some(file) => file.clone(),
            None => run.path.join(self.format.default_file()),
        };
        let failed = |path: &Path, source| ExportError::Write {
            path: path.to_owned(),
            format: self.format,
            source,
        };
        let rendered =
            render(self.format, run, summary, &path).map_err(|source| failed(&path, source))?;
        let mut written = Vec::with_capacity(rendered.len());
        for (path, bytes) in rendered {
            write_whole(&path, &bytes).map_err(|source| failed(&path, source))?;
            written.push(path);
        }
        Ok(written)
    }
}

/// Renders a run for `path`; the first file is the one that was named.
fn render(
    format: Format,
    run: &Run,
    summary: &Summary,
    path: &Path,
) -> std::io::Result<Vec<(PathBuf, Vec<u8>)>> {
    let one = |bytes: Vec<u8>| vec![(path.to_owned(), bytes)];
    let other = std::io::Error::other::<::csv::Error>;
    Ok(match format {
        Format::Json => one(json::render(summary)?.into_bytes()),
        Format::Csv => one(csv::timeline(&seconds(run)).map_err(other)?.into_bytes()),
        Format::CsvRequests => one(csv::requests(summary).map_err(other)?.into_bytes()),
        Format::Junit => one(junit::render(summary)?.into_bytes()),
        Format::Markdown => one(markdown::render(summary).into_bytes()),
        Format::Hgrm => histograms(run, path),
        Format::Hlog => one(hlog::render(
            &intervals_by_scope(run, &Scope::KINDS),
            &summary.started_at,
        )?),
        Format::OpenMetrics => {
            let requests: Vec<Scope> = (0..summary.requests.len()).map(Scope::Request).collect();
            one(openmetrics::render(summary, &distributions(run, &requests)).into_bytes())
        }
        Format::K6 => one(k6_summary::render(&run.manifest, summary)?.into_bytes()),
    })
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
    // The one that was asked for comes first; where nothing was answered, there is none.
    files.sort_by_key(|(place, _)| place != path);
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
        let export = Export {
            format: Format::Junit,
            file: Some(directory.path().to_owned()),
        };
        let told = export.check().unwrap_err().to_string();
        assert!(
            told.contains("is a directory") && told.contains("junit.xml"),
            "{told}"
        );
    }
}
