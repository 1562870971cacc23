//! Renders a document as one HTML file with no external resources, readable with scripts off.

mod figures;
mod page;
mod prose;

use maud::{Markup, PreEscaped, html};
use tenfold_analysis::format;

use crate::chart::forest::{self, Bar, Scale};
use crate::chart::{self, Description, Ink};
use crate::document::{
    Block, Chart, Code, CodeKind, Curves, Document, Fact, Finding, Forest, Judgement, Number, Runs,
    Sample, Section, Table, Tone, capitalised,
};
use figures::{figure, section, table};
use prose::{prose, sentence, unbroken};

/// Colours of curves, in their order.
const INKS: [Ink; 6] = [
    Ink::Response,
    Ink::Service,
    Ink::Lag,
    Ink::Writes,
    Ink::Offered,
    Ink::Lost,
];

impl Document {
    /// Renders the document as a page of HTML.
    ///
    /// The page loads nothing and is complete without its script; all text is escaped.
    pub fn html(&self) -> String {
        let body = html! {
            (header(self))
            main id="evidence" { @for part in &self.sections { (section_of(part)) } }
        };
        let title = match self.origin.as_slice() {
            [] => self.title.clone(),
            origin => origin.join(" · "),
        };
        page::page(&title, &body)
    }
}

fn header(document: &Document) -> Markup {
    let tone = document.verdict.as_ref().map(|verdict| verdict.tone);
    html! {
        header class=(tone.map_or("plain", class)) {
            p.origin {
                span.brand { "Tenfold" }
                @for part in &document.origin { span { (part) } }
                @for tag in &document.tags { span.tag { (tag) } }
            }
            @if let Some(verdict) = &document.verdict {
                p.badge { span.sign aria-hidden="true" { (sign(verdict.tone)) } " " (verdict.badge) }
            }
            h1 { (prose(&document.title)) }
            @if !document.lead.is_empty() { p.lead { (prose(&document.lead)) } }
            @if !document.reasons.is_empty() {
                ul.reasons { @for reason in &document.reasons { li { (sentence(reason)) } } }
            }
            (blocks(&document.opening))
            @if !document.next.is_empty() {
                div.next {
                    h2 { "What to do next" }
                    p { (prose(&document.next)) }
                }
            }
            (blocks(&document.closing))
            (contents(&document.sections))
        }
    }
}

/// Renders the list of contents; nothing for a short page.
fn contents(sections: &[Section]) -> Markup {
    html! {
        @if sections.len() >= CONTENTS_MIN {
            nav.contents aria-label="Contents" {
                ul { @for part in sections { li { a href={ "#" (part.id) } { (part.title) } } } }
            }
        }
    }
}

/// Sections from which a page has a list of contents.
const CONTENTS_MIN: usize = 4;

fn class(tone: Tone) -> &'static str {
    match tone {
        Tone::Good => "good",
        Tone::Caution => "caution",
        Tone::Bad => "bad",
    }
}

fn sign(tone: Tone) -> &'static str {
    match tone {
        Tone::Good => "✓",
        Tone::Caution => "!",
        Tone::Bad => "✗",
    }
}

fn section_of(part: &Section) -> Markup {
    section(&part.id, &part.title, &part.lead, &blocks(&part.blocks))
}

fn blocks(blocks: &[Block]) -> Markup {
    html! { @for each in blocks { (block(each)) } }
}

fn block(block: &Block) -> Markup {
    html! {
        @match block {
            Block::Text(text) => p { (prose(text)) },
            Block::Note(text) => p.note { (prose(text)) },
            Block::Heading(text) => h3 { (prose(text)) },
            Block::List(items) => ul { @for item in items { li { (sentence(item)) } } },
            Block::Code(code) => (code_block(code)),
            Block::Facts(facts) => (facts_of(facts)),
            Block::Numbers(numbers) => (tiles(numbers)),
            Block::Judgements(judgements) => (rules(judgements)),
            Block::Finding(finding) => (article(finding)),
            Block::Sample(sample) => (response(sample)),
            Block::Table(data) => (table(data)),
            Block::Runs(list) => (runs(list)),
            Block::Forest(forest) => (effects(forest)),
            Block::Chart(Chart { svg, legend, data }) => (figure(svg.as_deref(), legend, data)),
            Block::Curves(curves) => (curves_of(curves)),
            Block::Details(title, inner) => details { summary { (title) } (blocks(inner)) },
            Block::File(name) => @if is_in_directory(name) {
                p.note { a href={ "./" (name) } { (name) } }
            },
        }
    }
}

/// Returns whether a name leads to a file in the directory of the page, and nowhere else.
fn is_in_directory(name: &str) -> bool {
    !name.is_empty() && !name.contains(['/', '\\', ':', '?', '#', '%']) && name != ".."
}

fn code_block(code: &Code) -> Markup {
    html! {
        @match code.kind {
            CodeKind::Command => pre.command tabindex="0" { code { (code.text) } },
            CodeKind::File => pre.scenario tabindex="0" { code { (code.text) } },
            CodeKind::Output => pre { (code.text) },
        }
    }
}

fn facts_of(facts: &[Fact]) -> Markup {
    html! {
        dl.manifest {
            @for fact in facts {
                dt { (fact.name) }
                dd {
                    (prose(&fact.text))
                    @for line in &fact.more { br; (prose(line)) }
                }
            }
        }
    }
}

fn tiles(numbers: &[Number]) -> Markup {
    html! {
        dl.numbers {
            @for number in numbers {
                div class=[number.is_bad.then_some("lossy")] {
                    dt { (number.name) }
                    dd { (number.value) }
                    dd.note { (number.note) }
                }
            }
        }
    }
}

fn rules(judgements: &[Judgement]) -> Markup {
    html! {
        ul.rules aria-label="Objectives" {
            @for judgement in judgements {
                li class=(class(judgement.tone)) {
                    span.outcome { span aria-hidden="true" { (judgement.sign) } " " (judgement.word) }
                    code { (judgement.name) }
                    span.why { (judgement.reason) }
                }
            }
        }
    }
}

fn article(finding: &Finding) -> Markup {
    html! {
        article.finding {
            h3 {
                (prose(&finding.title))
                @if !finding.tag.is_empty() { " " span.tag { (finding.tag) } }
            }
            ul { @for evidence in &finding.evidence { li { (prose(&capitalised(evidence))) } } }
            @if !finding.advice.is_empty() { p.advice { (prose(&finding.advice)) } }
        }
    }
}

fn response(sample: &Sample) -> Markup {
    html! {
        details {
            summary { (sample.title) }
            p {
                (sample.reason) ", at " (sample.at) " of the run."
                @if let Some(link) = &sample.link { " " a href=(link) rel="noreferrer" { "Trace" } }
            }
            @if let Some((headers, body)) = &sample.response {
                pre { @for (name, value) in headers { (name) ": " (value) "\n" } "\n" (body) }
                p.note { "The whole body has " (sample.size) "." }
            }
        }
    }
}

/// Column of a list of runs that has the outcome. The drawing follows it.
const OUTCOME: usize = 2;

fn runs(list: &Runs) -> Markup {
    html! {
        div.scroll tabindex="0" role="group" aria-label="Runs" {
            table.sortable.runs {
                thead {
                    tr {
                        @for (column, cell) in list.head.iter().enumerate() {
                            th scope="col" class=[(column == OUTCOME).then_some("outcome")] { (cell) }
                            @if column == OUTCOME && !list.line.is_empty() { th scope="col" { (list.line) } }
                        }
                    }
                }
                tbody {
                    @for (index, row) in list.rows.iter().enumerate() {
                        @let line = chart::sparkline(&row.values, &format!("line-{index}"), list.line);
                        tr class=[row.tone.map(class)] {
                            @for (column, cell) in row.cells.iter().enumerate() {
                                @match (column, &row.link) {
                                    (0, Some(link)) => th scope="row" { a href=(link) { (cell) } },
                                    (0, None) => th scope="row" { (cell) },
                                    (OUTCOME, _) => td.outcome { (cell) },
                                    _ => td { (cell) },
                                }
                                @if column == OUTCOME && !list.line.is_empty() {
                                    td.drawing { @if let Some(line) = &line { (PreEscaped(line)) } @else { "–" } }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn effects(forest: &Forest) -> Markup {
    let bars: Vec<Bar> = forest.rows.iter().filter_map(|row| row.bar).collect();
    let scale = Scale::of(&bars);
    let (first, others) = forest.head.split_first().unzip();
    html! {
        div.scroll tabindex="0" role="group" aria-label="Effects" {
            table.effects {
                thead {
                    tr {
                        th scope="col" { "metric" }
                        th scope="col" { "verdict" }
                        @if let Some(first) = first { th scope="col" { (first) } }
                        th scope="col" { (forest.axis) }
                        @for cell in others.unwrap_or_default() { th scope="col" { (cell) } }
                    }
                }
                tbody {
                    @for (index, row) in forest.rows.iter().enumerate() {
                        @let judgement = &row.judgement;
                        tr class=(class(judgement.tone)) {
                            th scope="row" { (judgement.name) }
                            td.outcome { span aria-hidden="true" { (judgement.sign) } " " (judgement.word) }
                            @if let Some(cell) = row.cells.first() { td { strong { (cell) } } }
                            td.drawing {
                                @if let (Some(bar), Some(scale)) = (row.bar, scale) {
                                    @let class = bar.tolerance.map_or("informs", |_| class(judgement.tone));
                                    (PreEscaped(forest::bar(&bar, class, scale, &format!("{}-{index}", forest.id), &judgement.name)))
                                }
                            }
                            @for cell in row.cells.iter().skip(1) { td { (unbroken(cell)) } }
                        }
                    }
                    @if let Some(scale) = scale {
                        tr.ruler aria-hidden="true" {
                            td {} td {} td {}
                            td.drawing { (PreEscaped(forest::ruler(scale))) }
                            @for _ in others.unwrap_or_default() { td {} }
                        }
                    }
                }
            }
        }
        ul.why {
            @for row in &forest.rows {
                li { strong { (row.judgement.name) } ": " (prose(&row.judgement.reason)) }
            }
        }
    }
}

fn curves_of(curves: &Curves) -> Markup {
    let inked: Vec<_> = curves.curves.iter().zip(INKS.into_iter().cycle()).collect();
    let legend: Vec<(Ink, String)> = inked
        .iter()
        .map(|(curve, ink)| (*ink, curve.name.clone()))
        .collect();
    let lines: Vec<(&[(f64, f64)], Ink)> = inked
        .iter()
        .map(|(curve, ink)| (curve.points.as_slice(), *ink))
        .collect();
    let mut at: Vec<f64> = curves
        .curves
        .iter()
        .flat_map(|curve| curve.points.iter().filter(|(x, y)| *x > 0.0 && *y > 0.0))
        .map(|(x, _)| *x)
        .collect();
    at.sort_by(f64::total_cmp);
    at.dedup();
    let names = curves.curves.iter().map(|curve| curve.name.as_str());
    let head: Vec<&str> = [curves.x.as_str()].into_iter().chain(names).collect();
    let rows = at.iter().map(|x| {
        let values = curves.curves.iter().map(|curve| {
            let point = curve.points.iter().find(|(other, _)| other == x);
            point.map_or_else(|| "–".to_owned(), |(_, y)| format::significant(*y))
        });
        [format::significant(*x)]
            .into_iter()
            .chain(values)
            .collect()
    });
    let table = Table::new(&head, rows);
    let description = Description {
        at: at.iter().map(|x| x.log10()).collect(),
        id: curves.id.clone(),
        title: curves.title.clone(),
        text: format!("{} by {}, both logarithmic", curves.y, curves.x),
    };
    let svg = chart::curves(&description, &curves.x, &curves.y, &lines);
    html! {
        h3 { (curves.title) }
        p.lead { (curves.y) }
        (figure(svg.as_deref(), &legend, &table))
    }
}
