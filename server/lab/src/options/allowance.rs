//! CPU and memory allowances of boxes.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::LabError;

/// CPU and memory allowance of a box.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Allowance {
    /// Number of CPUs; 0.2 is a fifth of one.
    pub cpu: f64,
    /// Memory in bytes.
    pub memory_bytes: u64,
}

/// Minimum number of CPUs: the kernel grants at least 1 ms in a period of [`PERIOD_US`].
pub(crate) const CPU_MIN: f64 = 0.1;

/// Scheduling period in microseconds. Short, so that a throttled box waits for milliseconds, not for the
/// kernel's default of 100 ms.
pub(crate) const PERIOD_US: u64 = 10_000;

/// Minimum memory of a box, in bytes.
pub(crate) const MEMORY_MIN_BYTES: u64 = 16 * MIB;

const MIB: u64 = 1 << 20;

impl Default for Allowance {
    /// Returns 0.2 CPUs and 512 MiB.
    fn default() -> Self {
        Self {
            cpu: 0.2,
            memory_bytes: 512 * MIB,
        }
    }
}

impl Allowance {
    /// Returns the CPU time in each period, in microseconds.
    pub(crate) fn quota_us(&self) -> u64 {
        (self.cpu * PERIOD_US as f64).round() as u64
    }
}

impl fmt::Display for Allowance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} CPU, {} MiB", self.cpu, self.memory_bytes / MIB)
    }
}

/// Allowance for the boxes of one role, overriding the default: `ROLE=CPU[,MEMORY]`, such as `web=0.4` or
/// `sql=1,1GiB`.
#[derive(Debug, Clone, PartialEq)]
pub struct RoleAllowance {
    /// Role of the boxes.
    pub role: String,
    /// Number of CPUs.
    pub cpu: f64,
    /// Memory in bytes. `None` for the default.
    pub memory_bytes: Option<u64>,
}

impl FromStr for RoleAllowance {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let usage = || "write ROLE=CPU[,MEMORY], for example web=0.4 or sql=1,1GiB".to_owned();
        let (role, sizes) = text.split_once('=').ok_or_else(usage)?;
        let role = role.trim();
        if role.is_empty() {
            return Err(usage());
        }
        let (cpu, memory) = match sizes.split_once(',') {
            Some((cpu, memory)) => (cpu, Some(memory)),
            None => (sizes, None),
        };
        let cpu: f64 = cpu.trim().parse().map_err(|_| usage())?;
        if !(CPU_MIN..=1_024.0).contains(&cpu) {
            return Err(format!(
                "a box needs between {CPU_MIN} and 1024 CPUs, not {cpu}"
            ));
        }
        Ok(Self {
            role: role.to_owned(),
            cpu,
            memory_bytes: memory.map(memory_bytes).transpose()?,
        })
    }
}

impl fmt::Display for RoleAllowance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.role, self.cpu)?;
        match self.memory_bytes {
            // Six decimals of a megabyte are exact to the byte.
            Some(bytes) => write!(f, ",{}MB", bytes as f64 / 1e6),
            None => Ok(()),
        }
    }
}

/// Parses `512MiB` or `1.5GiB`. `MB` and `GB` are powers of ten.
fn memory_bytes(text: &str) -> Result<u64, String> {
    let text = text.trim();
    let unit_at = text
        .find(|c: char| c.is_ascii_alphabetic())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(unit_at);
    let factor = match unit.to_ascii_lowercase().as_str() {
        "mib" => MIB as f64,
        "gib" => (MIB * 1_024) as f64,
        "mb" => 1e6,
        "gb" => 1e9,
        _ => {
            return Err(format!(
                "could not read `{text}` as memory; write 512MiB or 1GiB"
            ));
        }
    };
    let number: f64 = number
        .trim()
        .parse()
        .map_err(|_| format!("could not read `{text}` as memory; write 512MiB or 1GiB"))?;
    let bytes = (number * factor).round();
    // More than a tebibyte is surely a mistake.
    if !(MEMORY_MIN_BYTES as f64..=(1_u64 << 40) as f64).contains(&bytes) {
        return Err(format!("a box needs between 16MiB and 1024GiB, not {text}"));
    }
    Ok(bytes as u64)
}

/// Allowances of all boxes of a stage.
#[derive(Debug, Clone, Default)]
pub struct Allowances {
    unconfined: bool,
    by_role: BTreeMap<String, RoleAllowance>,
}

impl Allowances {
    /// Gives each box the default, except for the given roles.
    #[must_use]
    pub fn new(named: Vec<RoleAllowance>) -> Self {
        let by_role = named.into_iter().map(|own| (own.role.clone(), own));
        Self {
            unconfined: false,
            by_role: by_role.collect(),
        }
    }

    /// Confines no box.
    #[must_use]
    pub fn unconfined() -> Self {
        Self {
            unconfined: true,
            by_role: BTreeMap::new(),
        }
    }

    /// Returns the allowance of a role's boxes. `None` if boxes are not confined.
    #[must_use]
    pub fn of(&self, role: &str) -> Option<Allowance> {
        if self.unconfined {
            return None;
        }
        let default = Allowance::default();
        let own = self.by_role.get(role);
        Some(own.map_or(default, |own| Allowance {
            cpu: own.cpu,
            memory_bytes: own.memory_bytes.unwrap_or(default.memory_bytes),
        }))
    }

    /// Returns an error if an allowance names a role that the stage does not have.
    pub(crate) fn check(&self, stage: &'static str, roles: &[&str]) -> Result<(), LabError> {
        match self
            .by_role
            .keys()
            .find(|role| !roles.contains(&role.as_str()))
        {
            None => Ok(()),
            Some(role) => Err(LabError::UnknownRole {
                role: role.clone(),
                stage,
                roles: roles.join(", "),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads_role_allowance() {
        let given: RoleAllowance = "web=0.4".parse().unwrap();
        assert_eq!(
            (given.role.as_str(), given.cpu, given.memory_bytes),
            ("web", 0.4, None)
        );
        let given: RoleAllowance = "sql = 1 , 1.5 GiB".parse().unwrap();
        assert_eq!((given.role.as_str(), given.cpu), ("sql", 1.0));
        assert_eq!(given.memory_bytes, Some(1_536 * MIB));
        let allowances = Allowances::new(vec![given]);
        assert_eq!(allowances.of("web"), Some(Allowance::default()));
        assert_eq!(allowances.of("sql").unwrap().to_string(), "1 CPU, 1536 MiB");
        assert_eq!(Allowances::unconfined().of("web"), None);
        assert!(allowances.check("separated", &["web", "sql"]).is_ok());
        let error = allowances.check("single-box", &["web"]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "stage `single-box` has no box `sql`; its boxes are web"
        );
    }

    #[test]
    fn refuses_malformed_allowances() {
        for bad in [
            "",
            "web",
            "=1",
            "web=",
            "web=x",
            "web=0",
            "web=0.05",
            "web=-1",
            "web=nan",
            "web=inf",
            "web=1e9",
            "web=1,",
            "web=1,12",
            "web=1,1MiB",
            "web=1,xGiB",
            "web=1,9999999GiB",
            "web=1,512 KB",
        ] {
            assert!(bad.parse::<RoleAllowance>().is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn accepts_only_allowances_within_bounds(text in "(web=)?[0-9.a-zA-Z,= -]{0,16}") {
            if let Ok(given) = text.parse::<RoleAllowance>() {
                prop_assert_eq!(given.to_string().parse(), Ok(given.clone()));
                prop_assert!(given.cpu >= CPU_MIN);
                prop_assert!(given.memory_bytes.is_none_or(|bytes| bytes >= MEMORY_MIN_BYTES));
            }
        }
    }
}
