//! Sides of a comparison of two builds.

use std::fmt;

/// Side of a comparison of two builds of a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// The reference build, and the only one of a run without a comparison.
    Baseline,
    /// The build that is judged.
    Candidate,
}

/// Separator between a name and its side.
const AT: char = '@';

impl Side {
    /// Both sides, the baseline first.
    pub const ALL: [Self; 2] = [Self::Baseline, Self::Candidate];

    /// Returns its name: `baseline` or `candidate`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Baseline => "baseline",
            Self::Candidate => "candidate",
        }
    }

    /// Returns the other side.
    pub const fn other(self) -> Self {
        match self {
            Self::Baseline => Self::Candidate,
            Self::Candidate => Self::Baseline,
        }
    }

    /// Returns the name of a request or journey on this side: `read post@baseline`.
    pub fn named(self, name: &str) -> String {
        format!("{name}{AT}{}", self.name())
    }

    /// Splits a name into the original name and its side; `None` if it has no side.
    ///
    /// All names of a paired scenario end with a side, so the original name may contain `@`.
    pub fn of_name(name: &str) -> Option<(&str, Self)> {
        let (name, side) = name.rsplit_once(AT)?;
        let side = Self::ALL.into_iter().find(|known| known.name() == side)?;
        Some((name, side))
    }

    /// Returns the side of request number `index` of the `count` requests in a paired scenario; the
    /// first half belongs to the baseline.
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
    fn name_ends_with_its_side() {
        for name in ["read", "read@baseline", "a@b", "@candidate", "@"] {
            for side in Side::ALL {
                assert_eq!(Side::of_name(&side.named(name)), Some((name, side)));
            }
        }
        assert_eq!(Side::of_name("read"), None);
        assert_eq!(Side::of_name("read@home"), None);
    }
}
