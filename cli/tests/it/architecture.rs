//! The rules between rooms: which crate may depend on which, and no import cycle between the folders of a crate.
//!
//! The allowed dependencies are read from the table in ARCHITECTURE.md, so that the page stays true.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// A directed graph by name.
type Graph = BTreeMap<String, BTreeSet<String>>;

pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// A crate of the workspace: its name, folder and manifest.
pub(crate) struct Member {
    pub(crate) name: String,
    pub(crate) folder: PathBuf,
    pub(crate) manifest: toml::Table,
}

pub(crate) fn members() -> Vec<Member> {
    let read = |path: PathBuf| -> toml::Table {
        let text = std::fs::read_to_string(&path).unwrap();
        text.parse()
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    };
    let workspace = read(root().join("Cargo.toml"));
    let folders = workspace["workspace"]["members"].as_array().unwrap();
    let member = |folder: &toml::Value| {
        let folder = root().join(folder.as_str().unwrap());
        let manifest = read(folder.join("Cargo.toml"));
        let name = manifest["package"]["name"].as_str().unwrap().to_owned();
        Member {
            name,
            folder,
            manifest,
        }
    };
    folders.iter().map(member).collect()
}

/// The crates of the workspace that `member` depends on, except for its tests.
fn dependencies(member: &Member) -> BTreeSet<String> {
    let Some(table) = member.manifest.get("dependencies") else {
        return BTreeSet::new();
    };
    let names = table.as_table().unwrap().keys();
    names
        .filter(|name| name.starts_with("tenfold-"))
        .cloned()
        .collect()
}

/// The table of ARCHITECTURE.md: a crate in the second column, the crates that it may depend on in the last.
fn allowed() -> Graph {
    let text = std::fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    let names = |cell: &str| -> BTreeSet<String> {
        let quoted = cell.split('`').skip(1).step_by(2);
        quoted
            .filter(|name| *name == "tenfold" || name.starts_with("tenfold-"))
            .map(str::to_owned)
            .collect()
    };
    let mut graph = Graph::new();
    for line in text.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<&str> = line.trim_matches('|').split('|').collect();
        let [_, own, .., uses] = cells.as_slice() else {
            continue;
        };
        if let Some(own) = names(own).pop_first() {
            graph.insert(own, names(uses));
        }
    }
    graph
}

#[test]
fn crates_depend_on_what_the_architecture_allows() {
    let allowed = allowed();
    let actual: Graph = members()
        .iter()
        .map(|member| (member.name.clone(), dependencies(member)))
        .collect();
    assert_eq!(
        actual, allowed,
        "left: Cargo.toml files; right: the table in ARCHITECTURE.md"
    );
}

/// The folders of a crate that import one another, by `use` or in an expression, through `crate::` or `super::`.
///
/// A room is a folder of `src` with its file of the same name. Tests are left out: modules under `#[cfg(test)]`, and
/// files named `tests.rs` or in a folder `tests`.
fn imports(src: &Path) -> Graph {
    let mut files = Vec::new();
    let mut folders = vec![src.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_stem().unwrap().to_str().unwrap();
            if name == "tests" {
            } else if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
    }
    let is_folder = |room: &str| src.join(room).is_dir();
    let mut graph = Graph::new();
    for path in &files {
        let module = module(path.strip_prefix(src).unwrap());
        let Some(room) = module.first().filter(|room| is_folder(room)) else {
            continue;
        };
        let text = std::fs::read_to_string(path).unwrap();
        let named = rooms_named(&without_tests(&text), &module);
        let others = named.into_iter().filter(|own| own != room);
        let uses = graph.entry(room.clone()).or_default();
        uses.extend(others.filter(|own| is_folder(own)));
    }
    graph
}

/// The path of the module in a file: `["http", "exchange"]` for `http/exchange.rs`.
fn module(file: &Path) -> Vec<String> {
    let path = file.with_extension("");
    let parts = path.iter().map(|part| part.to_str().unwrap().to_owned());
    parts
        .filter(|part| !["mod", "lib", "main"].contains(&part.as_str()))
        .collect()
}

/// The text without comments, and without what `#[cfg(test)]` stands before: a module in braces, or an item up to its
/// semicolon or closing brace.
fn without_tests(text: &str) -> String {
    let mut kept = String::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if line.trim_start().starts_with("//") {
            continue;
        }
        if line.trim() != "#[cfg(test)]" {
            kept.push_str(line);
            kept.push('\n');
            continue;
        }
        // rustfmt indents the last line of an item as its first.
        let indent = &line[..line.len() - line.trim_start().len()];
        let mut is_open = false;
        for line in lines.by_ref() {
            let Some(line) = line.strip_prefix(indent) else {
                continue;
            };
            let opens = line.ends_with(['{', '(', '[']);
            let is_attribute = line.starts_with(['#', '/']) || line == ")]";
            let is_inside = line.is_empty() || line.starts_with(' ');
            let is_end = match is_open {
                true => line.starts_with(['}', ')', ']']),
                false => !is_attribute,
            };
            if is_end && !is_inside {
                if !opens {
                    break;
                }
                is_open = true;
            }
        }
    }
    kept
}

/// The first part below the crate of every path that begins with `crate::` or `super::`, in the code of a module.
fn rooms_named(code: &str, module: &[String]) -> BTreeSet<String> {
    let mut named = BTreeSet::new();
    for (at, _) in code.match_indices("crate::") {
        named.extend(heads(&code[at + "crate::".len()..]));
    }
    for (at, _) in code.match_indices("super::") {
        let is_first = !code[..at].ends_with("super::");
        if !is_first {
            continue;
        }
        let mut rest = &code[at..];
        let mut above = 0;
        while let Some(inner) = rest.strip_prefix("super::") {
            (above, rest) = (above + 1, inner);
        }
        // Within a module in braces, a path leads less far up than its file says, which names a room too many at most.
        match module.len().checked_sub(above) {
            Some(0) => named.extend(heads(rest)),
            Some(left) => named.extend(module[..left].first().cloned()),
            None => {}
        }
    }
    named
}

/// The names with which a path begins: one, or those in its braces.
fn heads(path: &str) -> Vec<String> {
    let name = |text: &str| -> String {
        let is_part = |c: &char| c.is_alphanumeric() || *c == '_';
        text.trim_start().chars().take_while(is_part).collect()
    };
    let Some(group) = path.strip_prefix('{') else {
        return vec![name(path)];
    };
    let mut names = vec![name(group)];
    let mut depth = 0;
    for (at, sign) in group.char_indices() {
        match sign {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => names.push(name(&group[at + 1..])),
            _ => {}
        }
    }
    names
}

/// A cycle of `graph`, if it has one.
fn cycle(graph: &Graph) -> Option<Vec<String>> {
    fn visit(
        graph: &Graph,
        node: &str,
        path: &mut Vec<String>,
        done: &mut BTreeSet<String>,
    ) -> bool {
        if let Some(at) = path.iter().position(|seen| seen == node) {
            path.drain(..at);
            return true;
        }
        if done.contains(node) {
            return false;
        }
        path.push(node.to_owned());
        for next in graph.get(node).into_iter().flatten() {
            if visit(graph, next, path, done) {
                return true;
            }
        }
        path.pop();
        done.insert(node.to_owned());
        false
    }
    let mut done = BTreeSet::new();
    graph.keys().find_map(|node| {
        let mut path = Vec::new();
        visit(graph, node, &mut path, &mut done).then_some(path)
    })
}

#[test]
fn folders_import_each_other_without_cycles() {
    let mut cycles = Vec::new();
    for member in members() {
        if let Some(found) = cycle(&imports(&member.folder.join("src"))) {
            cycles.push(format!("{}: {}", member.name, found.join(" -> ")));
        }
    }
    assert!(cycles.is_empty(), "{}", cycles.join("\n"));
}

/// The folders of the generator in the order of the table in ARCHITECTURE.md, from top to bottom.
fn layers() -> Vec<String> {
    let text = std::fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    let (_, table) = text
        .split_once("a folder imports only folders below it")
        .unwrap();
    let rows = table.lines().skip(1).skip_while(|line| line.is_empty());
    rows.take_while(|line| line.starts_with('|'))
        .filter_map(|row| row.strip_prefix("| `")?.split_once("/`"))
        .map(|(folder, _)| folder.to_owned())
        .collect()
}

#[test]
fn folders_of_the_generator_import_only_folders_below() {
    let layers = layers();
    let imports = imports(&root().join("loadgen/src"));
    let with_folder: BTreeSet<&String> = imports.keys().collect();
    assert_eq!(
        layers.iter().collect::<BTreeSet<_>>(),
        with_folder,
        "left: the table in ARCHITECTURE.md; right: folders of loadgen/src"
    );
    let place = |room: &String| layers.iter().position(|layer| layer == room);
    for (room, uses) in &imports {
        for used in uses {
            assert!(
                place(used) > place(room),
                "`{room}` imports `{used}`, which is not below it"
            );
        }
    }
}

#[test]
fn imports_in_braces_and_through_super_are_found() {
    let code = "use crate::{a, b::{c, d}, e as f};\n\
                // use crate::comment;\n\
                #[cfg(test)]\n\
                mod tests {\n    use crate::g;\n}\n\
                #[cfg(test)]\n\
                #[expect(\n    lint,\n)]\n\
                fn helper(\n    one: X,\n) -> Y {\n    crate::m::n()\n}\n\
                #[cfg(test)]\n\
                use crate::h;\n\
                use super::super::i::j;\n\
                use super::sibling;\n\
                fn after() { crate::k::l() }\n";
    let module = ["room", "file"].map(str::to_owned);
    let named = rooms_named(&without_tests(code), &module);
    let expected = ["a", "b", "e", "i", "k", "room"].map(str::to_owned);
    assert_eq!(named, BTreeSet::from(expected));
}

#[test]
fn finds_a_cycle() {
    let graph = |edges: &[(&str, &[&str])]| -> Graph {
        let own = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        edges
            .iter()
            .map(|(from, to)| ((*from).to_owned(), own(to)))
            .collect()
    };
    assert_eq!(
        cycle(&graph(&[("a", &["b"]), ("b", &["c"]), ("c", &[])])),
        None
    );
    let found = cycle(&graph(&[("a", &["b"]), ("b", &["c"]), ("c", &["b"])]));
    assert_eq!(found, Some(vec!["b".to_owned(), "c".to_owned()]));
}
