//! `tenfold lab policy`: check a scaling policy, and write it in a format.

use std::fs;

use tenfold_autoscale::{DEFAULT, Policy, SCHEMA};

use crate::arguments::lab::PolicyArguments;
use crate::exit::{Exit, UsageError};
use crate::output::print;

/// Largest policy that is read, in bytes.
const BYTES_MAX: u64 = 1 << 20;

/// Checks a policy, and writes it in a format.
pub(crate) fn policy(arguments: &PolicyArguments) -> anyhow::Result<Exit> {
    if arguments.schema {
        print::out(SCHEMA)?;
        return Ok(Exit::Met);
    }
    let (name, text) = match &arguments.file {
        None => (
            "the policy of stage autoscaled".to_owned(),
            DEFAULT.to_owned(),
        ),
        Some(path) => {
            let name = path.display().to_string();
            let unreadable =
                |why: String| UsageError(format!("could not read the policy {name}: {why}"));
            match fs::metadata(path) {
                Err(error) => return Err(unreadable(error.to_string()).into()),
                Ok(data) if !data.is_file() => {
                    return Err(unreadable("it is not a regular file".to_owned()).into());
                }
                Ok(data) if data.len() > BYTES_MAX => {
                    let why = format!("it has more than {BYTES_MAX} bytes");
                    return Err(unreadable(why).into());
                }
                Ok(_) => {}
            }
            let text = fs::read_to_string(path).map_err(|error| unreadable(error.to_string()))?;
            (name, text)
        }
    };
    let policy = Policy::parse(&text).map_err(|error| UsageError(format!("{name}:{error}")))?;
    if arguments.check {
        let groups: Vec<String> = policy
            .groups
            .iter()
            .map(|(group, own)| format!("{group} {} to {}", own.min_replicas, own.max_replicas))
            .collect();
        print::note(&format!("{name} is valid: {}", groups.join(", ")));
        return Ok(Exit::Met);
    }
    let Some(format) = arguments.format else {
        print::out(&text)?;
        return Ok(Exit::Met);
    };
    let written = format.write(&policy);
    print::out(&written.text)?;
    for note in &written.notes {
        print::note(&format!("note: {note}"));
    }
    Ok(Exit::Met)
}
