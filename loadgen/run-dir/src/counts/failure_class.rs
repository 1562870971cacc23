//! Failure classes, and the side that each is blamed on.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The side that a failed request is blamed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Blame {
    /// The service, or the network between: what a user of the service would see.
    Service,
    /// The generator, its machine or its libraries. Such a failure says nothing about the service.
    Generator,
    /// The scenario: the request could not be built as it describes.
    Scenario,
}

impl Blame {
    /// Every side.
    pub const ALL: [Self; 3] = [Self::Service, Self::Generator, Self::Scenario];

    /// Its name in files and tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Service => "service",
            Self::Generator => "generator",
            Self::Scenario => "scenario",
        }
    }
}

/// Every failure class, and the side that it is blamed on.
pub const FAILURE_CLASSES: [(&str, Blame); 26] = [
    ("connect", Blame::Service),
    ("tls", Blame::Service),
    ("timeout", Blame::Service),
    ("connection", Blame::Service),
    ("closed_idle", Blame::Service),
    ("short_body", Blame::Service),
    ("malformed", Blame::Service),
    ("redirect", Blame::Service),
    ("redirect_refused", Blame::Scenario),
    ("unexpected_status", Blame::Service),
    ("failed_check", Blame::Service),
    ("missing_capture", Blame::Service),
    ("event_stream", Blame::Service),
    ("websocket", Blame::Service),
    ("grpc", Blame::Service),
    ("script", Blame::Scenario),
    ("script_timeout", Blame::Scenario),
    ("missing_variable", Blame::Scenario),
    ("unsendable", Blame::Scenario),
    ("local_ports", Blame::Generator),
    ("open_files", Blame::Generator),
    ("local_memory", Blame::Generator),
    ("local_network", Blame::Generator),
    ("local_denied", Blame::Generator),
    ("generator_limit", Blame::Generator),
    ("lost_user", Blame::Generator),
];

/// Returns the side that a failure class is blamed on. `None` for a class of a later version.
pub fn blame(class: &str) -> Option<Blame> {
    let known = FAILURE_CLASSES.iter().find(|(name, _)| *name == class);
    known.map(|(_, blame)| *blame)
}

/// Returns the number of failures that are blamed on one side. Classes of a later version count for none.
pub fn blamed_on(side: Blame, failures: &BTreeMap<String, u64>) -> u64 {
    let on_side = failures
        .iter()
        .filter(|(class, _)| blame(class) == Some(side));
    on_side.map(|(_, count)| count).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_unique_and_unknown_ones_blame_nobody() {
        let names: std::collections::BTreeSet<_> =
            FAILURE_CLASSES.iter().map(|(name, _)| name).collect();
        assert_eq!(names.len(), FAILURE_CLASSES.len());
        let failures = [("connect", 3), ("open_files", 5), ("of_the_future", 7)]
            .map(|(class, count)| (class.to_owned(), count));
        let failures = BTreeMap::from(failures);
        let counted = Blame::ALL.map(|side| blamed_on(side, &failures));
        assert_eq!(counted, [3, 5, 0]);
    }
}
