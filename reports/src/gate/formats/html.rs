//! The report as a page.

use std::io;
use std::path::Path;

use crate::export::{Format, Rendered};
use crate::gate::formats::{GateResults, GateSubject};
use crate::gate::page;

/// `report.html`: the report.
pub const FORMAT: Format<GateSubject> = Format {
    name: "html",
    default_file: "report.html",
    render,
};

fn render<'a>(results: &'a GateResults<'a>, path: &Path) -> io::Result<Rendered<'a>> {
    let page = page(results.outcome, results.attachments);
    Ok(Rendered::file(path, page.html()))
}
