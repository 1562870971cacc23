//! Build of the service that a box runs: its program and its settings.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::LabError;

/// Prefix of the variables that set the service.
const PREFIX: &str = "TENFOLD_";

/// Largest value of a setting, in bytes.
const VALUE_BYTES_MAX: usize = 256;

/// Program of a box of the service, and the settings that it has beside those of the lab.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Build {
    /// Program that provides the `serve` subcommand. Its path identifies the build.
    pub program: PathBuf,
    /// Settings by the names of their environment variables.
    pub settings: BTreeMap<String, String>,
}

/// Change of a build.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BuildChange {
    /// Program to run. `None` for the present one.
    #[serde(default)]
    pub program: Option<PathBuf>,
    /// Settings to add or change.
    #[serde(default)]
    pub set: BTreeMap<String, String>,
    /// Settings to remove: the box has those of the lab's own environment again.
    #[serde(default)]
    pub unset: Vec<String>,
}

/// Build of a box, whether the box runs or not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BuildStatus {
    /// Name of the box.
    pub name: String,
    /// Role of the box.
    pub role: String,
    /// False if the box comes and goes with the load.
    pub is_fixed: bool,
    /// Program that it runs, or is started with.
    pub program: PathBuf,
    /// Settings beside those of the lab.
    pub settings: BTreeMap<String, String>,
    /// True if it still runs with earlier passwords, until it is replaced.
    pub is_outdated: bool,
}

impl Build {
    /// Applies a change. `is_reserved` returns whether the lab chooses a setting itself.
    ///
    /// # Errors
    /// Returns an error if the program does not exist, or a setting can't be changed.
    pub(crate) fn changed_by(
        &self,
        change: &BuildChange,
        is_reserved: impl Fn(&str) -> bool,
    ) -> Result<Self, LabError> {
        let mut changed = self.clone();
        if let Some(program) = &change.program {
            if !program.is_file() {
                return Err(LabError::Refused(format!(
                    "there is no program {}; name the build's executable",
                    program.display()
                )));
            }
            changed.program.clone_from(program);
        }
        for name in change.set.keys().chain(&change.unset) {
            let allowed = |c: u8| c.is_ascii_uppercase() || c.is_ascii_digit() || c == b'_';
            if !name.starts_with(PREFIX) || !name.bytes().all(allowed) {
                return Err(LabError::Refused(format!(
                    "`{name}` is no setting of the service; its settings begin with {PREFIX}, such as TENFOLD_CACHE_TTL"
                )));
            }
            if is_reserved(name) {
                return Err(LabError::Refused(format!(
                    "the lab chooses {name} itself, so it can't be set"
                )));
            }
        }
        for (name, value) in &change.set {
            if value.len() > VALUE_BYTES_MAX || value.contains('\0') {
                return Err(LabError::Refused(format!(
                    "the value of {name} has more than {VALUE_BYTES_MAX} bytes, or a zero byte"
                )));
            }
            changed.settings.insert(name.clone(), value.clone());
        }
        for name in &change.unset {
            changed.settings.remove(name);
        }
        Ok(changed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn build() -> Build {
        Build {
            program: "/bin/sh".into(),
            settings: BTreeMap::from([("TENFOLD_LOG".to_owned(), "info".to_owned())]),
        }
    }

    fn setting(name: &str, value: &str) -> BuildChange {
        BuildChange {
            set: BTreeMap::from([(name.to_owned(), value.to_owned())]),
            ..BuildChange::default()
        }
    }

    #[test]
    fn changes_program_and_settings() {
        let mut change = setting("TENFOLD_CACHE_TTL", "10s");
        change.program = Some("/bin/true".into());
        change.unset = vec!["TENFOLD_LOG".to_owned()];
        let changed = build().changed_by(&change, |_| false).unwrap();
        assert_eq!(changed.program, PathBuf::from("/bin/true"));
        assert_eq!(changed.settings, change.set);
        // The second time, nothing changes.
        assert_eq!(changed.changed_by(&change, |_| false).unwrap(), changed);
        let same = build().changed_by(&BuildChange::default(), |_| true);
        assert_eq!(same.unwrap(), build());
    }

    #[test]
    fn rejects_what_is_no_setting_or_program() {
        let error = |change: &BuildChange| {
            let is_reserved = |name: &str| name == "TENFOLD_STORE";
            build()
                .changed_by(change, is_reserved)
                .unwrap_err()
                .to_string()
        };
        for name in ["PATH", "tenfold_log", "TENFOLD_LOG=", ""] {
            let error = error(&setting(name, "x"));
            assert!(error.contains("is no setting"), "{error}");
        }
        assert!(error(&setting("TENFOLD_STORE", "x")).contains("chooses TENFOLD_STORE"));
        assert!(error(&setting("TENFOLD_LOG", &"x".repeat(300))).contains("256 bytes"));
        let change = BuildChange {
            program: Some("/no/such/program".into()),
            ..BuildChange::default()
        };
        assert!(error(&change).contains("no program /no/such/program"));
    }
}
