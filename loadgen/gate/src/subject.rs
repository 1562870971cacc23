//! Builds to compare: named as a command, a revision, a directory or a URL, then built and started.

mod build;
mod command_service;
mod instance;
mod launch;
mod logged_command;
mod prepared;
mod revision;

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::GateError;

pub use build::Build;
pub use command_service::{CommandService, ServiceCommand};
pub(crate) use instance::Instance;
pub(crate) use launch::Slot;
pub(crate) use prepared::Prepared;
pub use prepared::{Recipe, Workshop};

/// Placeholder of the port in a command.
pub(crate) const PORT: &str = "{port}";

/// Placeholder of the port for metrics and profiles in a command.
pub(crate) const ADMIN_PORT: &str = "{admin_port}";

/// Placeholder of a name that distinguishes the two running builds, `a` or `b`, for example in a data directory.
/// Builds alternate between the two, so that no difference between the slots looks like one between the builds.
pub(crate) const SLOT: &str = "{slot}";

/// Build to compare, as named by the user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// Shell command that starts the build on the port that replaces `{port}`.
    Command(String),
    /// Git revision, built in a work tree of its own.
    Revision {
        /// Name given by the user.
        name: String,
        /// Commit, as 40 hexadecimal digits.
        commit: String,
    },
    /// Directory with sources, including uncommitted changes.
    Directory {
        /// Name given by the user.
        name: String,
        /// Path of the directory.
        path: PathBuf,
    },
    /// URL of a service that keeps running.
    Url(String),
}

impl Subject {
    /// Finds the build that a text names. Paths and revisions are relative to `directory`.
    ///
    /// A command contains `{port}`, and a URL `://`. Any other text is a directory if it exists, otherwise a
    /// revision.
    ///
    /// # Errors
    /// Fails if the text fits neither form, or names nothing that exists.
    pub fn find(text: &str, directory: &Path) -> Result<Self, GateError> {
        let text = text.trim();
        if text.contains(PORT) {
            return Ok(Self::Command(text.to_owned()));
        }
        if text.contains("://") {
            return Ok(Self::Url(text.to_owned()));
        }
        let path = directory.join(text);
        if !text.is_empty() && path.is_dir() {
            return Ok(Self::Directory {
                name: text.to_owned(),
                path,
            });
        }
        match commit(text, directory) {
            Some(commit) => Ok(Self::Revision {
                name: text.to_owned(),
                commit,
            }),
            None => Err(GateError::NoSubject {
                text: text.to_owned(),
            }),
        }
    }

    /// Returns the commit of the build. `None` for commands and URLs. For a directory, this is the commit that
    /// is checked out, with `-dirty` if files have changed.
    pub(crate) fn revision(&self) -> Option<String> {
        match self {
            Self::Revision { commit, .. } => Some(commit.clone()),
            Self::Directory { path, .. } => {
                let commit = commit("HEAD", path)?;
                let status = Command::new("git")
                    .args(["status", "--porcelain", "--untracked-files=no"])
                    .current_dir(path)
                    .output()
                    .ok()?;
                Some(match status.stdout.is_empty() {
                    true => commit,
                    false => format!("{commit}-dirty"),
                })
            }
            Self::Command(_) | Self::Url(_) => None,
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Command(command) => f.write_str(command),
            Self::Revision { name, commit } => {
                let short = commit.get(..10).unwrap_or(commit);
                match name.starts_with(short) {
                    true => f.write_str(short),
                    false => write!(f, "{name} ({short})"),
                }
            }
            Self::Directory { name, .. } => f.write_str(name),
            Self::Url(url) => f.write_str(url),
        }
    }
}

/// Returns the commit of a name. `None` without a repository or such a name.
fn commit(name: &str, directory: &Path) -> Option<String> {
    // Git would read a leading dash as an option.
    if name.is_empty() || name.starts_with('-') {
        return None;
    }
    let output = Command::new("git")
        .args(["rev-parse", "--verify", "--quiet", "--end-of-options"])
        .arg(format!("{name}^{{commit}}"))
        .current_dir(directory)
        .output()
        .ok()?;
    let commit = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    let is_one = commit.len() >= 40 && commit.bytes().all(|b| b.is_ascii_hexdigit());
    (output.status.success() && is_one).then_some(commit)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn recognises_each_form() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::create_dir(directory.path().join("next")).unwrap();
        let find = |text| Subject::find(text, directory.path());
        assert_eq!(
            find("app --port {port}").unwrap(),
            Subject::Command("app --port {port}".to_owned())
        );
        assert_eq!(
            find("app --url http://127.0.0.1:{port}/").unwrap(),
            Subject::Command("app --url http://127.0.0.1:{port}/".to_owned())
        );
        assert_eq!(
            find("http://127.0.0.1:80").unwrap(),
            Subject::Url("http://127.0.0.1:80".to_owned())
        );
        assert_eq!(
            find("next").unwrap(),
            Subject::Directory {
                name: "next".to_owned(),
                path: directory.path().join("next"),
            }
        );
        let error = find("app --port 80").unwrap_err().to_string();
        assert!(error.contains("{port}"), "{error}");
        assert!(find("").is_err() && find("--help").is_err());
    }

    proptest! {
        #[test]
        fn accepts_or_refuses_any_text(text in "\\PC{0,20}") {
            let directory = tempfile::tempdir()?;
            let _ = Subject::find(&text, directory.path());
        }
    }
}
