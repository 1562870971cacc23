//! The real components that the stages are made of, and where they are.

use std::path::PathBuf;

use serde::Serialize;

use super::find_program;

/// A program that a stage or a test starts.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Component {
    /// The program.
    pub program: &'static str,
    /// The Debian package that holds it; none where Debian has none.
    pub package: Option<&'static str>,
    /// What a person types to have it.
    pub remedy: String,
    /// What it is needed for.
    pub used_for: String,
    /// Where it is; none where it was not found.
    pub path: Option<PathBuf>,
}

/// The programs that no stage starts yet: name, other names, Debian package, what for.
const OTHERS: &[(&str, &[&str], &str, &str)] = &[
    (
        "nats-server",
        &[],
        "nats-server",
        "queue, stage partitioned",
    ),
    (
        "prometheus",
        &[],
        "prometheus",
        "monitoring, stage autoscaled",
    ),
    (
        "chromium",
        &["chromium-browser", "google-chrome"],
        "chromium",
        "tests of the report",
    ),
    ("go", &[], "golang-go", "go tool pprof, to read profiles"),
];

/// Those that no stage starts yet.
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
