//! A page of tables and curves in the style of the reports, for figures that are of no single run.
//!
//! The benchmark of the generator is one: [`Document::html`] makes a file with no outside address,
//! [`Document::markdown`] the same tables for a terminal and a repository.

mod html;
mod markdown;

/// A page.
#[derive(Debug, Clone, Default)]
pub struct Document {
    /// Its title.
    pub title: String,
    /// What it says first, in a sentence or two.
    pub lead: String,
    /// Its sections, in order.
    pub sections: Vec<Section>,
}

/// A part of a page with a heading that can be linked to.
#[derive(Debug, Clone, Default)]
pub struct Section {
    /// What it is linked by; unique on its page.
    pub id: String,
    /// Its heading.
    pub title: String,
    /// What it says first; empty for nothing.
    pub lead: String,
    /// What it holds, in order.
    pub blocks: Vec<Block>,
}

/// A part of a section.
#[derive(Debug, Clone)]
pub enum Block {
    /// A paragraph.
    Text(String),
    /// A table.
    Table(Table),
    /// Curves over two logarithmic axes.
    Curves(Curves),
}

/// A table, whose first column names its rows.
#[derive(Debug, Clone, Default)]
pub struct Table {
    /// The names of its columns.
    pub head: Vec<String>,
    /// Its rows, each as long as the head.
    pub rows: Vec<Vec<String>>,
}

/// Curves over two logarithmic axes. At most six are told apart by their colours.
#[derive(Debug, Clone, Default)]
pub struct Curves {
    /// Part of its ids; unique on its page.
    pub id: String,
    /// What it is.
    pub title: String,
    /// What the horizontal axis shows, with its unit.
    pub x: String,
    /// What the vertical axis shows, with its unit.
    pub y: String,
    /// The curves.
    pub curves: Vec<Curve>,
}

/// One curve.
#[derive(Debug, Clone, Default)]
pub struct Curve {
    /// What it shows.
    pub name: String,
    /// Its points from left to right; those that are not above nought are left out.
    pub points: Vec<(f64, f64)>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document() -> Document {
        let table = Table {
            head: vec!["peer".to_owned(), "µs".to_owned()],
            rows: vec![
                vec!["a|b".to_owned(), "6.60".to_owned()],
                vec!["<wrk>".to_owned(), "13.2".to_owned()],
            ],
        };
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
            sections: vec![Section {
                id: "first".to_owned(),
                title: "First".to_owned(),
                lead: String::new(),
                blocks: vec![
                    Block::Text("Text.".to_owned()),
                    Block::Table(table),
                    Block::Curves(curves),
                ],
            }],
        }
    }

    #[test]
    fn markdown_reads_well() {
        insta::assert_snapshot!(document().markdown());
    }

    #[test]
    fn html_is_escaped_and_whole() {
        let page = document().html();
        assert!(
            page.contains("&lt;wrk&gt;") && !page.contains("<wrk>"),
            "{page}"
        );
        assert!(
            page.contains("10,000") && page.contains("requests/s"),
            "{page}"
        );
        assert!(!page.contains("NaN") && !page.contains("inf"), "{page}");
        assert!(
            !page.contains("src=") && !page.contains("<script"),
            "{page}"
        );
    }

    #[test]
    fn curves_without_a_point_are_told() {
        let mut document = document();
        let Some(Block::Curves(curves)) = document.sections[0].blocks.last_mut() else {
            panic!("the last block is the curves");
        };
        curves.curves[0].points.clear();
        assert!(document.html().contains("Too little was measured"));
    }
}
