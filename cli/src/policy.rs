//! Scaling policies, read from files.

use std::fs;
use std::path::Path;

use tenfold_autoscale::Policy;
use tenfold_lab::Stage;

use crate::exit::UsageError;

/// Largest policy that is read, in bytes.
const BYTES_MAX: u64 = 1 << 20;

/// Reads a policy, and checks it.
///
/// # Errors
/// Returns an error if the file can't be read, or with the place of a mistake.
pub(crate) fn read(path: &Path) -> anyhow::Result<(Policy, String)> {
    let name = path.display();
    let unreadable = |why: String| UsageError(format!("could not read the policy {name}: {why}"));
    match fs::metadata(path) {
        Err(error) => return Err(unreadable(error.to_string()).into()),
        Ok(data) if !data.is_file() => {
            return Err(unreadable("it is not a regular file".to_owned()).into());
        }
        Ok(data) if data.len() > BYTES_MAX => {
            return Err(unreadable(format!("it has more than {BYTES_MAX} bytes")).into());
        }
        Ok(_) => {}
    }
    let text = fs::read_to_string(path).map_err(|error| unreadable(error.to_string()))?;
    let policy = Policy::parse(&text).map_err(|error| UsageError(format!("{name}:{error}")))?;
    Ok((policy, text))
}

/// Reads the policy for a stage. `None` without a file.
///
/// # Errors
/// The errors of [`read`], and an error if the stage does not scale.
pub(crate) fn for_stage(stage: &Stage, path: Option<&Path>) -> anyhow::Result<Option<String>> {
    match path {
        None => Ok(None),
        Some(path) if stage.scales => Ok(Some(read(path)?.1)),
        Some(_) => Err(UsageError(format!(
            "stage `{}` does not scale, so it has no policy; leave out --policy, or choose --stage autoscaled",
            stage.name
        ))
        .into()),
    }
}
