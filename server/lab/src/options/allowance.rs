//! How much of this machine a box may use.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::LabError;

/// What a box may use of processors and memory.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Allowance {
    /// Processors: 0.2 is a fifth of one.
    pub cpu: f64,
    /// Memory, in bytes.
    pub memory_bytes: u64,
}

/// The least a box may be given of a processor: the kernel grants no less than 1 ms a period, and periods
/// are [`PERIOD_US`] long.
pub(crate) const CPU_MIN: f64 = 0.1;

/// The period in which a box's processor time is counted, in microseconds: short, so that a box that has
/// used its share up waits for milliseconds and not for the kernel's usual tenth of a second.
pub(crate) const PERIOD_US: u64 = 10_000;

/// The least memory that a box may be given, in bytes.
pub(crate) const MEMORY_MIN_BYTES: u64 = 16 * MIB;

const MIB: u64 = 1 << 20;

impl Default for Allowance {
    /// A fifth of a processor and 512 MiB.
    fn default() -> Self {
        Self {
            cpu: 0.2,
            memory_bytes: 512 * MIB,
        }
    }
}

impl Allowance {
    /// The processor time of a period, in microseconds.
    pub(crate) fn quota_us(&self) -> u64 {
        (self.cpu * PERIOD_US as f64).round() as u64
    }
}

impl fmt::Display for Allowance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} CPU, {} MiB", self.cpu, self.memory_bytes / MIB)
    }
}

/// What one role's boxes are given in place of the usual: `ROLE=CPU[,MEMORY]`, as `web=0.4` or
/// `sql=1,1GiB`.
#[derive(Debug, Clone, PartialEq)]
pub struct RoleAllowance {
    /// What the boxes are for.
    pub role: String,
    /// Processors.
    pub cpu: f64,
    /// Memory in bytes; none for the usual.
    pub memory_bytes: Option<u64>,
}

impl FromStr for RoleAllowance {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let shown = || "write ROLE=CPU[,MEMORY], as web=0.4 or sql=1,1GiB".to_owned();
        let (role, sizes) = text.split_once('=').ok_or_else(shown)?;
        let role = role.trim();
        if role.is_empty() {
            return Err(shown());
        }
        let (cpu, memory) = match sizes.split_once(',') {
            Some((cpu, memory)) => (cpu, Some(memory)),
            None => (sizes, None),
        };
        let cpu: f64 = cpu.trim().parse().map_err(|_| shown())?;
        if !(CPU_MIN..=1_024.0).contains(&cpu) {
            return Err(format!(
                "a box needs between {CPU_MIN} and 1024 processors, not {cpu}"
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
            // Bounds are whole bytes; megabytes of six places say each of them.
            Some(bytes) => write!(f, ",{}MB", bytes as f64 / 1e6),
            None => Ok(()),
        }
    }
}

/// Reads `512MiB` or `1.5GiB`; `MB` and `GB` are powers of ten.
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
    // A tebibyte: beyond what a box of this kind can mean.
    if !(MEMORY_MIN_BYTES as f64..=(1_u64 << 40) as f64).contains(&bytes) {
        return Err(format!("a box needs between 16MiB and 1024GiB, not {text}"));
    }
    Ok(bytes as u64)
}

/// What the boxes of a stage are given.
#[derive(Debug, Clone, Default)]
pub struct Allowances {
    unconfined: bool,
    by_role: BTreeMap<String, RoleAllowance>,
}

impl Allowances {
    /// Gives each box the usual, but those that are named.
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

    /// What a box of this role is given; none where it is not confined.
    #[must_use]
    pub fn of(&self, role: &str) -> Option<Allowance> {
        if self.unconfined {
            return None;
        }
        let usual = Allowance::default();
        let own = self.by_role.get(role);
        Some(own.map_or(usual, |own| Allowance {
            cpu: own.cpu,
            memory_bytes: own.memory_bytes.unwrap_or(usual.memory_bytes),
        }))
    }

    /// Refuses a role that the stage does not have.
    pub(crate) fn suit(&self, stage: &'static str, roles: &[&str]) -> Result<(), LabError> {
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
    fn a_role_is_given_what_is_written() {
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
        assert!(allowances.suit("separated", &["web", "sql"]).is_ok());
        let error = allowances.suit("single-box", &["web"]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "stage `single-box` has no box `sql`; its boxes are web"
        );
    }

    #[test]
    fn what_means_nothing_is_refused() {
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
        fn any_text_is_refused_or_within_bounds(text in "(web=)?[0-9.a-zA-Z,= -]{0,16}") {
            if let Ok(given) = text.parse::<RoleAllowance>() {
                prop_assert_eq!(given.to_string().parse(), Ok(given.clone()));
                prop_assert!(given.cpu >= CPU_MIN);
                prop_assert!(given.memory_bytes.is_none_or(|bytes| bytes >= MEMORY_MIN_BYTES));
            }
        }
    }
}
