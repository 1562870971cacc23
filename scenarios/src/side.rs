//! Which of two builds of a service a request goes to.

use std::fmt;

/// Which of two builds of a service a request goes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// The build that is compared with, and the only one of a run that compares nothing.
    Baseline,
    /// The build that is judged.
    Candidate,
}

/// What stands between a name and the side it is of.
const AT: char = '@';

impl Side {
    /// Both, the baseline first.
    pub const ALL: [Self; 2] = [Self::Baseline, Self::Candidate];

    /// Returns what it is called: `baseline` or `candidate`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Baseline => "baseline",
            Self::Candidate => "candidate",
        }
    }

    /// Returns the other one.
    pub const fn other(self) -> Self {
        match self {
            Self::Baseline => Self::Candidate,
            Self::Candidate => Self::Baseline,
        }
    }

    /// Returns what a request or a journey is called on this side: `read post@baseline`.
    pub fn named(self, name: &str) -> String {
        format!("{name}{AT}{}", self.name())
    }

    /// Returns the name before a scenario was paired, and the side; `None` for a name of no side.
    ///
    /// All names of a paired scenario have a side, so it does not matter what else stands in them.
    pub fn of_name(name: &str) -> Option<(&str, Self)> {
        let (name, side) = name.rsplit_once(AT)?;
        let side = Self::ALL.into_iter().find(|known| known.name() == side)?;
        Some((name, side))
    }

    /// Returns the side of one of the `count` requests of a paired scenario, by its index: the first
    /// half of them is the baseline's.
    pub const fn of_index(index: usize, count: usize) -> Self {
        if index < count / 2 {
            Self::Baseline
        } else {
            Self::Candidate
        }
    }
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_tells_its_side_whatever_else_stands_in_it() {
        for name in ["read", "read@baseline", "a@b", "@candidate", "@"] {
            for side in Side::ALL {
                assert_eq!(Side::of_name(&side.named(name)), Some((name, side)));
            }
        }
        assert_eq!(Side::of_name("read"), None);
        assert_eq!(Side::of_name("read@home"), None);
    }
}
