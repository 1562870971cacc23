//! External programs that stages and tests start.

use std::path::PathBuf;

use serde::Serialize;
use tenfold_child_process::find_program;

/// A program that a stage or a test starts.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Component {
    /// Name of the program.
    pub program: &'static str,
    /// Debian package of the program. `None` if Debian has none.
    pub package: Option<&'static str>,
    /// Command that installs the program.
    pub remedy: String,
    /// Purpose, and the stage that needs the program.
    pub used_for: String,
    /// Path of the program. `None` if it was not found.
    pub path: Option<PathBuf>,
}

/// Programs that no stage starts yet: name, alternative names, Debian package, purpose.
const OTHERS: &[(&str, &[&str], &str, &str)] = &[
    (
        "chromium",
        &["chromium-browser", "google-chrome"],
        "chromium",
        "tests of the report",
    ),
    ("go", &[], "golang-go", "go tool pprof, to read profiles"),
];

/// Searches for the programs that no stage starts yet.
pub(super) fn others() -> impl Iterator<Item = Component> {
    OTHERS
        .iter()
        .map(|&(program, others, package, used_for)| Component {
            program,
            package: Some(package),
            remedy: format!("apt-get install {package}"),
            used_for: used_for.to_owned(),
            path: find_program(program)
                .or_else(|| others.iter().find_map(|other| find_program(other))),
        })
}
