//! Runs of Tenfold that end by themselves.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::bail;

use crate::workshop::Workshop;
use crate::workshop::child::{Child, Confines};

/// Runs Tenfold in a directory until it ends, and returns its output. Some exit codes are results, so none is an error.
///
/// # Errors
/// Returns an error if it takes longer than `within`, or wrote only to standard error.
pub(crate) fn tenfold(
    workshop: &Workshop,
    folder: &Path,
    arguments: &[String],
    within: Duration,
) -> anyhow::Result<String> {
    let mut command = Command::new(workshop.tenfold());
    command.current_dir(folder).args(arguments);
    let mut child = Child::start("tenfold", &command, &Confines::default(), folder)?;
    if !child.wait(within, workshop.interrupt())? {
        bail!(
            "`tenfold {}` took more than {} s",
            arguments.join(" "),
            within.as_secs()
        );
    }
    child.end();
    let output = child.output();
    if output.is_empty() && !child.errors().is_empty() {
        bail!("`tenfold {}`: {}", arguments.join(" "), child.last_words());
    }
    Ok(output)
}

/// Returns owned arguments.
pub(crate) fn owned(arguments: &[&str]) -> Vec<String> {
    arguments.iter().map(|own| (*own).to_owned()).collect()
}
