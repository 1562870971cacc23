//! The scenario library, which the binary carries.

use std::path::Path;

use tenfold_scenarios::Scenario;

use crate::exit::Misuse;

/// Each scenario of the library: its name and its text.
const LIBRARY: [(&str, &str); 7] = [
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
];

/// Reads the scenario of a file, or the one of the library where there is no such file.
pub(crate) fn find(name: &str) -> anyhow::Result<Scenario> {
    let path = Path::new(name);
    if path.exists() {
        return Ok(Scenario::read(path)?);
    }
    let Some((known, text)) = LIBRARY.iter().find(|(known, _)| *known == name) else {
        let names = LIBRARY.map(|(name, _)| name).join(", ");
        return Err(Misuse(format!(
            "there is no file `{name}`, and no scenario of that name in the library: {names}"
        ))
        .into());
    };
    Ok(Scenario::parse(text, Path::new(&format!("{known}.toml")))?)
}
