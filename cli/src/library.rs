//! The scenario library, which is compiled into the binary.

use std::path::Path;

use tenfold_scenarios::Scenario;

use crate::exit::UsageError;

/// Name and text of each scenario of the library.
const LIBRARY: [(&str, &str); 8] = [
    ("uneven", include_str!("../../scenarios/uneven.toml")),
    ("steady", include_str!("../../scenarios/steady.toml")),
    ("spike", include_str!("../../scenarios/spike.toml")),
    (
        "flash-crowd",
        include_str!("../../scenarios/flash-crowd.toml"),
    ),
    (
        "write-heavy",
        include_str!("../../scenarios/write-heavy.toml"),
    ),
    (
        "ten-million-users",
        include_str!("../../scenarios/ten-million-users.toml"),
    ),
    ("journey", include_str!("../../scenarios/journey.toml")),
    ("live-feed", include_str!("../../scenarios/live-feed.toml")),
];

/// Reads the scenario from the file `name`, or from the library if there is no such file.
pub(crate) fn find(name: &str) -> anyhow::Result<Scenario> {
    let path = Path::new(name);
    if path.exists() {
        return Ok(Scenario::read(path)?);
    }
    let Some((known, text)) = LIBRARY.iter().find(|(known, _)| *known == name) else {
        let names = LIBRARY.map(|(name, _)| name).join(", ");
        return Err(UsageError(format!(
            "could not find the scenario `{name}`: there is no such file, and the library has only \
             {names}"
        ))
        .into());
    };
    Ok(Scenario::parse(text, Path::new(&format!("{known}.toml")))?)
}
