//! The summary as JSON.

use std::io;
use std::path::Path;

use crate::export::{Format, Rendered, json};
use crate::run::formats::{RunResults, RunSubject};

pub(super) const FORMAT: Format<RunSubject> = Format {
    name: "json",
    default_file: "summary.json",
    render,
};

fn render<'a>(results: &'a RunResults<'a>, path: &Path) -> io::Result<Rendered<'a>> {
    Ok(Rendered::file(path, json::render(results.summary)?))
}
