//! A chart with its legend, its caption and the table behind it.

use maud::{Markup, PreEscaped, html};

use crate::chart::Ink;

/// A table: its head, and its rows of cells.
#[derive(Debug, Default)]
pub(crate) struct Data {
    pub(crate) head: Vec<String>,
    pub(crate) rows: Vec<Vec<String>>,
}

/// Sets a section with a heading that can be linked to.
pub(crate) fn section(id: &str, title: &str, lead: &str, content: &Markup) -> Markup {
    html! {
        section id=(id) aria-labelledby={ (id) "-h" } {
            h2 id={ (id) "-h" } { (title) }
            @if !lead.is_empty() { p.lead { (lead) } }
            (content)
        }
    }
}

/// Sets a chart with its legend and the table behind it.
pub(crate) fn figure(chart: Option<String>, legend: &[(Ink, &str)], data: &Data) -> Markup {
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

/// Sets the table behind a chart, folded away.
pub(crate) fn data_table(data: &Data) -> Markup {
    html! {
        @if !data.rows.is_empty() {
            details {
                summary { "Table of these figures" }
                (table(data))
            }
        }
    }
}

/// Sets a table that scrolls sideways by itself where it is too wide.
pub(crate) fn table(data: &Data) -> Markup {
    html! {
        div.scroll tabindex="0" role="region" aria-label="table" {
            table {
                thead { tr { @for cell in &data.head { th scope="col" { (cell) } } } }
                tbody {
                    @for row in &data.rows {
                        tr {
                            @for (column, cell) in row.iter().enumerate() {
                                @if column == 0 { th scope="row" { (cell) } } @else { td { (cell) } }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// Makes a head of the names of its columns.
pub(crate) fn head(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}
