//! Renders a document as Markdown: for a pull request, a repository or a terminal.

mod escape;
mod table;

use std::fmt::Write as _;

use crate::document::{Block, Document, Fact, Forest, Judgement, Section, Tone, capitalised};
use escape::{address, fenced, plain, prose};

impl Document {
    /// Renders the document as Markdown. Charts, whose figures are in tables, and samples are left out.
    pub fn markdown(&self) -> String {
        let mut parts = vec![heading(self), prose(&self.lead), list(&self.reasons)];
        parts.extend(self.closing.iter().chain(&self.opening).map(block));
        parts.extend(self.sections.iter().flat_map(section));
        if !self.next.is_empty() {
            parts.push(format!("**Next:** {}", prose(&self.next)));
        }
        let about = [&self.about].into_iter().chain(&self.tags);
        let about = about.filter(|text| !text.is_empty());
        let about: Vec<String> = about
            .map(|text| format!("{}.", plain(&capitalised(text))))
            .collect();
        parts.push(about.join(" "));
        if let Some(report) = &self.report {
            parts.push(format!("[Full report](<{}>)", address(report)));
        }
        parts.retain(|part| !part.is_empty());
        parts.join("\n\n") + "\n"
    }
}

fn heading(document: &Document) -> String {
    let title = plain(&document.title);
    let Some(verdict) = &document.verdict else {
        return format!("# {title}");
    };
    let sign = match verdict.tone {
        Tone::Good => "✅",
        Tone::Caution => "⚠️",
        Tone::Bad => "❌",
    };
    let (subject, badge) = (plain(&document.subject), plain(&verdict.badge));
    format!("## {sign} {subject}: {badge}\n\n{title}")
}

fn section(section: &Section) -> Vec<String> {
    let title = format!("## {}", plain(&section.title));
    let blocks = section.blocks.iter().map(block);
    [title, prose(&section.lead)]
        .into_iter()
        .chain(blocks)
        .collect()
}

fn block(block: &Block) -> String {
    match block {
        Block::Text(text) | Block::Note(text) => prose(text),
        Block::Heading(text) => format!("### {}", plain(text)),
        Block::List(items) => list(items),
        Block::Code(code) => fenced(&code.text),
        Block::Facts(facts) => lines(facts.iter().map(fact)),
        Block::Numbers(numbers) => lines(numbers.iter().map(|number| {
            format!(
                "- {}: {} {}",
                number.name,
                plain(&number.value),
                plain(&number.note)
            )
        })),
        Block::Judgements(judgements) => judged(judgements),
        Block::Finding(finding) => {
            let parts = [
                format!("**{}**", plain(&finding.title)),
                list(&finding.evidence),
                prose(&finding.advice),
            ];
            parts.join("\n\n")
        }
        Block::Table(table) => table::render(&table.head, &table.rows),
        Block::Runs(runs) => {
            let table = runs.table();
            table::render(&table.head, &table.rows)
        }
        Block::Forest(forest) => effects(forest),
        Block::Details(title, inner) => {
            let blocks = inner.iter().map(self::block);
            let parts = [format!("### {}", plain(title))].into_iter().chain(blocks);
            parts.collect::<Vec<_>>().join("\n\n")
        }
        Block::File(name) => plain(name),
        Block::Sample(_) | Block::Chart(_) | Block::Curves(_) => String::new(),
    }
}

fn lines(lines: impl Iterator<Item = String>) -> String {
    lines.collect::<Vec<_>>().join("\n")
}

fn list(items: &[String]) -> String {
    lines(items.iter().map(|item| format!("- {}", prose(item))))
}

fn fact(fact: &Fact) -> String {
    let mut out = format!("- {}: {}", plain(&fact.name), prose(&fact.text));
    for line in &fact.more {
        let _ = write!(out, "\n  - {}", prose(line));
    }
    out
}

fn judged(judgements: &[Judgement]) -> String {
    let head = ["outcome", "objective", "measured"].map(str::to_owned);
    let rows = judgements.iter().map(|own| {
        let outcome = format!("{} {}", own.sign, own.word);
        vec![outcome, own.name.clone(), own.reason.clone()]
    });
    table::render(&head, &rows.collect::<Vec<_>>())
}

fn effects(forest: &Forest) -> String {
    let head = ["metric", "verdict"]
        .into_iter()
        .chain(forest.head.iter().copied());
    let head: Vec<String> = head.map(str::to_owned).collect();
    let rows = forest.rows.iter().map(|row| {
        let own = &row.judgement;
        let start = [own.name.clone(), format!("{} {}", own.sign, own.word)].into_iter();
        start.chain(row.cells.iter().cloned()).collect()
    });
    let rows: Vec<Vec<String>> = rows.collect();
    let reasons = forest.rows.iter().map(|row| {
        let own = &row.judgement;
        format!("- {}: {}", plain(&own.name), prose(&own.reason))
    });
    format!("{}\n\n{}", table::render(&head, &rows), lines(reasons))
}
