//! The short report as Markdown, for a pull request.

use std::io;
use std::path::Path;

use crate::export::{Format, Rendered};
use crate::run::digest;
use crate::run::formats::{RunResults, RunSubject};

pub(super) const FORMAT: Format<RunSubject> = Format {
    name: "markdown",
    default_file: "summary.md",
    render,
};

fn render<'a>(results: &'a RunResults<'a>, path: &Path) -> io::Result<Rendered<'a>> {
    Ok(Rendered::file(path, digest(results.summary).markdown()))
}
