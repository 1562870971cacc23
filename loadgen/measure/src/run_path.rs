//! Default directory of a run.

use std::path::{Path, PathBuf};

/// Returns a path below `parent` that does not exist, named after the time (UTC) and the scenario.
///
/// Characters of `scenario` other than ASCII letters, digits, `-`, `_` and `.` become `-`.
pub fn default_path(parent: &str, scenario: &str) -> PathBuf {
    let time = jiff::Timestamp::now().strftime("%Y%m%dT%H%M%SZ");
    let name: String = scenario
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || "-_.".contains(c) {
                c
            } else {
                '-'
            }
        })
        .collect();
    // Two runs may start within the same second.
    let suffixes = std::iter::once(String::new()).chain((2..).map(|n: u32| format!("-{n}")));
    suffixes
        .map(|suffix| Path::new(parent).join(format!("{time}-{name}{suffix}")))
        .find(|path| !path.exists())
        .unwrap_or_else(|| Path::new(parent).join(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replaces_separators_in_scenario_names() {
        let path = default_path("runs", "a/b c");
        assert_eq!(path.parent(), Some(Path::new("runs")));
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        assert!(name.ends_with("Z-a-b-c"), "{name}");
    }
}
