//! Every relative link and image of the documentation points to a file or folder of the repository.

use std::fs;
use std::path::{Path, PathBuf};

/// Returns the Markdown files below a folder.
fn pages_below(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("the folder exists");
    let paths = entries.map(|entry| entry.expect("the folder can be read").path());
    paths
        .flat_map(|path| match path.is_dir() {
            true => pages_below(&path),
            false => vec![path],
        })
        .filter(|path| path.extension().is_some_and(|extension| extension == "md"))
        .collect()
}

/// Returns the relative links and images of a page, without fragments. Skips code.
fn relative_links(text: &str) -> Vec<String> {
    let blocks = text.split("\n```").step_by(2);
    let prose: String = blocks
        .flat_map(|block| block.split('`').step_by(2))
        .collect();
    let ends = prose.split("](").skip(1);
    ends.filter_map(|rest| rest.split_once(')'))
        .filter_map(|(link, _)| link.split('#').next())
        .filter(|link| !link.is_empty() && !link.contains("://") && !link.starts_with("mailto:"))
        .map(str::to_owned)
        .collect()
}

#[test]
fn relative_links_resolve() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut pages = pages_below(&root.join("docs"));
    pages.extend(["README.md", "ARCHITECTURE.md", "CHANGELOG.md"].map(|name| root.join(name)));
    let (mut links, mut broken) = (0, Vec::new());
    for page in &pages {
        let text = fs::read_to_string(page).expect("the page can be read");
        for link in relative_links(&text) {
            links += 1;
            if !page.with_file_name(&link).exists() {
                broken.push(format!("{}: {link}", page.display()));
            }
        }
    }
    assert!(links > 40, "found only {links} links");
    assert!(broken.is_empty(), "broken links:\n{}", broken.join("\n"));
}

#[test]
fn finds_links_outside_code() {
    let text = "[a](b.md#c) ![d](e/f.png)\n```\n[g](h.md)\n```\n`[i](j.md)` [`k`](l.md) [m](https://n) [o](#p)";
    assert_eq!(relative_links(text), ["b.md", "e/f.png", "l.md"]);
}
