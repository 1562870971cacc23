//! What is compared: a command, a revision, a directory or a service that is already up.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::GateError;

/// Where a port goes in a command.
pub(crate) const PORT: &str = "{port}";

/// Where the port of the metrics and profiles goes in a command.
pub(crate) const ADMIN_PORT: &str = "{admin_port}";

/// Where a word goes that tells the two that are up at once apart, `a` or `b`, as for their data: builds
/// take turns with it, so that no difference between the two is taken for one between the builds.
pub(crate) const SLOT: &str = "{slot}";

/// One of the two builds that are compared, as the user names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// A shell command that starts the build on the port in place of `{port}`.
    Command(String),
    /// A git revision, by its full name, that is built in a work tree of its own.
    Revision {
        /// As the user wrote it.
        name: String,
        /// The commit, in 40 hexadecimal digits.
        commit: String,
    },
    /// A directory that holds the sources as they are, changes that are not committed included.
    Directory {
        /// As the user wrote it.
        name: String,
        /// Where it is.
        path: PathBuf,
    },
    /// The URL of a service that is up, and stays so.
    Url(String),
}

impl Subject {
    /// Tells what a text names; revisions are those of the repository around `directory`.
    ///
    /// A URL has `://`, a command has `{port}`; what is left is a directory where there is one, else a
    /// revision.
    ///
    /// # Errors
    /// Where it is none of the four, with what each looks like.
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

    /// The commit that it is built of, where that is known: of a directory, the one that is checked out in
    /// it, with `-dirty` where its files are not as that has them.
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

/// The commit that a name stands for; none where there is no repository or no such name.
fn commit(name: &str, directory: &Path) -> Option<String> {
    // What begins with a dash would be an option.
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
    fn each_form_is_told() {
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
        fn anything_is_told_or_refused(text in "\\PC{0,20}") {
            let directory = tempfile::tempdir()?;
            let _ = Subject::find(&text, directory.path());
        }
    }
}
