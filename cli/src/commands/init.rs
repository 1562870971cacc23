//! `tenfold init`: write a first scenario.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde::Serialize;
use tenfold_init::{
    DOCUMENT_BYTES_MAX, Document, FirstScenario, InitOptions, Selection, SourceKind, from_address,
    from_openapi,
};
use tenfold_loadgen::{DialOptions, Target};
use tenfold_record::{JourneyScenario, is_har};
use tenfold_run_dir::write_atomic;
use tenfold_scenarios::{SCENARIO_SCHEMA, Scenario};

use crate::arguments::init::InitArguments;
use crate::arguments::record::RecordArguments;
use crate::commands::record;
use crate::exit::{Exit, UsageError};
use crate::output::destination;
use crate::output::print;

/// Name of the JSON Schema beside a scenario.
const SCHEMA_FILE: &str = "scenario.schema.json";

/// Result, for `--json`.
#[derive(Serialize)]
struct Made {
    #[serde(flatten)]
    scenario: FirstScenario,
    written: Vec<PathBuf>,
    notes: Vec<String>,
    next: String,
}

/// The journey of a HAR file, for `--json`.
#[derive(Serialize)]
struct MadeJourney<'a> {
    journey: &'a JourneyScenario,
    written: Vec<PathBuf>,
    notes: Vec<String>,
    next: String,
}

/// Writes a first scenario for a URL, a document, or a log.
pub(crate) fn init(arguments: &InitArguments) -> anyhow::Result<Exit> {
    let source = arguments.source.as_str();
    if source.starts_with("http://") || source.starts_with("https://") {
        return match arguments.operations.openapi || is_document(source) {
            true => from_document(arguments, &fetched(source)?),
            false => from_url(arguments, source),
        };
    }
    let path = Path::new(source);
    let text = match std::fs::metadata(path) {
        Ok(metadata) if metadata.is_dir() => {
            return Err(wrong(format!(
                "{source} is a directory; give an OpenAPI document, a HAR file or an access log"
            )));
        }
        Ok(_) => start_of(path)?,
        Err(error) => return Err(wrong(not_found(source, &error))),
    };
    match SourceKind::of(&text) {
        SourceKind::OpenApi => {
            let origin = path.file_name().unwrap_or_default().to_string_lossy();
            from_document(arguments, &Document::parse(&text, &origin, None)?)
        }
        SourceKind::Scenario => Err(wrong(format!(
            "{source} is a scenario already; look at it with `tenfold run {source} --check`"
        ))),
        SourceKind::Log if is_har(&text) || is_named_har(source) => from_har(arguments, path),
        SourceKind::Log => from_log(arguments, path),
    }
}

/// Returns whether a URL names a document rather than a service.
fn is_document(url: &str) -> bool {
    let path = url
        .split(['?', '#'])
        .next()
        .unwrap_or_default()
        .to_ascii_lowercase();
    [".json", ".yaml", ".yml", "/api-docs"]
        .iter()
        .any(|end| path.ends_with(end))
}

fn not_found(source: &str, error: &std::io::Error) -> String {
    let is_file = [".json", ".yaml", ".yml", ".har", ".log", ".gz", ".toml"]
        .iter()
        .any(|end| source.ends_with(end));
    let is_host = !is_file && !source.contains('/') && source.contains([':', '.']);
    match is_host && error.kind() == std::io::ErrorKind::NotFound {
        true => format!(
            "there is no file {source}; if it is a service, write http://{source} or https://{source}"
        ),
        false => format!("could not read {source}: {error}"),
    }
}

/// Reads a file, as far as an OpenAPI document may reach: one byte more than the limit.
fn start_of(path: &Path) -> anyhow::Result<Vec<u8>> {
    let mut text = Vec::new();
    let file = File::open(path).with_context(|| format!("could not read {}", path.display()))?;
    file.take(DOCUMENT_BYTES_MAX as u64 + 1)
        .read_to_end(&mut text)
        .with_context(|| format!("could not read {}", path.display()))?;
    Ok(text)
}

/// Reads a document from a URL.
fn fetched(url: &str) -> anyhow::Result<Document> {
    let rest = url.find("://").map_or(0, |at| at + 3);
    let at = url[rest..].find('/').map_or(url.len(), |at| rest + at);
    let (origin, path) = url.split_at(at);
    let path = path.split('#').next().unwrap_or_default();
    let target = origin.parse::<Target>()?.with(DialOptions::default())?;
    let reply = tenfold_loadgen::fetch(&target, path, DOCUMENT_BYTES_MAX + 1)?;
    let moved_to = reply
        .headers
        .get("location")
        .and_then(|to| to.to_str().ok());
    match (reply.status, moved_to) {
        (200..=299, _) => {}
        (300..=399, Some(to)) => {
            return Err(wrong(format!(
                "could not read {url}: it has moved; give its new address, {to}"
            )));
        }
        (status, _) => {
            return Err(wrong(format!(
                "could not read {url}: the answer has status {status}; download the document, and give \
                 its file"
            )));
        }
    }
    Ok(Document::parse(&reply.body, url, Some(url))?)
}

fn from_url(arguments: &InitArguments, url: &str) -> anyhow::Result<Exit> {
    let authority = url.split("://").nth(1).unwrap_or_default();
    let authority = authority.split(['/', '?', '#']).next().unwrap_or_default();
    let files = Files::of(arguments, authority)?;
    let scenario = from_address(url, &files.options())?;
    files.write(arguments, scenario)
}

fn from_document(arguments: &InitArguments, document: &Document) -> anyhow::Result<Exit> {
    let stem = Path::new(&document.origin).file_stem().unwrap_or_default();
    let stem = stem.to_string_lossy();
    let files = Files::of(arguments, document.name().unwrap_or(&stem))?;
    let operations = &arguments.operations;
    let selection = Selection {
        tag: operations.tag.clone(),
        path: operations.path.clone(),
        deletes: operations.deletes,
    };
    let scenario = from_openapi(document, &selection, &files.options())?;
    files.write(arguments, scenario)
}

/// Returns whether a file is named like a HAR file.
fn is_named_har(source: &str) -> bool {
    let name = source.to_ascii_lowercase();
    name.strip_suffix(".gz").unwrap_or(&name).ends_with(".har")
}

/// Writes the visit of a HAR file as a journey.
fn from_har(arguments: &InitArguments, log: &Path) -> anyhow::Result<Exit> {
    let stem = record::default_path(Some(&log.to_owned()));
    let stem = stem.file_stem().unwrap_or_default().to_string_lossy();
    let files = Files::of(arguments, &stem)?;
    let made = record::visit(log, &files.scenario, None)?;
    let scenario = format!("#:schema ./{SCHEMA_FILE}\n{}", made.toml);
    write(&files.scenario, scenario.as_bytes())?;
    let mut written = vec![files.scenario.clone()];
    let (schema, notes) = files.write_schema(arguments.output.force)?;
    written.extend(schema);
    let next = format!(
        "tenfold run {} --once --target {}",
        files.scenario.display(),
        made.target
    );
    if arguments.output.json {
        print::json(&MadeJourney {
            journey: &made,
            written,
            notes,
            next,
        })?;
        return Ok(Exit::Met);
    }
    let files: Vec<String> = written
        .iter()
        .map(|path| path.display().to_string())
        .collect();
    let mut text = format!("wrote {}: {}", files.join(" and "), record::describe(&made));
    for note in notes {
        text.push_str(&format!("note: {note}\n"));
    }
    print::out(&format!("{text}\nnext, send each request once: {next}\n"))?;
    Ok(Exit::Met)
}

/// Records a log as `tenfold record` does, and adds the schema to the scenario.
fn from_log(arguments: &InitArguments, log: &Path) -> anyhow::Result<Exit> {
    let output = &arguments.output;
    let out = output
        .out
        .clone()
        .unwrap_or_else(|| record::default_path(Some(&log.to_owned())));
    let files = Files::beside(arguments, out)?;
    let recorded = RecordArguments::of_log(log, &files.scenario, output.force, output.json);
    let exit = record::record(&recorded)?;
    let scenario = std::fs::read_to_string(&files.scenario)
        .with_context(|| format!("could not read {}", files.scenario.display()))?;
    write(
        &files.scenario,
        format!("#:schema ./{SCHEMA_FILE}\n{scenario}").as_bytes(),
    )?;
    let (_, notes) = files.write_schema(output.force)?;
    if !output.json {
        let scenario = files.scenario.display();
        print::out(&format!(
            "next, send each request once: tenfold run {scenario} --once --target URL\n"
        ))?;
    }
    for note in notes {
        print::note(&format!("note: {note}"));
    }
    Ok(exit)
}

/// The files to write.
struct Files {
    scenario: PathBuf,
    schema: PathBuf,
}

impl Files {
    /// Returns the files for a scenario that is named after `title`.
    fn of(arguments: &InitArguments, title: &str) -> anyhow::Result<Self> {
        let scenario = match &arguments.output.out {
            Some(out) => out.clone(),
            None => PathBuf::from(format!("{}.toml", slug(title))),
        };
        destination::check(&scenario, &[&arguments.source], arguments.output.force)?;
        Self::beside(arguments, scenario)
    }

    /// Returns a scenario and the schema beside it.
    ///
    /// # Errors
    /// Fails if the schema is the source.
    fn beside(arguments: &InitArguments, scenario: PathBuf) -> anyhow::Result<Self> {
        let schema = scenario.with_file_name(SCHEMA_FILE);
        destination::refuse_input(&schema, &[&arguments.source])?;
        Ok(Self { scenario, schema })
    }

    fn options(&self) -> InitOptions {
        let name = self.scenario.file_stem().unwrap_or_default();
        let name: String = name
            .to_string_lossy()
            .chars()
            .filter(|c| !c.is_control())
            .collect();
        InitOptions {
            name: match name.trim() {
                "" => "first".to_owned(),
                name => name.chars().take(60).collect(),
            },
            file: self.scenario.display().to_string(),
            schema: format!("./{SCHEMA_FILE}"),
        }
    }

    /// Writes the schema beside the scenario. Returns its path if it was written, and notes.
    fn write_schema(&self, force: bool) -> anyhow::Result<(Option<PathBuf>, Vec<String>)> {
        match std::fs::read_to_string(&self.schema) {
            Ok(text) if text == SCENARIO_SCHEMA => Ok((None, Vec::new())),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                write(&self.schema, SCENARIO_SCHEMA.as_bytes())?;
                Ok((Some(self.schema.clone()), Vec::new()))
            }
            _ if force => {
                write(&self.schema, SCENARIO_SCHEMA.as_bytes())?;
                Ok((Some(self.schema.clone()), Vec::new()))
            }
            _ => {
                let note = format!(
                    "{0} is kept, but differs from the schema of this version; write it again with \
                     `tenfold schema > {0}`",
                    self.schema.display()
                );
                Ok((None, vec![note]))
            }
        }
    }

    /// Writes the files and says what they are.
    fn write(&self, arguments: &InitArguments, made: FirstScenario) -> anyhow::Result<Exit> {
        // What is written can be run: an error here is a defect of this program.
        Scenario::parse(&made.toml, &self.scenario)
            .context("could not make a valid scenario; please report the document")?;
        write(&self.scenario, made.toml.as_bytes())?;
        let mut written = vec![self.scenario.clone()];
        let (schema, notes) = self.write_schema(arguments.output.force)?;
        written.extend(schema);
        let scenario = self.scenario.display();
        let target = made.target.as_deref().unwrap_or("URL");
        let next = format!("tenfold run {scenario} --once --target {target}");
        if arguments.output.json {
            print::json(&Made {
                scenario: made,
                written,
                notes,
                next,
            })?;
            return Ok(Exit::Met);
        }
        print::out(&describe(&made, &written, &notes, &next))?;
        Ok(Exit::Met)
    }
}

fn write(path: &Path, text: &[u8]) -> anyhow::Result<()> {
    write_atomic(path, text).with_context(|| format!("could not write {}", path.display()))
}

/// Says what was made, and what to type next.
fn describe(made: &FirstScenario, written: &[PathBuf], notes: &[String], next: &str) -> String {
    let count = |count: usize, noun: &str| match count {
        1 => format!("1 {noun}"),
        count => format!("{count} {noun}s"),
    };
    let files: Vec<String> = written
        .iter()
        .map(|path| path.display().to_string())
        .collect();
    let mut text = format!(
        "wrote {}: {}, {}\n",
        files.join(" and "),
        count(made.reads, "read"),
        count(made.writes, "write")
    );
    for left_out in &made.left_out {
        text.push_str(&format!(
            "left out: {} {}\n",
            left_out.count, left_out.reason
        ));
    }
    if !made.made_up.is_empty() {
        text.push_str(&format!(
            "made up: {}; replace these values under [variables]\n",
            made.made_up.join(", ")
        ));
    }
    for credentials in &made.credentials {
        text.push_str(&format!("{credentials}\n"));
    }
    for note in notes {
        text.push_str(&format!("note: {note}\n"));
    }
    text.push_str(&format!("\nnext, send each request once: {next}\n"));
    text
}

/// Returns a file name for a title: lower-case letters, digits, dots and hyphens.
fn slug(title: &str) -> String {
    let mut slug = String::new();
    for c in title.chars() {
        if c.is_ascii_alphanumeric() || (c == '.' && !slug.is_empty()) {
            slug.push(c.to_ascii_lowercase());
        } else if !slug.ends_with('-') && !slug.is_empty() {
            slug.push('-');
        }
        if slug.len() >= 60 {
            break;
        }
    }
    match slug.trim_end_matches(['-', '.']) {
        "" => "first".to_owned(),
        slug => slug.to_owned(),
    }
}

fn wrong(message: String) -> anyhow::Error {
    UsageError(message).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_of_documents_end_like_documents() {
        for url in [
            "https://a.example/openapi.JSON",
            "http://a/spec.yaml?raw=1",
            "http://a/v3/api-docs",
        ] {
            assert!(is_document(url), "{url}");
        }
        for url in [
            "http://a",
            "http://a/v1/items",
            "http://a/json",
            "http://a/?file=x.json",
        ] {
            assert!(!is_document(url), "{url}");
        }
    }

    #[test]
    fn slugs_are_file_names() {
        assert_eq!(
            slug("Swagger Petstore - OpenAPI 3.0"),
            "swagger-petstore-openapi-3.0"
        );
        assert_eq!(slug("127.0.0.1:8080"), "127.0.0.1-8080");
        assert_eq!(slug("../\u{e4}"), "first");
        assert!(slug(&"x".repeat(300)).len() <= 60);
    }
}
