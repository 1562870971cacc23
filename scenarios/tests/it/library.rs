//! Scenarios of the library: each is valid and matches its description.

#![expect(clippy::unwrap_used, reason = "a test and its helpers may panic")]

use std::path::{Path, PathBuf};

use tenfold_scenarios::{LIBRARY, Model, Scenario, preview};

pub(crate) fn library() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "toml")
        })
        // The manifest, and the prices of boxes.
        .filter(|path| {
            path.file_name()
                .is_some_and(|name| name != "Cargo.toml" && name != "prices.toml")
        })
        .collect();
    files.sort();
    files
}

fn read(name: &str) -> Scenario {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("{name}.toml"));
    Scenario::read(&path).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn all_are_valid_and_have_previews() {
    let files = library();
    let names = |file: &PathBuf| file.file_stem().unwrap().to_str().unwrap().to_owned();
    let mut compiled_in = LIBRARY.map(|(name, _)| name);
    compiled_in.sort_unstable();
    assert_eq!(files.iter().map(names).collect::<Vec<_>>(), compiled_in);
    for file in files {
        let scenario = Scenario::read(&file).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(file.file_stem().unwrap().to_str().unwrap(), scenario.name);
        assert!(!scenario.description.is_empty() && !scenario.rules.is_empty());
        assert_eq!(
            scenario
                .phases
                .iter()
                .filter(|phase| phase.profiled)
                .count(),
            1
        );
        let preview = preview(&scenario);
        let text = preview.to_string();
        for request in scenario
            .requests
            .iter()
            .filter(|request| request.weight > 0.0)
        {
            assert!(scenario.load.model == Model::Closed || text.contains(&request.name));
        }
        assert!(
            serde_json::to_string(&preview)
                .unwrap()
                .contains(&scenario.name)
        );
    }
}

#[test]
fn uneven_averages_2000_per_second_at_100_to_1() {
    let preview = preview(&read("uneven"));
    let mean = preview.mean_rate_per_s.unwrap();
    assert!((mean - 2000.0).abs() < 2000.0 * 0.01, "{mean}");
    // In the last block, reads come before or after the write by chance: one write more or less.
    let exact = (preview.reads + preview.writes) as f64 / 101.0;
    assert!(
        (preview.writes as f64 - exact).abs() <= 2.0,
        "{} of {exact}",
        preview.writes
    );
}

#[test]
fn ten_million_users_send_40000_reads_and_400_writes() {
    let preview = preview(&read("ten-million-users"));
    assert!(
        (preview.reads as f64 / 60.0 - 40_000.0).abs() < 200.0,
        "{}",
        preview.reads
    );
    assert!(
        (preview.writes as f64 / 60.0 - 400.0).abs() < 2.0,
        "{}",
        preview.writes
    );
}
