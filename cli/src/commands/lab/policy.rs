//! `tenfold lab policy`: check a scaling policy, and write it in a format.

use tenfold_autoscale::{DEFAULT, Policy, SCHEMA};

use crate::arguments::lab::PolicyArguments;
use crate::exit::Exit;
use crate::output::print;

/// Checks a policy, and writes it in a format.
pub(crate) fn policy(arguments: &PolicyArguments) -> anyhow::Result<Exit> {
    if arguments.schema {
        print::out(SCHEMA)?;
        return Ok(Exit::Met);
    }
    let (name, policy, text) = match &arguments.file {
        None => (
            "the policy of stage autoscaled".to_owned(),
            Policy::parse(DEFAULT)?,
            DEFAULT.to_owned(),
        ),
        Some(path) => {
            let (policy, text) = crate::policy::read(path)?;
            (path.display().to_string(), policy, text)
        }
    };
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
