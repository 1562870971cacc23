//! Every scenario in the documentation is valid.

use std::path::Path;

use tenfold_scenarios::Scenario;

pub(crate) const PAGE: &str = include_str!("../../../docs/scenarios.md");

/// The page of whole journeys.
pub(crate) const SERVICES: &str = include_str!("../../../docs/services.md");

/// Returns the TOML blocks of a page, with the line at which each begins.
pub(crate) fn blocks(page: &str) -> Vec<(usize, String)> {
    let mut blocks = Vec::new();
    let mut open: Option<(usize, String)> = None;
    for (line, number) in page.lines().zip(1..) {
        match (&mut open, line) {
            (None, "```toml") => open = Some((number, String::new())),
            (Some(_), "```") => blocks.extend(open.take()),
            (Some((_, text)), line) => {
                text.push_str(line);
                text.push('\n');
            }
            (None, _) => {}
        }
    }
    blocks
}

/// Completes a part of a scenario.
pub(crate) fn whole(block: &str) -> String {
    let mut text = String::new();
    if !block.contains("version = ") {
        text.push_str("version = 1\nname = \"docs\"\n");
    }
    text.push_str(block);
    let closed = block.contains("\"closed\"");
    if !block.contains("phases") {
        text.push_str("[[phases]]\nname = \"all\"\nduration = \"1s\"\n");
        text.push_str(match closed {
            true => "kind = \"users\"\n",
            false => "kind = \"constant\"\nrate = \"10/s\"\n",
        });
    }
    if !block.contains("[[requests]]") {
        text.push_str(
            "[[requests]]\nname = \"read post\"\nkind = \"read\"\npath = \"/\"\n\
             [[requests]]\nname = \"create post\"\nkind = \"write\"\npath = \"/\"\n\
             [[requests]]\nname = \"log in\"\nkind = \"write\"\npath = \"/\"\n\
             capture = { token = \"json:/token\" }\n",
        );
    }
    if closed && !block.contains("[[journeys]]") {
        text.push_str("[[journeys]]\nname = \"one\"\nsteps = [\"read post\"]\n");
    }
    text
}

#[test]
fn every_block_of_the_pages_is_valid() {
    for (page, text, least, examples) in [
        ("scenarios.md", PAGE, 10, "examples"),
        ("services.md", SERVICES, 2, "../docs/examples"),
    ] {
        let blocks = blocks(text);
        assert!(blocks.len() >= least, "{page}: {} blocks", blocks.len());
        // Files are found in the folder of the examples.
        let origin = Path::new(env!("CARGO_MANIFEST_DIR")).join(examples);
        for (line, block) in blocks {
            if let Err(error) = Scenario::parse(&whole(&block), &origin.join("docs.toml")) {
                panic!("docs/{page}, the block at line {line}: {error}");
            }
        }
    }
}

/// Returns the text of the README and of all documentation pages.
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
fn pages() -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let docs = std::fs::read_dir(root.join("docs")).unwrap();
    let mut paths: Vec<_> = docs.map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "md"));
    paths.push(root.join("README.md"));
    let texts = paths.iter().map(std::fs::read_to_string);
    texts.map(Result::unwrap).collect()
}

#[test]
fn documented_abort_rules_are_valid() {
    let pages = pages();
    let line = |start: &str| {
        let at = pages
            .find(start)
            .unwrap_or_else(|| panic!("no page has {start}"));
        let rule = &pages[at + 1..];
        rule[..rule.find('`').unwrap()].to_owned()
    };
    let rules = [line("`'errors < 5%, abort"), line("`{ rule = \"errors")];
    let text = format!(
        "version = 1\nname = \"x\"\nrules = [{}]\n[[phases]]\nname = \"all\"\nkind = \"constant\"\n\
         rate = \"10/s\"\nduration = \"1s\"\n[[requests]]\nname = \"r\"\nkind = \"read\"\npath = \"/\"",
        rules.join(", ")
    );
    let scenario =
        Scenario::parse(&text, Path::new("x.toml")).unwrap_or_else(|error| panic!("{error}"));
    let [one, other] = scenario.rules.as_slice() else {
        panic!("{:?}", scenario.rules)
    };
    assert_eq!((&one.text, one.abort), (&other.text, other.abort));
    assert_eq!(one.abort.unwrap().after, std::time::Duration::from_secs(10));
}

#[test]
fn examples_are_valid() {
    for (folder, expected) in [("examples", 5), ("../docs/examples", 3)] {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
        let mut read = 0;
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path
                .extension()
                .is_some_and(|extension| extension == "toml")
            {
                Scenario::read(&path).unwrap_or_else(|error| panic!("{error}"));
                read += 1;
            }
        }
        assert_eq!(read, expected);
    }
}
