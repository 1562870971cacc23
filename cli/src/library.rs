//! Finding a scenario: a file, or one of the library, which is compiled into the binary.

use std::path::Path;

use tenfold_scenarios::{LIBRARY, Scenario};

use crate::exit::UsageError;

/// Reads the scenario from the file `name`, or from the library if there is no such file.
pub(crate) fn find(name: &str) -> anyhow::Result<Scenario> {
    let path = Path::new(name);
    if path.exists() {
        let scenario = Scenario::read(path)?;
        tenfold_loadgen::check_calls(&scenario)?;
        return Ok(scenario);
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
