//! The binary of Tenfold that is measured.

use std::path::PathBuf;

use anyhow::{Context as _, bail};
use tenfold_child_process::is_program;

/// Finds the binary of Tenfold; it must be there where it is `needed`.
pub(crate) fn find(given: Option<&PathBuf>, needed: bool) -> anyhow::Result<PathBuf> {
    let path = match given {
        Some(path) => path.clone(),
        None => {
            let own = std::env::current_exe().context("could not find this program")?;
            own.with_file_name("tenfold")
        }
    };
    if needed && !is_program(&path) {
        bail!(
            "there is no program at {}; build it with `cargo build --release -p tenfold`, or give \
             --tenfold",
            path.display()
        );
    }
    Ok(path.canonicalize().unwrap_or(path))
}
