//! Sections, tables, and charts with the table behind them.

use maud::{Markup, PreEscaped, html};

use crate::chart::Ink;
use crate::document::Table;
use crate::html::prose::prose;

/// Renders a section with a heading that can be linked to.
pub(super) fn section(id: &str, title: &str, lead: &str, content: &Markup) -> Markup {
    html! {
        section id=(id) aria-labelledby={ (id) "-h" } {
            h2 id={ (id) "-h" } { (title) }
            @if !lead.is_empty() { p.lead { (prose(lead)) } }
            (content)
        }
    }
}

/// Renders a chart with its legend and the table behind it.
pub(super) fn figure(chart: Option<&str>, legend: &[(Ink, String)], data: &Table) -> Markup {
    html! {
        figure {
            @if !legend.is_empty() {
                figcaption.legend {
                    @for (ink, name) in legend {
                        span.key {
                            svg width="26" height="10" aria-hidden="true" {
                                line x1="1" y1="5" x2="25" y2="5" stroke-width="3"
                                    stroke={ "var(--" (ink.name()) ")" }
                                    stroke-dasharray=(ink.dashes());
                            }
                            (name)
                        }
                    }
                }
            }
            @match chart {
                Some(svg) => div.canvas { (PreEscaped(svg)) },
                None => p.none { "Too little was measured to draw this." },
            }
            (data_table(data))
        }
    }
}

/// Renders the table behind a chart, folded away.
fn data_table(data: &Table) -> Markup {
    html! {
        @if !data.rows.is_empty() {
            details {
                summary { "Table of these figures" }
                (table(data))
            }
        }
    }
}

/// Renders a table that scrolls sideways if it is too wide.
pub(super) fn table(data: &Table) -> Markup {
    let columns = data.head.iter().filter(|cell| !cell.is_empty());
    let columns: Vec<&str> = columns.map(String::as_str).collect();
    html! {
        div.scroll tabindex="0" role="group" aria-label={ "Table: " (columns.join(", ")) } {
            table class=[data.sortable.then_some("sortable")] {
                thead { tr { @for cell in &data.head { th scope="col" { (cell) } } } }
                tbody {
                    @for row in &data.rows {
                        tr {
                            @for (column, cell) in row.iter().enumerate() {
                                @let link = data.trace_url.as_ref().filter(|_| data.traces == Some(column));
                                @match link.and_then(|url| url.of(cell)) {
                                    Some(link) => td { a href=(link) rel="noreferrer" { (cell) } },
                                    None if column == 0 => th scope="row" { (cell) },
                                    None => td { (cell) },
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}
