//! `tenfold doctor`: check this machine.

use crate::cli::DoctorArguments;
use crate::exit::Exit;
use crate::print;

/// Tells what this machine has and lacks.
pub(crate) fn doctor(arguments: &DoctorArguments) -> anyhow::Result<Exit> {
    let doctor = tenfold_probe::doctor();
    if arguments.json {
        print::json(&doctor)?;
    } else {
        print::out(&doctor.to_string())?;
    }
    Ok(Exit::Met)
}
