//! Checks of this machine: is it fit to run Tenfold?

use std::fmt;

use serde::Serialize;

mod check;
mod component;

pub use check::{Check, Standing};
pub use component::Component;

/// Findings about this machine.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Doctor {
    /// Checks of the machine and its limits.
    pub checks: Vec<Check>,
    /// External programs that stages and tests start.
    pub components: Vec<Component>,
}

/// Inspects this machine, and searches for the programs that tests and later stages need besides `components`. Changes
/// nothing.
pub fn doctor(components: Vec<Component>) -> Doctor {
    Doctor {
        checks: check::all(),
        components: components.into_iter().chain(component::others()).collect(),
    }
}

impl Doctor {
    /// Debian packages that are missing, sorted, each once.
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
        writeln!(
            f,
            "\ncomponents (each is needed only by the stage or test named)"
        )?;
        for component in &self.components {
            let (mark, path) = match &component.path {
                Some(path) => ("ok  ", path.display().to_string()),
                None => ("-   ", "not found".into()),
            };
            writeln!(
                f,
                "  {mark}  {:<20} {path} ({})",
                component.program, component.used_for
            )?;
        }
        let missing = self.missing_packages();
        if !missing.is_empty() {
            writeln!(f, "\nto install the missing programs on Debian:")?;
            writeln!(f, "  apt-get install {}", missing.join(" "))?;
        }
        for component in &self.components {
            if component.path.is_none() && component.package.is_none() {
                let remedy = &component.remedy;
                writeln!(
                    f,
                    "\nto install {}, which is not in Debian:\n  {remedy}",
                    component.program
                )?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    #[test]
    fn names_the_packages_of_missing_programs() {
        let component = |program, package, found: bool| Component {
            program,
            package: Some(package),
            remedy: String::new(),
            used_for: "a test".into(),
            path: found.then(|| PathBuf::from("/usr/bin/x")),
        };
        let doctor = Doctor {
            checks: vec![
                Check {
                    name: "cores",
                    value: "1".into(),
                    standing: Standing::Poor,
                    advice: Some("get another".into()),
                },
                Check {
                    name: "memory",
                    value: "3909 MiB, 3000 MiB free".into(),
                    standing: Standing::Good,
                    advice: None,
                },
                Check {
                    name: "timer slack",
                    value: "unknown".into(),
                    standing: Standing::Unknown,
                    advice: None,
                },
            ],
            components: vec![
                component("b", "pack-b", false),
                component("a", "pack-a", false),
                component("a2", "pack-a", false),
                component("c", "pack-c", true),
                Component {
                    package: None,
                    remedy: "cargo install d".into(),
                    ..component("d", "", false)
                },
            ],
        };
        let text = doctor.to_string();
        insta::assert_snapshot!(text);
        let json = serde_json::to_value(&doctor).unwrap();
        assert_eq!(json["checks"][0]["standing"], "poor");
        assert_eq!(json["components"][3]["path"], "/usr/bin/x");
        assert_eq!(json["components"][0]["path"], serde_json::Value::Null);
    }

    #[test]
    fn prints_every_check_of_this_machine() {
        let doctor = doctor(Vec::new());
        let names: Vec<&str> = doctor.checks.iter().map(|check| check.name).collect();
        assert_eq!(
            names,
            [
                "cores",
                "memory",
                "load average",
                "open files",
                "cgroups",
                "perf_event_paranoid",
                "timer slack"
            ]
        );
        let text = doctor.to_string();
        for check in &doctor.checks {
            let line = format!("{:<20} {}\n", check.name, check.value);
            assert!(text.contains(&line), "{line} in {text}");
            let is_poor = check.standing == Standing::Poor;
            assert_eq!(check.advice.is_some(), is_poor, "{check:?}");
        }
        let cores: usize = doctor.checks[0].value.parse().unwrap();
        assert_eq!(cores, crate::host::cores());
        assert!(text.contains("chromium"), "{text}");
    }
}
