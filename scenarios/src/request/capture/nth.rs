//! Choice among several values.

use std::collections::VecDeque;
use std::fmt;

use crate::format::error::ScenarioError;
use crate::format::fields::Value;

/// One of several values: counted from the first, from 1, or from the last, from -1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Nth {
    First(usize),
    Last(usize),
}

/// Maximum count.
const NTH_MAX: i64 = 100_000;

impl Nth {
    pub(super) fn read(value: &Value<'_>) -> Result<Self, ScenarioError> {
        let number = value.number(-(NTH_MAX as f64)..=NTH_MAX as f64)?;
        match (value.is_integer(), number as i64) {
            (true, number @ 1..) => Ok(Self::First(number as usize)),
            (true, number @ ..=-1) => Ok(Self::Last(number.unsigned_abs() as usize)),
            _ => Err(value
                .error("`nth` must be an integer other than 0")
                .hint("1 is the first, 2 the second, -1 the last")),
        }
    }

    /// Returns the chosen value, and makes no more values than that takes.
    pub(super) fn of_either_end(
        self,
        values: &mut dyn DoubleEndedIterator<Item = String>,
    ) -> Option<String> {
        match self {
            Self::First(count) => values.nth(count - 1),
            Self::Last(count) => values.nth_back(count - 1),
        }
    }

    /// Returns the chosen value.
    pub(super) fn of(self, mut values: impl Iterator<Item = String>) -> Option<String> {
        match self {
            Self::First(count) => values.nth(count - 1),
            Self::Last(count) => {
                let mut last = VecDeque::new();
                for value in values {
                    if last.len() == count {
                        last.pop_front();
                    }
                    last.push_back(value);
                }
                last.pop_front().filter(|_| last.len() + 1 == count)
            }
        }
    }
}

impl Default for Nth {
    fn default() -> Self {
        Self::First(1)
    }
}

impl fmt::Display for Nth {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::First(count) => write!(formatter, "{count}"),
            Self::Last(count) => write!(formatter, "-{count}"),
        }
    }
}
