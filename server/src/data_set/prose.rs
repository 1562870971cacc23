//! Text of a data set: Markdown posts with their HTML.

use rand::{Rng, RngExt};

use super::{Stream, stream};
use crate::model::CONTENT_BYTES_MAX;

/// Number of blocks to choose from.
const BLOCKS: usize = 2_048;
/// Share of paragraphs among the blocks, in 1/16.
const PARAGRAPHS: u32 = 10;
/// Maximum number of blocks that may not fit before a post is complete.
const TRIES_MAX: u32 = 6;
/// Placeholder for the number of the post.
const NUMBER: &str = "0000000000";

const WORDS: &[&str] = &[
    "autumn",
    "balance",
    "bicycle",
    "bread",
    "bridge",
    "cache",
    "candle",
    "castle",
    "chart",
    "cloud",
    "coffee",
    "copper",
    "corner",
    "cotton",
    "dinner",
    "engine",
    "evening",
    "family",
    "forest",
    "garden",
    "glass",
    "harbour",
    "holiday",
    "island",
    "journey",
    "kitchen",
    "ladder",
    "letter",
    "library",
    "market",
    "meadow",
    "mirror",
    "morning",
    "mountain",
    "music",
    "narrow",
    "needle",
    "nobody",
    "notebook",
    "ocean",
    "orange",
    "orchard",
    "paper",
    "pencil",
    "people",
    "picture",
    "planet",
    "pocket",
    "question",
    "quiet",
    "rabbit",
    "railway",
    "rather",
    "reason",
    "river",
    "road",
    "season",
    "second",
    "shadow",
    "silver",
    "simple",
    "sister",
    "slowly",
    "something",
    "station",
    "still",
    "stone",
    "story",
    "street",
    "summer",
    "table",
    "theatre",
    "through",
    "together",
    "tomorrow",
    "tower",
    "train",
    "travel",
    "under",
    "valley",
    "village",
    "walking",
    "water",
    "weather",
    "window",
    "winter",
    "without",
    "wonder",
    "yellow",
    "yesterday",
];

/// Blocks of Markdown, each rendered once. Posts combine blocks, so that a hundred thousand posts take no
/// more rendering than two thousand blocks.
#[derive(Debug)]
pub(super) struct Prose {
    title: Block,
    blocks: Vec<Block>,
}

#[derive(Debug)]
struct Block {
    markdown: String,
    html: String,
    is_list: bool,
}

impl Prose {
    pub(super) fn new(seed: u64, render: fn(&str) -> String) -> Self {
        let mut rng = stream(seed, Stream::Blocks);
        let rendered = |(markdown, is_list): (String, bool)| Block {
            html: render(&markdown),
            markdown,
            is_list,
        };
        Self {
            title: rendered((format!("## Note {NUMBER}"), false)),
            blocks: (0..BLOCKS).map(|_| rendered(block(&mut rng))).collect(),
        }
    }

    /// Returns the Markdown of a post, about 1 KB and within the limit, and its HTML.
    pub(super) fn post(&self, number: u64, rng: &mut impl Rng) -> (String, String) {
        let digits = format!("{number:010}");
        let mut markdown = self.title.markdown.replacen(NUMBER, &digits, 1);
        let mut html = self.title.html.replace(NUMBER, &digits);
        let mut after_list = false;
        let mut tries = 0;
        while tries < TRIES_MAX {
            let block = &self.blocks[rng.random_range(0..BLOCKS as u32) as usize];
            // Markdown would merge two adjacent lists.
            let fits = markdown.len() + 2 + block.markdown.len() <= CONTENT_BYTES_MAX;
            if !fits || (block.is_list && after_list) {
                tries += 1;
                continue;
            }
            markdown.push_str("\n\n");
            markdown.push_str(&block.markdown);
            html.push_str(&block.html);
            after_list = block.is_list;
        }
        (markdown, html)
    }
}

/// Generates a block of Markdown; true if it is a list.
fn block(rng: &mut impl Rng) -> (String, bool) {
    match rng.random_range(0..16) {
        kind if kind < PARAGRAPHS => (paragraph(rng), false),
        kind if kind < PARAGRAPHS + 2 => {
            let items: Vec<String> = (0..3).map(|_| format!("- {}", words(rng, 4))).collect();
            (items.join("\n"), true)
        }
        kind if kind < PARAGRAPHS + 4 => (format!("> {}", sentence(rng)), false),
        kind if kind < PARAGRAPHS + 5 => (format!("### {}", words(rng, 4)), false),
        _ => (
            format!("```\n{} = {}\n```", words(rng, 1), words(rng, 3)),
            false,
        ),
    }
}

fn paragraph(rng: &mut impl Rng) -> String {
    let (before, after) = (sentence(rng), sentence(rng));
    let middle = match rng.random_range(0..4) {
        0 => format!("*{}*", words(rng, 2)),
        1 => format!("**{}**", words(rng, 2)),
        2 => format!("`{}`", words(rng, 1)),
        _ => format!("[{}](https://example.org/{})", words(rng, 2), words(rng, 1)),
    };
    format!("{before} {middle} {after}")
}

fn sentence(rng: &mut impl Rng) -> String {
    let count = rng.random_range(5..10);
    let mut sentence = words(rng, count);
    sentence[..1].make_ascii_uppercase();
    sentence.push('.');
    sentence
}

fn words(rng: &mut impl Rng, count: u32) -> String {
    let words: Vec<&str> = (0..count)
        .map(|_| WORDS[rng.random_range(0..WORDS.len() as u32) as usize])
        .collect();
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use rand_pcg::Pcg64Mcg;

    use super::*;
    use crate::markdown;

    /// Joining rendered blocks must equal rendering the joined blocks.
    #[test]
    fn joined_blocks_equal_rendered_post() {
        let prose = Prose::new(42, markdown::render);
        let mut rng = Pcg64Mcg::new(1);
        for number in 1..=500 {
            let (content, html) = prose.post(number, &mut rng);
            assert_eq!(html, markdown::render(&content), "{content}");
        }
    }

    #[test]
    fn posts_have_about_one_kilobyte() {
        let prose = Prose::new(42, |markdown| markdown.to_owned());
        let mut rng = Pcg64Mcg::new(1);
        let sizes: Vec<usize> = (1..=2_000)
            .map(|number| prose.post(number, &mut rng).0.len())
            .collect();
        assert!(sizes.iter().all(|size| *size <= CONTENT_BYTES_MAX));
        let mean = sizes.iter().sum::<usize>() as f64 / sizes.len() as f64;
        assert!((950.0..=1_024.0).contains(&mean), "{mean}");
    }
}
