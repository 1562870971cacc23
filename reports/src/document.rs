//! The model of a report: a verdict, its reasons, and sections of blocks, independent of the medium.
//!
//! A subject ([`crate::run`], [`crate::comparison`], [`crate::gate`], [`crate::history`]) turns analysis results
//! into a [`Document`]. [`Document::html`], [`Document::terminal`] and [`Document::markdown`] render it.

use crate::chart::Ink;
use crate::chart::forest::Bar;
use crate::trace_url::TraceUrl;

/// A report.
#[derive(Debug, Clone, Default)]
pub struct Document {
    /// Kind, subject and time of the report: the line above the title of a page, and the title of its tab.
    pub origin: Vec<String>,
    /// Labels beside the origin, such as `ended early`.
    pub tags: Vec<String>,
    /// The scenario that was measured; empty for a report without a verdict.
    pub subject: String,
    /// Target, seed and size of the measurement; continues the subject in the first line of a terminal.
    pub about: String,
    /// The verdict. `None` for a report that judges nothing.
    pub verdict: Option<Verdict>,
    /// The title: with a verdict, its sentence.
    pub title: String,
    /// One or two introductory sentences.
    pub lead: String,
    /// Reasons for the verdict.
    pub reasons: Vec<String>,
    /// The figures that the verdict rests on.
    pub opening: Vec<Block>,
    /// The recommended next step; may be empty.
    pub next: String,
    /// The objectives and their outcomes.
    pub closing: Vec<Block>,
    /// The evidence, in order.
    pub sections: Vec<Section>,
    /// Address of the full report, for readers of the Markdown.
    pub report: Option<String>,
}

/// A verdict in a word or two.
#[derive(Debug, Clone)]
pub struct Verdict {
    /// Good or bad news.
    pub tone: Tone,
    /// The verdict as a page shows it: `Objectives met`.
    pub badge: String,
    /// The verdict as the last line of a terminal begins: `measurement valid, slo met`.
    pub status: String,
}

/// Good or bad news.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// Good news.
    Good,
    /// Neither good nor bad.
    Caution,
    /// Bad news.
    Bad,
}

/// A part of a report, with a heading that can be linked to.
#[derive(Debug, Clone, Default)]
pub struct Section {
    /// Anchor of the heading; unique in its document.
    pub id: String,
    /// Heading.
    pub title: String,
    /// Introductory sentence; may be empty.
    pub lead: String,
    /// Content, in order.
    pub blocks: Vec<Block>,
}

impl Section {
    /// Returns a section with these blocks.
    pub(crate) fn new(id: &str, title: &str, lead: impl Into<String>, blocks: Vec<Block>) -> Self {
        Self {
            id: id.to_owned(),
            title: title.to_owned(),
            lead: lead.into(),
            blocks,
        }
    }
}

/// A part of a section. Text between backticks is code, except in tables.
#[derive(Debug, Clone)]
pub enum Block {
    /// A paragraph.
    Text(String),
    /// A paragraph in small print.
    Note(String),
    /// A heading below that of the section.
    Heading(String),
    /// A list.
    List(Vec<String>),
    /// Preformatted text.
    Code(Code),
    /// Names with values.
    Facts(Vec<Fact>),
    /// The most important figures.
    Numbers(Vec<Number>),
    /// Objectives with their outcomes.
    Judgements(Vec<Judgement>),
    /// A bottleneck with its evidence.
    Finding(Finding),
    /// A sampled response. Absent from Markdown, which is made to be published: a body may hold private data.
    Sample(Sample),
    /// A table.
    Table(Table),
    /// Effects with their intervals.
    Forest(Forest),
    /// Runs with links to their reports.
    Runs(Runs),
    /// A chart. Only a page shows it.
    Chart(Chart),
    /// Curves over two logarithmic axes. Only a page shows them.
    Curves(Curves),
    /// Blocks that a page folds away under a title.
    Details(String, Vec<Block>),
    /// The name of a file in the directory of the report.
    File(String),
}

/// Preformatted text.
#[derive(Debug, Clone)]
pub struct Code {
    /// The text.
    pub text: String,
    /// The kind of text.
    pub kind: CodeKind,
}

/// The kind of a preformatted text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CodeKind {
    /// A command to copy, wrapped.
    Command,
    /// A file, which scrolls if it is long.
    File,
    /// Output of a process; a terminal shows its last lines.
    Output,
}

/// A name with a value.
#[derive(Debug, Clone, Default)]
pub struct Fact {
    /// Name.
    pub name: String,
    /// Value.
    pub text: String,
    /// Colour of the value on a terminal. `None` for the default colour.
    pub tone: Option<Tone>,
    /// Further lines.
    pub more: Vec<String>,
}

impl Fact {
    /// Returns a name with a value in the default colour.
    pub(crate) fn new(name: &str, text: impl Into<String>) -> Self {
        Self {
            name: name.to_owned(),
            text: text.into(),
            ..Self::default()
        }
    }

    /// Sets the colour of the value on a terminal.
    pub(crate) fn toned(self, tone: Option<Tone>) -> Self {
        Self { tone, ..self }
    }
}

/// A figure in large print.
#[derive(Debug, Clone)]
pub struct Number {
    /// Name.
    pub name: &'static str,
    /// Value with its unit.
    pub value: String,
    /// Interval or share of the value.
    pub note: String,
    /// Set off as bad news.
    pub is_bad: bool,
}

/// An objective or a metric with its outcome.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judgement {
    /// Good or bad news.
    pub tone: Tone,
    /// The outcome as a sign: `✓`.
    pub sign: &'static str,
    /// The outcome as a word: `met`.
    pub word: &'static str,
    /// The objective or the metric.
    pub name: String,
    /// The measured value, or the reason for the outcome.
    pub reason: String,
}

/// A bottleneck with its evidence.
#[derive(Debug, Clone, Default)]
pub struct Finding {
    /// Title.
    pub title: String,
    /// Confidence in the finding; may be empty.
    pub tag: String,
    /// Evidence.
    pub evidence: Vec<String>,
    /// Recommended action.
    pub advice: String,
}

/// A sampled response.
#[derive(Debug, Clone, Default)]
pub struct Sample {
    /// The request, and how it failed.
    pub title: String,
    /// The reason for the failure.
    pub reason: String,
    /// Time since the start of the run.
    pub at: String,
    /// Headers and body. `None` if there was no response.
    pub response: Option<(Vec<(String, String)>, String)>,
    /// Size of the whole body.
    pub size: String,
    /// Trace id. `None` without a trace.
    pub trace_id: Option<String>,
    /// Address of its trace. `None` without a viewer.
    pub link: Option<String>,
}

/// A table. The first column names the rows.
#[derive(Debug, Clone, Default)]
pub struct Table {
    /// Names of the columns.
    pub head: Vec<String>,
    /// Rows, each as long as the head.
    pub rows: Vec<Vec<String>>,
    /// Whether a page sorts it by a click on a heading.
    pub sortable: bool,
    /// Column of trace ids. `None` without traces.
    pub traces: Option<usize>,
    /// Viewer that a page links trace ids to. `None` for no links.
    pub trace_url: Option<TraceUrl>,
}

impl Table {
    /// Returns a table with these columns and rows.
    pub fn new(head: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> Self {
        Self {
            head: head.iter().map(|cell| (*cell).to_owned()).collect(),
            rows: rows.into_iter().collect(),
            ..Self::default()
        }
    }

    /// Lets a page sort the table.
    pub(crate) fn sortable(self) -> Self {
        Self {
            sortable: true,
            ..self
        }
    }
}

/// A table of runs. Terminals and Markdown leave out links and lines.
#[derive(Debug, Clone, Default)]
pub struct Runs {
    /// Names of the columns. The first names the runs.
    pub head: Vec<&'static str>,
    /// Name of the line over time. Empty if the runs have none.
    pub line: &'static str,
    /// Rows.
    pub rows: Vec<RunRow>,
}

/// A run in a table of runs.
#[derive(Debug, Clone, Default)]
pub struct RunRow {
    /// Address of its report, relative to the page. `None` without a report.
    pub link: Option<String>,
    /// Good or bad news. `None` for neither.
    pub tone: Option<Tone>,
    /// Cells, as many as the head has columns. The tone colours the third.
    pub cells: Vec<String>,
    /// Values over time.
    pub values: Vec<f64>,
}

impl Runs {
    /// Returns the cells as a table.
    pub(crate) fn table(&self) -> Table {
        Table::new(&self.head, self.rows.iter().map(|row| row.cells.clone()))
    }
}

/// A table of effects, each drawn with its interval and limits.
#[derive(Debug, Clone)]
pub struct Forest {
    /// Part of the ids of the drawings; unique in its document.
    pub id: String,
    /// Names of the columns after name and verdict. A page draws effects after the first.
    pub head: Vec<&'static str>,
    /// Heading of the drawings, with the meaning of left and right.
    pub axis: &'static str,
    /// Rows.
    pub rows: Vec<ForestRow>,
}

/// An effect with its outcome.
#[derive(Debug, Clone)]
pub struct ForestRow {
    /// Name, outcome and reason.
    pub judgement: Judgement,
    /// Cells, as many as the head has columns.
    pub cells: Vec<String>,
    /// The drawing. `None` without an effect.
    pub(crate) bar: Option<Bar>,
}

/// A chart with its legend and the table behind it.
#[derive(Debug, Clone)]
pub struct Chart {
    /// The drawing as SVG. `None` if there is too little to draw.
    pub(crate) svg: Option<String>,
    /// Colours and names of the lines.
    pub(crate) legend: Vec<(Ink, String)>,
    /// The figures as a table.
    pub(crate) data: Table,
}

impl Chart {
    /// Returns a block with a chart.
    pub(crate) fn block(svg: Option<String>, legend: &[(Ink, &str)], data: Table) -> Block {
        let legend = legend.iter().map(|(ink, name)| (*ink, (*name).to_owned()));
        Block::Chart(Self {
            svg,
            legend: legend.collect(),
            data,
        })
    }
}

/// Curves over two logarithmic axes. Colours distinguish at most six.
#[derive(Debug, Clone, Default)]
pub struct Curves {
    /// Part of the ids of the chart; unique in its document.
    pub id: String,
    /// Title.
    pub title: String,
    /// Name of the horizontal axis, with its unit.
    pub x: String,
    /// Name of the vertical axis, with its unit.
    pub y: String,
    /// The curves.
    pub curves: Vec<Curve>,
}

/// One curve.
#[derive(Debug, Clone, Default)]
pub struct Curve {
    /// Name in the legend.
    pub name: String,
    /// Points from left to right. Points that are not above 0 are left out.
    pub points: Vec<(f64, f64)>,
}

/// Capitalises the first letter of a sentence, unless it belongs to an identifier.
pub(crate) fn capitalised(text: &str) -> String {
    let first = text.split(' ').next().unwrap_or_default();
    if first.contains(['_', ':']) {
        return text.to_owned();
    }
    let mut characters = text.chars();
    characters.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(characters).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document() -> Document {
        let table = Table::new(
            &["peer", "µs"],
            [["a|b", "6.60"], ["<wrk>", "13.2"]].map(|row| row.map(str::to_owned).to_vec()),
        );
        let curve = Curve {
            name: "tenfold".to_owned(),
            points: vec![(100.0, 50.0), (0.0, 1.0), (1_000.0, 20.0), (90_000.0, 4.0)],
        };
        let curves = Curves {
            id: "cost".to_owned(),
            title: "Cost by rate".to_owned(),
            x: "requests/s".to_owned(),
            y: "µs".to_owned(),
            curves: vec![curve],
        };
        Document {
            title: "Title".to_owned(),
            lead: "Lead.".to_owned(),
            sections: vec![Section::new(
                "first",
                "First",
                "",
                vec![
                    Block::Text("Text of `a_b` and c_d.".to_owned()),
                    Block::Table(table),
                    Block::Curves(curves),
                ],
            )],
            ..Document::default()
        }
    }

    #[test]
    fn renders_markdown() {
        insta::assert_snapshot!(document().markdown());
    }

    #[test]
    fn renders_terminal() {
        insta::assert_snapshot!(document().terminal(false));
    }

    #[test]
    fn html_is_escaped_and_complete() {
        let page = document().html();
        assert!(
            page.contains("&lt;wrk&gt;") && !page.contains("<wrk>"),
            "{page}"
        );
        assert!(
            page.contains("10,000") && page.contains("requests/s"),
            "{page}"
        );
        assert!(page.contains("<code>a_b</code>"), "{page}");
        assert!(!page.contains("NaN") && !page.contains("inf"), "{page}");
        assert!(!page.contains("src="), "{page}");
    }

    #[test]
    fn reports_curves_without_points() {
        let mut document = document();
        let Some(Block::Curves(curves)) = document.sections[0].blocks.last_mut() else {
            panic!("the last block is the curves");
        };
        curves.curves[0].points.clear();
        assert!(document.html().contains("Too little was measured"));
    }
}
