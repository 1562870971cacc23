//! Renders a document as text for a terminal. The verdict comes last.

mod paint;
mod table;

use std::fmt::Write as _;

use crate::document::{Block, Code, CodeKind, Document, Fact, Judgement, Sample, Tone};
use paint::{Paint, Shade};

/// Lines shown of the output of a process.
const OUTPUT_LINES_MAX: usize = 10;

/// Narrowest column of labels, in characters.
const LABEL_WIDTH_MIN: usize = 10;

/// Characters shown of a sampled body.
const BODY_CHARS_MAX: usize = 200;

impl Document {
    /// Renders the document as text, with ANSI colours if `color` is set. Charts are left out.
    pub fn terminal(&self, color: bool) -> String {
        let paint = Paint { color };
        let mut out = String::new();
        if !self.subject.is_empty() {
            let subject = paint.with(Shade::Bold, &clean(&self.subject));
            let _ = writeln!(out, "{subject} {}", clean(&self.about));
        }
        blocks(&mut out, &self.opening, paint);
        for section in &self.sections {
            let mut content = String::new();
            blocks(&mut content, &section.blocks, paint);
            // A section of charts alone.
            if content.is_empty() && !section.blocks.is_empty() {
                continue;
            }
            let title = paint.with(Shade::Bold, &clean(&section.title));
            let _ = writeln!(out, "\n  {title}");
            if !section.lead.is_empty() {
                let _ = writeln!(out, "  {}", clean(&section.lead));
            }
            if !content.is_empty() {
                out.push('\n');
                out.push_str(&content);
            }
        }
        blocks(&mut out, &self.closing, paint);
        out.push('\n');
        for reason in &self.reasons {
            let _ = writeln!(out, "  because {}", clean(reason));
        }
        if !self.next.is_empty() {
            let _ = writeln!(out, "  next: {}", clean(&self.next));
        }
        for tag in &self.tags {
            let _ = writeln!(out, "  {}", clean(tag));
        }
        match (&self.verdict, self.lead.as_str()) {
            (Some(verdict), _) => {
                let status = paint.with(shade(verdict.tone), &clean(&verdict.status));
                let _ = writeln!(out, "{status}: {}", clean(&self.title));
            }
            (None, "") => {
                let _ = writeln!(out, "{}", clean(&self.title));
            }
            (None, lead) => {
                let _ = writeln!(out, "{}. {}", clean(&self.title), clean(lead));
            }
        }
        out
    }
}

fn shade(tone: Tone) -> Shade {
    match tone {
        Tone::Good => Shade::Green,
        Tone::Caution => Shade::Yellow,
        Tone::Bad => Shade::Red,
    }
}

/// Writes blocks, a blank line before each. Notes that follow each other are one paragraph.
fn blocks(out: &mut String, blocks: &[Block], paint: Paint) {
    let mut follows_note = false;
    for each in blocks {
        let text = block(each, paint);
        if text.is_empty() {
            continue;
        }
        let is_note = matches!(each, Block::Note(_));
        if !(out.is_empty() || is_note && follows_note) {
            out.push('\n');
        }
        out.push_str(&text);
        follows_note = is_note;
    }
}

fn block(block: &Block, paint: Paint) -> String {
    let line = |text: &str| format!("  {text}\n");
    match block {
        Block::Text(text) => line(&clean(text)),
        Block::Note(text) => line(&paint.with(Shade::Dim, &clean(text))),
        Block::Heading(text) => line(&paint.with(Shade::Bold, &clean(text))),
        Block::List(items) => items.iter().map(|item| line(&clean(item))).collect(),
        Block::Code(code) => output(code),
        Block::Facts(facts) => {
            let longest = facts.iter().map(|fact| fact.name.chars().count()).max();
            let width = longest.unwrap_or(0).max(LABEL_WIDTH_MIN);
            let facts = facts.iter().map(|fact| labelled(fact, width, paint));
            facts.collect()
        }
        Block::Numbers(numbers) => {
            let numbers = numbers.iter();
            numbers
                .map(|number| line(&format!("{} {} {}", number.name, number.value, number.note)))
                .collect()
        }
        Block::Judgements(judgements) => judgements.iter().map(|own| judged(own, paint)).collect(),
        Block::Finding(finding) => {
            let mut out = line(&paint.with(Shade::Bold, &clean(&finding.title)));
            for text in finding.evidence.iter().chain([&finding.advice]) {
                let _ = writeln!(out, "    {}", clean(text));
            }
            out
        }
        Block::Sample(sample) => response(sample, paint),
        Block::Table(table) => table::render(&table.head, &table.rows),
        Block::Runs(runs) => {
            let table = runs.table();
            table::render(&table.head, &table.rows)
        }
        Block::Forest(forest) => {
            let head = ["metric"].into_iter().chain(forest.head.iter().copied());
            let head: Vec<String> = head.map(str::to_owned).collect();
            let rows = forest.rows.iter().map(|row| {
                let name = [row.judgement.name.clone()].into_iter();
                name.chain(row.cells.iter().cloned()).collect()
            });
            let mut out = table::render(&head, &rows.collect::<Vec<_>>());
            out.push('\n');
            let judgements = forest.rows.iter().map(|row| judged(&row.judgement, paint));
            out.extend(judgements);
            out
        }
        Block::Details(title, inner) => {
            let mut out = line(&paint.with(Shade::Bold, &clean(title)));
            blocks(&mut out, inner, paint);
            out
        }
        Block::File(name) => line(&clean(name)),
        Block::Chart(_) | Block::Curves(_) => String::new(),
    }
}

fn output(code: &Code) -> String {
    let lines: Vec<&str> = code.text.lines().collect();
    let from = match code.kind {
        CodeKind::Output => lines.len().saturating_sub(OUTPUT_LINES_MAX),
        CodeKind::Command | CodeKind::File => 0,
    };
    lines
        .iter()
        .skip(from)
        .map(|line| format!("    {}\n", clean(line)))
        .collect()
}

/// Returns a fact on one line, and what more it says on lines below. Its text begins after a label of `width` characters.
fn labelled(fact: &Fact, width: usize, paint: Paint) -> String {
    let text = clean(&fact.text);
    let text = fact.tone.map_or_else(
        || text.clone(),
        |tone| paint.with(shade(tone), text.as_str()),
    );
    let mut out = format!("  {:<width$} {text}\n", clean(&fact.name));
    for line in &fact.more {
        let _ = writeln!(out, "  {:<width$} {}", "", clean(line));
    }
    out
}

fn judged(judgement: &Judgement, paint: Paint) -> String {
    let outcome = format!("{} {:<10}", judgement.sign, judgement.word);
    format!(
        "  {} {}   {}\n",
        paint.with(shade(judgement.tone), &outcome),
        clean(&judgement.name),
        paint.with(Shade::Dim, &clean(&judgement.reason))
    )
}

fn response(sample: &Sample, paint: Paint) -> String {
    let mut more = vec![sample.reason.clone()];
    if let Some((_, body)) = &sample.response
        && !body.trim().is_empty()
    {
        // A body is one line here: its own line breaks say nothing.
        let body = body.split_whitespace().collect::<Vec<_>>().join(" ");
        more.push(body.chars().take(BODY_CHARS_MAX).collect());
    }
    let fact = Fact {
        more,
        ..Fact::new("sample", &sample.title)
    };
    labelled(&fact, LABEL_WIDTH_MIN, paint)
}

/// Replaces control characters, with which a scenario or a service could move the cursor or change colours.
fn clean(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect()
}
