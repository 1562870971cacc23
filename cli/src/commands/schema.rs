//! `tenfold schema`: print the JSON Schema of the scenario format.

use tenfold_scenarios::SCENARIO_SCHEMA;

use crate::exit::Exit;
use crate::output::print;

/// Prints the schema.
pub(crate) fn schema() -> anyhow::Result<Exit> {
    print::out(SCENARIO_SCHEMA)?;
    Ok(Exit::Met)
}
