//! The page in HTML.

use maud::{Markup, html};

use crate::chart::{self, Description, Ink};
use crate::document::{Block, Curves, Document, Section, Table};
use crate::html::figures::{Data, figure, section, table};
use crate::html::page;

/// The colours of curves, in their order.
const INKS: [Ink; 6] = [
    Ink::Response,
    Ink::Service,
    Ink::Lag,
    Ink::Writes,
    Ink::Offered,
    Ink::Lost,
];

impl Document {
    /// Renders the page: one file with no outside address, readable with scripts off.
    pub fn html(&self) -> String {
        let body: Markup = html! {
            header.plain {
                p.origin { span.brand { "Tenfold" } }
                h1 { (self.title) }
                p.lead { (self.lead) }
            }
            main { @for part in &self.sections { (section_of(part)) } }
        };
        page::page(&self.title, &body)
    }
}

fn section_of(part: &Section) -> Markup {
    let content = html! {
        @for block in &part.blocks {
            @match block {
                Block::Text(text) => p { (text) },
                Block::Table(rows) => (table(&data_of(rows))),
                Block::Curves(curves) => (figure_of(curves)),
            }
        }
    };
    section(&part.id, &part.title, &part.lead, &content)
}

fn figure_of(curves: &Curves) -> Markup {
    let inked: Vec<_> = curves.curves.iter().zip(INKS.into_iter().cycle()).collect();
    let legend: Vec<(Ink, &str)> = inked
        .iter()
        .map(|(curve, ink)| (*ink, curve.name.as_str()))
        .collect();
    let lines: Vec<(&[(f64, f64)], Ink)> = inked
        .iter()
        .map(|(curve, ink)| (curve.points.as_slice(), *ink))
        .collect();
    let description = Description {
        id: curves.id.clone(),
        title: curves.title.clone(),
        text: format!("{} by {}, both logarithmic", curves.y, curves.x),
    };
    html! {
        h3 { (curves.title) }
        p.lead { (curves.y) }
        (figure(chart::curves(&description, &curves.x, &curves.y, &lines), &legend, &Data::default()))
    }
}

fn data_of(table: &Table) -> Data {
    Data {
        head: table.head.clone(),
        rows: table.rows.clone(),
    }
}
