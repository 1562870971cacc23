//! What a gate can be written as: the one place that knows every format.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use tenfold_analysis::gate::GateOutcome;
use tenfold_run_dir::write_atomic;

use crate::export::{ExportError, check_place};
use crate::gate::beside::Beside;
use crate::gate::{github, html, json, junit, markdown, terminal};

/// A format that a gate can be written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// All of it, as `gate.json` has it.
    Json,
    /// The report.
    Html,
    /// What a pull request's page shows.
    Markdown,
    /// A test case for each gated metric.
    Junit,
    /// Annotations, as GitHub's runner reads them from a step's output.
    Github,
    /// What a terminal shows, without colours.
    Text,
}

impl Format {
    /// Every format, in the order of the help.
    pub const ALL: [Format; 6] = [
        Format::Json,
        Format::Html,
        Format::Markdown,
        Format::Junit,
        Format::Github,
        Format::Text,
    ];

    /// The word for it on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Format::Json => "json",
            Format::Html => "html",
            Format::Markdown => "markdown",
            Format::Junit => "junit",
            Format::Github => "github",
            Format::Text => "text",
        }
    }

    /// The file that it is written to in the gate's directory, unless another is named.
    pub fn default_file(self) -> &'static str {
        match self {
            Format::Json => "gate.json",
            Format::Html => "report.html",
            Format::Markdown => "gate.md",
            Format::Junit => "junit.xml",
            Format::Github => "annotations.txt",
            Format::Text => "gate.txt",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One file to write: a format, and where to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Export {
    /// The format.
    pub format: Format,
    /// The file; none for the format's own name in the gate's directory.
    pub file: Option<PathBuf>,
}

/// Reads `junit` or `junit=FILE`.
impl FromStr for Export {
    type Err = ExportError;

    fn from_str(text: &str) -> Result<Self, ExportError> {
        let (name, file) = match text.split_once('=') {
            Some((name, file)) => (name.trim(), Some(file)),
            None => (text.trim(), None),
        };
        let names = Format::ALL.map(Format::name);
        let format = Format::ALL
            .into_iter()
            .find(|format| format.name() == name)
            .ok_or_else(|| ExportError::Unknown {
                name: name.to_owned(),
                hint: match tenfold_scenarios::nearest(name, names) {
                    Some(nearest) => format!("did you mean `{nearest}`?"),
                    None => format!("a gate has {}", names.join(", ")),
                },
            })?;
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

impl Export {
    /// Checks that the file could be written, before a gate's minutes are spent on it.
    ///
    /// # Errors
    /// Where its directory is not there, or a directory has its name.
    pub fn check(&self) -> Result<(), ExportError> {
        check_place(self.file.as_deref(), self, self.format.default_file())
    }

    /// Writes what came of a gate in this format, whole or not at all, and returns the file written;
    /// without a name of its own, in the gate's directory.
    ///
    /// # Errors
    /// Where the file can't be written.
    pub fn write(
        &self,
        outcome: &GateOutcome,
        beside: &Beside,
        directory: &Path,
    ) -> Result<PathBuf, ExportError> {
        self.check()?;
        let path = match &self.file {
            Some(file) => file.clone(),
            None => directory.join(self.format.default_file()),
        };
        render(self.format, outcome, beside)
            .and_then(|text| write_atomic(&path, text.as_bytes()))
            .map_err(|source| ExportError::Write {
                path: path.clone(),
                format: self.format.name(),
                source,
            })?;
        Ok(path)
    }
}

fn render(format: Format, outcome: &GateOutcome, beside: &Beside) -> std::io::Result<String> {
    Ok(match format {
        Format::Json => json::render(outcome)?,
        Format::Html => html::render(outcome, beside),
        Format::Markdown => markdown::render(outcome, beside),
        Format::Junit => junit::render(outcome)?,
        Format::Github => github::render(outcome),
        Format::Text => terminal::render(outcome, false),
    })
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
            told("githb"),
            "there is no export `githb`; did you mean `github`?"
        );
        assert!(told("parquet").ends_with("a gate has json, html, markdown, junit, github, text"));
        assert!(told("junit=").contains("junit=FILE"));
    }
}
