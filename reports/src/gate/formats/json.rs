//! The whole outcome as JSON.

use std::io;
use std::path::Path;

use crate::export::{Format, Rendered, json};
use crate::gate::formats::{GateResults, GateSubject};

/// `gate.json`: the whole outcome.
pub const FORMAT: Format<GateSubject> = Format {
    name: "json",
    default_file: "gate.json",
    render,
};

fn render<'a>(results: &'a GateResults<'a>, path: &Path) -> io::Result<Rendered<'a>> {
    Ok(Rendered::file(path, json::render(results.outcome)?))
}
