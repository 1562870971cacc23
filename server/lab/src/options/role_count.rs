//! Number of boxes of a role.

use std::fmt;
use std::str::FromStr;

use crate::LabError;

/// Maximum number of boxes of a role.
const BOXES_MAX: usize = 16;

/// Number of boxes of a role, overriding the default: `ROLE=N`, such as `app=4`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleCount {
    /// Role of the boxes.
    pub role: String,
    /// Number of boxes.
    pub count: usize,
}

impl FromStr for RoleCount {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let usage = || format!("write ROLE=N, for example app=4, with N from 1 to {BOXES_MAX}");
        let (role, count) = text.split_once('=').ok_or_else(usage)?;
        let (role, count) = (role.trim(), count.trim().parse().map_err(|_| usage())?);
        match role.is_empty() || !(1..=BOXES_MAX).contains(&count) {
            true => Err(usage()),
            false => Ok(Self {
                role: role.to_owned(),
                count,
            }),
        }
    }
}

impl fmt::Display for RoleCount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.role, self.count)
    }
}

/// Returns an error if the stage does not allow several boxes of a given role.
pub(crate) fn check(
    counts: &[RoleCount],
    stage: &'static str,
    countable: &[&str],
) -> Result<(), LabError> {
    let unknown = counts
        .iter()
        .find(|count| !countable.contains(&count.role.as_str()));
    match unknown {
        None => Ok(()),
        Some(count) => Err(LabError::Uncountable {
            role: count.role.clone(),
            stage,
            countable: match countable.is_empty() {
                true => "none".to_owned(),
                false => countable.join(", "),
            },
        }),
    }
}

/// Returns the number of boxes of a role. The last count given for it wins.
pub(crate) fn of(counts: &[RoleCount], role: &str, default: usize) -> usize {
    let said = counts.iter().rev().find(|count| count.role == role);
    said.map_or(default, |count| count.count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_role_count() {
        let four: RoleCount = "app=4".parse().unwrap();
        assert_eq!((four.role.as_str(), four.count), ("app", 4));
        assert_eq!(four.to_string(), "app=4");
        for wrong in [
            "", "app", "app=", "=4", "app=0", "app=17", "app=-1", "app=1.5",
        ] {
            assert!(wrong.parse::<RoleCount>().is_err(), "{wrong}");
        }
        let counts = ["app=4", "web=1", "app=3"].map(|text| text.parse().unwrap());
        assert_eq!(of(&counts, "app", 2), 3);
        assert_eq!(of(&counts, "cache", 1), 1);
        assert!(check(&counts, "balanced", &["app", "web"]).is_ok());
        let error = check(&counts, "separated", &[]).unwrap_err().to_string();
        assert!(error.contains("roles that can: none"), "{error}");
    }
}
