//! The short report as Markdown, for a pull request.

use std::io;
use std::path::Path;

use crate::export::{Format, Rendered};
use crate::gate::digest;
use crate::gate::formats::{GateResults, GateSubject};

pub(super) const FORMAT: Format<GateSubject> = Format {
    name: "markdown",
    default_file: "gate.md",
    render,
};

fn render<'a>(results: &'a GateResults<'a>, path: &Path) -> io::Result<Rendered<'a>> {
    let digest = digest(results.outcome, results.attachments);
    Ok(Rendered::file(path, digest.markdown()))
}
