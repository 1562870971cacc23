//! Files that make a release: the workflow is pinned and has few permissions, and the image runs as an ordinary user.

use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use saphyr::{LoadableYamlNode as _, Yaml};

use crate::architecture::root;
use crate::ci_files::{at, text};

fn read(name: &str) -> String {
    let path = root().join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn actions_are_pinned_to_a_commit_with_its_version() {
    let workflow = read(".github/workflows/release.yml");
    let uses = workflow
        .lines()
        .filter_map(|line| line.split_once("uses: "));
    let mut pinned = 0;
    for (_, action) in uses {
        let (commit, version) = action
            .split_once(" # v")
            .unwrap_or_else(|| panic!("{action}"));
        let (_, commit) = commit.split_once('@').unwrap();
        assert!(commit.len() == 40 && commit.chars().all(|digit| digit.is_ascii_hexdigit()));
        assert_eq!(version.split('.').count(), 3, "{action}");
        pinned += 1;
    }
    assert!(pinned >= 5, "found {pinned} actions");
}

/// Write permissions of each job. Anything else is an error.
const MAY_WRITE: [(&str, &[&str]); 4] = [
    ("build", &[]),
    ("files", &["contents", "id-token", "attestations"]),
    ("image", &["packages"]),
    ("crates", &["id-token"]),
];

#[test]
fn jobs_have_the_least_permissions() {
    let workflow = read(".github/workflows/release.yml");
    let documents = Yaml::load_from_str(&workflow).unwrap();
    let yaml = &documents[0];
    assert!(at(yaml, &["permissions"]).as_mapping().unwrap().is_empty());
    let jobs = at(yaml, &["jobs"]).as_mapping().unwrap();
    assert_eq!(jobs.len(), MAY_WRITE.len());
    for (job, writes) in MAY_WRITE {
        let permissions = at(yaml, &["jobs", job, "permissions"])
            .as_mapping()
            .unwrap();
        let granted = permissions
            .iter()
            .filter(|(_, level)| text(level) == "write");
        let granted: Vec<String> = granted.map(|(permission, _)| text(permission)).collect();
        assert_eq!(granted, writes, "{job}");
        for step in at(yaml, &["jobs", job, "steps"]).as_sequence().unwrap() {
            let run = step.as_mapping_get("run").map(text).unwrap_or_default();
            assert!(
                !run.contains("${{"),
                "{job}: an expression in a script: {run}"
            );
        }
    }
}

#[test]
fn workflow_runs_scripts_that_exist() {
    let workflow = read(".github/workflows/release.yml");
    let scripts = workflow.split("scripts/release").count() - 1;
    assert!(scripts >= 2);
    for script in ["scripts/release", "scripts/packaging/verify"] {
        let mode = std::fs::metadata(root().join(script))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o111, 0o111, "{script} is not executable");
    }
    let unknown = Command::new(root().join("scripts/release"))
        .arg("--verfy")
        .output()
        .unwrap();
    assert_eq!(unknown.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&unknown.stderr).contains("unknown option --verfy"));
}

#[test]
fn image_runs_tenfold_as_an_ordinary_user() {
    let file = read("Containerfile");
    let (_, last) = file.rsplit_once("\nFROM ").unwrap();
    let value = |instruction: &str| {
        let mut lines = last
            .lines()
            .filter_map(|line| line.strip_prefix(instruction));
        lines
            .next_back()
            .unwrap_or_else(|| panic!("no {instruction}"))
            .trim()
    };
    assert!(last.starts_with("scratch\n"));
    let (user, group) = value("USER").split_once(':').unwrap();
    assert!(user.parse::<u32>().unwrap() > 0 && group.parse::<u32>().unwrap() > 0);
    assert_eq!(value("ENTRYPOINT"), r#"["tenfold"]"#);
}
