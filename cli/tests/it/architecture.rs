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

/// The folders of a crate that import one another: `use crate::ROOM` in a file of another room.
///
/// A room is a folder of `src` with its file of the same name. Tests are left out: what follows `#[cfg(test)]` in a
/// file, and files named `tests.rs` or in a folder `tests`.
fn imports(src: &Path) -> Graph {
    let mut rooms = BTreeMap::new();
    let mut folders = vec![src.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_stem().unwrap().to_str().unwrap();
            if name == "tests" {
            } else if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let inside = path.strip_prefix(src).unwrap();
                let first = Path::new(inside.iter().next().unwrap());
                rooms.insert(
                    path.clone(),
                    first.file_stem().unwrap().to_str().unwrap().to_owned(),
                );
            }
        }
    }
    let is_folder = |room: &str| src.join(room).is_dir();
    let mut graph = Graph::new();
    for (path, room) in rooms.iter().filter(|(_, room)| is_folder(room)) {
        let text = std::fs::read_to_string(path).unwrap();
        let code = text.split("#[cfg(test)]").next().unwrap();
        let uses = graph.entry(room.clone()).or_default();
        for line in code
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"))
        {
            for rest in line.split("crate::").skip(1) {
                let name: String = rest
                    .chars()
                    .take_while(|c| c.is_alphanumeric() || *c == '_')
                    .collect();
                if name != *room && is_folder(&name) {
                    uses.insert(name);
                }
            }
        }
    }
    graph
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
