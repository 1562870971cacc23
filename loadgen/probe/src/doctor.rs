//! Whether this machine is fit for what Tenfold does with it.

use std::fmt;
use std::path::PathBuf;

use serde::Serialize;

mod check;
mod component;

pub use check::{Check, Standing};
pub use component::Component;

/// What is known of this machine.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Doctor {
    /// The machine and its limits.
    pub checks: Vec<Check>,
    /// The real components that the stages are made of.
    pub components: Vec<Component>,
}

/// Looks at this machine, and for what the tests and later stages need beside these components. Changes nothing.
pub fn doctor(components: Vec<Component>) -> Doctor {
    Doctor {
        checks: check::all(),
        components: components.into_iter().chain(component::others()).collect(),
    }
}

impl Doctor {
    /// The Debian packages that are missing, without repetition.
    pub fn missing_packages(&self) -> Vec<&'static str> {
        let mut packages: Vec<_> = self
            .components
            .iter()
            .filter(|component| component.path.is_none())
            .filter_map(|component| component.package)
            .collect();
        packages.sort_unstable();
        packages.dedup();
        packages
    }
}

impl fmt::Display for Doctor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "this machine")?;
        for check in &self.checks {
            let mark = match check.standing {
                Standing::Good => "ok  ",
                Standing::Poor => "poor",
                Standing::Unknown => "?   ",
            };
            writeln!(f, "  {mark}  {:<20} {}", check.name, check.value)?;
            if let Some(advice) = &check.advice {
                writeln!(f, "        {:<20} {advice}", "")?;
            }
        }
        writeln!(f, "\ncomponents (only the stage named needs them)")?;
        for component in &self.components {
            let (mark, path) = match &component.path {
                Some(path) => ("ok  ", path.display().to_string()),
                None => ("none", "not found".into()),
            };
            writeln!(
                f,
                "  {mark}  {:<20} {path} ({})",
                component.program, component.used_for
            )?;
        }
        let missing = self.missing_packages();
        if !missing.is_empty() {
            writeln!(f, "\nto install what is missing, on Debian:")?;
            writeln!(f, "  apt-get install {}", missing.join(" "))?;
        }
        for component in &self.components {
            if component.path.is_none() && component.package.is_none() {
                let remedy = &component.remedy;
                writeln!(
                    f,
                    "\nto install {}, which Debian lacks:\n  {remedy}",
                    component.program
                )?;
            }
        }
        Ok(())
    }
}

/// Finds a program on `PATH`, or where Debian puts daemons, which is not on everyone's.
fn find_program(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let daemons = ["/usr/local/sbin", "/usr/sbin", "/sbin"].map(PathBuf::from);
    std::env::split_paths(&path)
        .filter(|directory| directory.is_absolute())
        .chain(daemons)
        .map(|directory| directory.join(program))
        .find(is_executable)
}

fn is_executable(candidate: &PathBuf) -> bool {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(candidate)
        .is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_found() {
        assert!(find_program("sh").is_some_and(|path| path.is_absolute()));
        assert_eq!(find_program("no-such-program-anywhere"), None);
    }

    #[test]
    fn what_is_missing_is_named_with_its_package() {
        let component = |program, package, found: bool| Component {
            program,
            package: Some(package),
            remedy: String::new(),
            used_for: "a test".into(),
            path: found.then(|| PathBuf::from("/usr/bin/x")),
        };
        let doctor = Doctor {
            checks: vec![Check {
                name: "cores",
                value: "1".into(),
                standing: Standing::Poor,
                advice: Some("get another".into()),
            }],
            components: vec![
                component("b", "pack-b", false),
                component("a", "pack-a", false),
                component("a2", "pack-a", false),
                component("c", "pack-c", true),
            ],
        };
        let text = doctor.to_string();
        assert!(text.contains("apt-get install pack-a pack-b\n"), "{text}");
        assert!(text.contains("poor  cores"), "{text}");
        assert!(text.contains("get another"), "{text}");
        let json = serde_json::to_value(&doctor).unwrap();
        assert_eq!(json["checks"][0]["standing"], "poor");
        assert_eq!(json["components"][3]["path"], "/usr/bin/x");
        assert_eq!(json["components"][0]["path"], serde_json::Value::Null);
    }

    #[test]
    fn this_machine_is_looked_at() {
        let doctor = doctor(Vec::new());
        assert!(doctor.checks.iter().all(|check| !check.value.is_empty()));
        assert!(!doctor.to_string().is_empty());
    }
}
