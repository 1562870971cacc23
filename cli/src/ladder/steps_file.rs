//! `steps.toml`: the variants of a service, and the commands that start them.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use tenfold_gate::ServiceCommand;
use tenfold_loadgen::HttpVersion;
use tenfold_scenarios::parse_duration;

use crate::exit::UsageError;

/// Most steps of a file.
const STEPS_MAX: usize = 50;

/// A variant of a service.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct FileStep {
    /// Name, unique in the file.
    pub(crate) name: String,
    /// Difference from the step before, in a sentence.
    pub(crate) change: String,
    /// Command that starts it.
    pub(crate) command: ServiceCommand,
    /// Number of equal workers or boxes. `None` if it was not given.
    pub(crate) copies: Option<u32>,
    /// Price in a month. `None` if it was not given.
    pub(crate) price_month: Option<f64>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    version: u32,
    #[serde(default)]
    steps: Vec<Entry>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: String,
    #[serde(default)]
    change: String,
    start: String,
    #[serde(default = "here")]
    directory: PathBuf,
    #[serde(default = "root")]
    ready: String,
    #[serde(default = "half_a_minute")]
    ready_within: String,
    copies: Option<u32>,
    price_month: Option<f64>,
}

fn here() -> PathBuf {
    ".".into()
}

fn root() -> String {
    "/".to_owned()
}

fn half_a_minute() -> String {
    "30s".to_owned()
}

/// Reads a file of steps.
///
/// # Errors
/// If the file can't be read, or a step can't be taken: the message names it.
pub(crate) fn read(path: &Path) -> anyhow::Result<Vec<FileStep>> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| UsageError(format!("could not read {}: {error}", path.display())))?;
    let folder = match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    let folder_of = |steps: Vec<FileStep>| {
        let mut missing = steps.iter().filter(|own| !own.command.directory.is_dir());
        match missing.next() {
            None => Ok(steps),
            Some(step) => Err(format!(
                "step `{}`: {} is not a directory",
                step.name,
                step.command.directory.display()
            )),
        }
    };
    steps(&text, folder).and_then(folder_of).map_err(|reason| {
        UsageError(format!(
            "could not use the steps in {}: {reason}",
            path.display()
        ))
        .into()
    })
}

fn steps(text: &str, folder: &Path) -> Result<Vec<FileStep>, String> {
    let file: File =
        toml::from_str(text).map_err(|error| error.to_string().trim_end().to_owned())?;
    if file.version != 1 {
        return Err(format!("version is {}, but must be 1", file.version));
    }
    if !(1..=STEPS_MAX).contains(&file.steps.len()) {
        return Err(format!(
            "it has {} [[steps]], but must have 1 to {STEPS_MAX}",
            file.steps.len()
        ));
    }
    let mut steps: Vec<FileStep> = Vec::new();
    for entry in file.steps {
        let name = entry.name.trim().to_owned();
        let wrong = |reason: String| format!("step `{name}`: {reason}");
        if name.is_empty() {
            return Err("a step has an empty name".to_owned());
        }
        if steps.iter().any(|own| own.name == name) {
            return Err(wrong("another step has the same name".to_owned()));
        }
        if !entry.start.contains("{port}") {
            return Err(wrong(format!(
                "`{}` does not contain {{port}}, which is replaced by a free port",
                entry.start
            )));
        }
        if !entry.ready.starts_with('/')
            || entry
                .ready
                .contains(|c: char| c.is_whitespace() || c.is_control())
        {
            return Err(wrong(format!(
                "ready = \"{}\" is not a path such as /healthz",
                entry.ready.escape_default()
            )));
        }
        let ready_within = parse_duration(&entry.ready_within)
            .map_err(|error| wrong(format!("ready_within: {error}")))?;
        if !(Duration::from_millis(100)..=Duration::from_secs(3_600)).contains(&ready_within) {
            return Err(wrong("ready_within must be from 100ms to 1h".to_owned()));
        }
        if entry
            .price_month
            .is_some_and(|price| !price.is_finite() || price < 0.0)
        {
            return Err(wrong("price_month must be 0 or more".to_owned()));
        }
        if entry.copies == Some(0) {
            return Err(wrong("copies must be at least 1".to_owned()));
        }
        steps.push(FileStep {
            change: match entry.change.trim() {
                "" if steps.is_empty() => format!("`{name}`, to begin with."),
                "" => format!("`{name}` instead of the step before."),
                change => change.to_owned(),
            },
            command: ServiceCommand {
                command: entry.start,
                directory: folder.join(entry.directory),
                ready_path: entry.ready,
                ready_within,
                http: HttpVersion::Negotiated,
            },
            copies: entry.copies,
            price_month: entry.price_month,
            name,
        });
    }
    Ok(steps)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TWO: &str = r#"
version = 1
[[steps]]
name = "one worker"
start = "app --port {port}"
[[steps]]
name = "four workers"
change = "Four workers instead of one."
start = "app --port {port} --workers 4"
directory = "app"
ready = "/healthz"
ready_within = "5s"
copies = 4
price_month = 12.5
"#;

    #[test]
    fn reads_commands_in_order() {
        let read = steps(TWO, Path::new("services")).unwrap();
        assert_eq!(read.len(), 2);
        assert_eq!(read[0].command.ready_within, Duration::from_secs(30));
        assert_eq!(read[0].change, "`one worker`, to begin with.");
        assert_eq!(read[1].command.directory, Path::new("services/app"));
        assert_eq!((read[1].copies, read[1].price_month), (Some(4), Some(12.5)));
    }

    #[test]
    fn rejects_steps_that_cannot_be_taken() {
        for (from, to, expected) in [
            ("version = 1", "version = 2", "must be 1"),
            ("four workers", "one worker", "the same name"),
            ("--port {port}\"", "--port 80\"", "{port}"),
            ("\"/healthz\"", "\"healthz\"", "is not a path"),
            ("\"/healthz\"", "\"/a\\r\\nb\"", "is not a path"),
            ("\"5s\"", "\"5 apples\"", "ready_within"),
            ("\"5s\"", "\"0s\"", "100ms"),
            ("copies = 4", "copies = 0", "at least 1"),
            ("copies = 4", "copies = -1", "copies"),
            ("12.5", "-1", "price_month"),
            ("12.5", "nan", "price_month"),
            ("ready = ", "redy = ", "redy"),
        ] {
            let error = steps(&TWO.replacen(from, to, 1), Path::new("")).unwrap_err();
            assert!(error.contains(expected), "{from} -> {to}: {error}");
        }
        assert!(steps("version = 1", Path::new("")).is_err());
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_rejected(text in "\\PC{0,200}") {
            let _ = steps(&text, Path::new(""));
        }

        #[test]
        fn any_value_is_read_or_rejected(start in "\\PC{0,40}", ready in "\\PC{0,20}", within in "\\PC{0,8}") {
            let text = format!(
                "version = 1\n[[steps]]\nname = \"a\"\nstart = {start:?}\nready = {ready:?}\nready_within = {within:?}\n"
            );
            if let Ok(read) = steps(&text, Path::new("")) {
                let has_port = read[0].command.command.contains("{port}");
                prop_assert!(has_port);
            }
        }
    }
}
