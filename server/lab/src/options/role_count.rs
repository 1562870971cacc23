//! How many boxes a role has.

use std::fmt;
use std::str::FromStr;

use crate::LabError;

/// The most boxes of a role.
const MOST: usize = 16;

/// How many boxes a role is given in place of the usual: `ROLE=N`, as `app=4`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleCount {
    /// What the boxes are for.
    pub role: String,
    /// How many.
    pub count: usize,
}

impl FromStr for RoleCount {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let shown = || format!("write ROLE=N, as app=4, with a number from 1 to {MOST}");
        let (role, count) = text.split_once('=').ok_or_else(shown)?;
        let (role, count) = (role.trim(), count.trim().parse().map_err(|_| shown())?);
        match role.is_empty() || !(1..=MOST).contains(&count) {
            true => Err(shown()),
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

/// Returns an error where a role is counted that the stage has one of, or none.
pub(crate) fn suit(
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

/// How many boxes a role has: the last that was said.
pub(crate) fn of(counts: &[RoleCount], role: &str, usual: usize) -> usize {
    let said = counts.iter().rev().find(|count| count.role == role);
    said.map_or(usual, |count| count.count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_of_boxes_is_read() {
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
        assert!(suit(&counts, "balanced", &["app", "web"]).is_ok());
        let error = suit(&counts, "separated", &[]).unwrap_err().to_string();
        assert!(
            error.contains("its roles that can have several: none"),
            "{error}"
        );
    }
}
