//! `tenfold doctor`: check this machine.

use tenfold_lab::{PROGRAMS, Program, Source};
use tenfold_probe::Component;

use crate::arguments::doctor::DoctorArguments;
use crate::exit::Exit;
use crate::output::print;

/// Prints what this machine has and lacks.
pub(crate) fn doctor(arguments: &DoctorArguments) -> anyhow::Result<Exit> {
    let doctor = tenfold_probe::doctor(PROGRAMS.iter().map(component).collect());
    if arguments.json {
        print::json(&doctor)?;
    } else {
        print::out(&doctor.to_string())?;
    }
    Ok(Exit::Met)
}

fn component(program: &Program) -> Component {
    Component {
        program: program.name,
        package: match program.source {
            Source::Debian(package) => Some(package),
            Source::Crate(..) | Source::PyPi(..) | Source::Setup(_) => None,
        },
        remedy: program.remedy(),
        used_for: format!("{}, from stage {} on", program.purpose, program.since),
        path: program.path(),
    }
}
