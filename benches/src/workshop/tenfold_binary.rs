//! The binary of Tenfold to measure.

use std::path::PathBuf;

use anyhow::{Context as _, bail};
use tenfold_child_process::is_program;

/// Finds the binary of Tenfold.
///
/// # Errors
/// Returns an error if it is `needed` and missing.
pub(crate) fn find(given: Option<&PathBuf>, needed: bool) -> anyhow::Result<PathBuf> {
    let path = match given {
        Some(path) => path.clone(),
        None => {
            let own = std::env::current_exe().context("could not find the path of this program")?;
            own.with_file_name("tenfold")
        }
    };
    if needed && !is_program(&path) {
        bail!(
            "could not find a program at {}; build it with `cargo build --profile dist -p tenfold --features \
             all-stages`, or pass --tenfold",
            path.display()
        );
    }
    Ok(path.canonicalize().unwrap_or(path))
}
