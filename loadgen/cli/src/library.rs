//! The scenario library, which the binary carries.

use std::path::Path;

use tenfold_scenarios::{Scenario, ScenarioError};

/// Each scenario of the library: its name and its text.
const LIBRARY: [(&str, &str); 7] = [
    ("uneven", include_str!("../../../scenarios/uneven.toml")),
    ("steady", include_str!("../../../scenarios/steady.toml")),
    ("spike", include_str!("../../../scenarios/spike.toml")),
    (
        "flash-crowd",
        include_str!("../../../scenarios/flash-crowd.toml"),
    ),
    (
        "write-heavy",
        include_str!("../../../scenarios/write-heavy.toml"),
    ),
    (
        "ten-million-users",
        include_str!("../../../scenarios/ten-million-users.toml"),
    ),
    ("journey", include_str!("../../../scenarios/journey.toml")),
];

/// Reads the scenario of a file, or the one of the library where there is no such file.
pub(crate) fn find(name: &str) -> Result<Scenario, ScenarioError> {
    let path = Path::new(name);
    match LIBRARY.iter().find(|(known, _)| *known == name) {
        Some((known, text)) if !path.exists() => {
            Scenario::parse(text, Path::new(&format!("{known}.toml")))
        }
        _ => Scenario::read(path),
    }
}

/// The names in the library.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    LIBRARY.iter().map(|(name, _)| *name)
}
