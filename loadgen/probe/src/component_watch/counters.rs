//! Counters by name, at one moment.

use std::collections::HashMap;

/// Counters by name, in lower case. Values that are no numbers are kept as text.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Counters(HashMap<String, String>);

impl Counters {
    /// Returns the text of a counter. `None` if it is not reported.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// Returns a counter. `None` if it is not reported, or not a number.
    pub(super) fn number(&self, name: &str) -> Option<f64> {
        let number: f64 = self.text(name)?.parse().ok()?;
        number.is_finite().then_some(number)
    }

    /// Returns a counter as a whole number. `None` if it is not reported, or not a number.
    pub(super) fn count(&self, name: &str) -> Option<u64> {
        self.number(name).map(|number| number.max(0.0) as u64)
    }

    /// Returns names and texts.
    #[cfg(feature = "redis")]
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(name, text)| (name.as_str(), text.as_str()))
    }
}

impl<N: AsRef<str>, T: Into<String>> FromIterator<(N, T)> for Counters {
    fn from_iter<I: IntoIterator<Item = (N, T)>>(pairs: I) -> Self {
        let pairs = pairs.into_iter();
        Self(
            pairs
                .map(|(name, text)| (name.as_ref().to_ascii_lowercase(), text.into()))
                .collect(),
        )
    }
}

/// Two moments of the same counters.
#[derive(Debug)]
pub(super) struct Between<'a> {
    pub(super) from: &'a Counters,
    pub(super) to: &'a Counters,
}

impl Between<'_> {
    /// Returns the growth of a counter. `None` if it is not reported. 0 if it was reset.
    pub(super) fn grown(&self, name: &str) -> Option<f64> {
        Some((self.to.number(name)? - self.from.number(name).unwrap_or(0.0)).max(0.0))
    }

    /// Returns the growth of a counter as a whole number. 0 if it is not reported.
    pub(super) fn more(&self, name: &str) -> u64 {
        self.grown(name).unwrap_or(0.0) as u64
    }
}

/// Returns an error if the component has run for less time than before: it was restarted in between.
pub(super) fn check_uptime(between: &Between<'_>, name: &str) -> Result<(), String> {
    match (between.from.number(name), between.to.number(name)) {
        (Some(from), Some(to)) if to < from => Err("it was restarted during the run".to_owned()),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_growth_and_restarts() {
        let from: Counters = [("Uptime", "50"), ("hits", "7"), ("name", "x")]
            .into_iter()
            .collect();
        let to: Counters = [
            ("Uptime", "60"),
            ("Hits", "9"),
            ("new", "3"),
            ("bad", "inf"),
        ]
        .into_iter()
        .collect();
        let between = Between {
            from: &from,
            to: &to,
        };
        assert_eq!((between.more("hits"), between.more("new")), (2, 3));
        assert_eq!((between.grown("name"), between.grown("bad")), (None, None));
        assert_eq!(check_uptime(&between, "uptime"), Ok(()));
        let back = Between {
            from: &to,
            to: &from,
        };
        assert_eq!(back.more("hits"), 0);
        assert!(check_uptime(&back, "uptime").is_err());
    }
}
