//! Manifests of the crates that are published: what crates.io and docs.rs show of them.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

use std::fs;
use std::path::{Path, PathBuf};

use crate::architecture::{Member, members, root};

fn published() -> Vec<Member> {
    let public = |member: &Member| {
        let package = &member.manifest["package"];
        package.get("publish").and_then(toml::Value::as_bool) != Some(false)
    };
    members().into_iter().filter(public).collect()
}

#[test]
fn everything_but_the_benchmarks_is_published() {
    let all = members();
    let public: Vec<String> = published().into_iter().map(|member| member.name).collect();
    let private: Vec<String> = all
        .into_iter()
        .map(|member| member.name)
        .filter(|name| !public.contains(name))
        .collect();
    assert_eq!(private, ["tenfold-bench"]);
}

#[test]
fn published_crates_describe_themselves() {
    for member in published() {
        let (name, package) = (&member.name, &member.manifest["package"]);
        for inherited in ["version", "license", "keywords", "categories", "include"] {
            let value = package
                .get(inherited)
                .and_then(|value| value.get("workspace"));
            assert!(value.is_some(), "{name}: {inherited}");
        }
        let description = package["description"].as_str().unwrap();
        assert!(
            !description.ends_with('.') && description.len() > 20,
            "{name}: {description}"
        );
        assert_eq!(
            package["documentation"].as_str(),
            Some(&*format!("https://docs.rs/{name}"))
        );
        let docs = &package["metadata"]["docs"]["rs"];
        assert_eq!(docs["all-features"].as_bool(), Some(true), "{name}");
        assert_eq!(
            docs["targets"][0].as_str(),
            Some("x86_64-unknown-linux-gnu"),
            "{name}"
        );
        let readme = fs::read_to_string(member.folder.join("README.md")).unwrap();
        let title = readme.lines().next().unwrap().trim_start_matches("# ");
        assert_eq!(title.to_lowercase(), *name);
        let license = fs::read(member.folder.join("LICENSE")).unwrap();
        assert!(
            license == fs::read(root().join("LICENSE")).unwrap(),
            "{name}"
        );
    }
}

#[test]
fn published_crates_ask_for_this_version_of_each_other() {
    let workspace = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let workspace: toml::Table = workspace.parse().unwrap();
    let version = workspace["workspace"]["package"]["version"]
        .as_str()
        .unwrap();
    let dependencies = workspace["workspace"]["dependencies"].as_table().unwrap();
    let own = dependencies
        .iter()
        .filter(|(name, _)| name.starts_with("tenfold-"));
    let own: Vec<_> = own.collect();
    assert_eq!(own.len(), published().len() - 1, "all but the binary");
    for (name, dependency) in own {
        assert_eq!(
            dependency["version"].as_str(),
            Some(&*format!("={version}")),
            "{name}"
        );
    }
    for member in published() {
        let tables = ["dependencies", "build-dependencies"];
        for table in tables
            .iter()
            .filter_map(|table| member.manifest.get(*table))
        {
            for (name, dependency) in table.as_table().unwrap() {
                assert!(dependency.get("path").is_none(), "{}: {name}", member.name);
            }
        }
    }
}

/// The files that a package has: the patterns of `include`, each a folder, a file or `/*` with the end of a name.
fn packed() -> Vec<String> {
    let workspace = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let workspace: toml::Table = workspace.parse().unwrap();
    let patterns = workspace["workspace"]["package"]["include"]
        .as_array()
        .unwrap();
    let text = |pattern: &toml::Value| pattern.as_str().unwrap().to_owned();
    patterns.iter().map(text).collect()
}

/// Returns whether a package with these patterns has a file, whose path begins at the crate's folder.
fn is_packed(path: &Path, patterns: &[String]) -> bool {
    patterns.iter().any(|pattern| {
        let pattern = pattern.trim_start_matches('/');
        match pattern.strip_prefix('*') {
            Some(end) => {
                path.iter().count() == 1 && path.to_str().is_some_and(|name| name.ends_with(end))
            }
            None => path.starts_with(pattern),
        }
    })
}

/// Paths in `include_str!` and `include_bytes!` of a crate's sources that its package lacks.
fn includes_outside(folder: &Path, patterns: &[String]) -> Vec<String> {
    let mut outside = Vec::new();
    let mut folders = vec![folder.join("src")];
    while let Some(inner) = folders.pop() {
        for path in fs::read_dir(&inner)
            .unwrap()
            .map(|entry| entry.unwrap().path())
        {
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = fs::read_to_string(&path).unwrap_or_default();
            let inner = inner.strip_prefix(folder).unwrap();
            let includes = text.split("include_").skip(1);
            let paths = includes
                .filter(|rest| rest.starts_with("str!") || rest.starts_with("bytes!"))
                .filter_map(|rest| rest.split('"').nth(1));
            let is_outside = |included: &&str| {
                let up = included.matches("../").count();
                let Some(base) = inner.ancestors().nth(up) else {
                    return true;
                };
                !is_packed(&base.join(included.trim_start_matches("../")), patterns)
            };
            let left = paths.filter(is_outside);
            outside.extend(left.map(|included| format!("{}: {included}", path.display())));
        }
    }
    outside
}

#[test]
fn packages_have_every_file_that_their_sources_include() {
    let patterns = packed();
    let folders = published().into_iter().map(|member| member.folder);
    let outside: Vec<String> = folders
        .flat_map(|folder| includes_outside(&folder, &patterns))
        .collect();
    assert!(outside.is_empty(), "{}", outside.join("\n"));
}

#[test]
fn includes_that_are_not_packed_are_found() {
    let place = tempfile::tempdir().unwrap();
    let source: PathBuf = place.path().join("src/inner");
    fs::create_dir_all(&source).unwrap();
    let text = r#"const A: &str = include_str!("../../a.toml"); const B: &[u8] = include_bytes!("../../../b");
        const C: &str = include_str!("../../c.json"); const D: &str = include_str!("../d.css");"#;
    fs::write(source.join("file.rs"), text).unwrap();
    let patterns = ["/src", "/*.toml"].map(str::to_owned);
    let found = includes_outside(place.path(), &patterns);
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[0].ends_with("../../../b"), "{found:?}");
    assert!(found[1].ends_with("../../c.json"), "{found:?}");
}
