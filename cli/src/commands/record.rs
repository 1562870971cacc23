//! `tenfold record`: turn an access log or a HAR file into a trace to replay, or into a fitted scenario.

use std::fs::File;
use std::io::{BufReader, BufWriter, Write as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde::Serialize;
use tenfold_record::{
    AccessLog, FitReport, Format, LogSummary, ModelOptions, ReadOptions, TraceOptions, model, trace,
};
use tenfold_run_dir::write_atomic_with;

use crate::arguments::record::RecordArguments;
use crate::exit::{Exit, UsageError};
use crate::output::print;

/// Result, for `--json`.
#[derive(Serialize)]
struct Recorded {
    log: LogSummary,
    fit: Option<FitReport>,
    written: Vec<PathBuf>,
}

/// Reads the log, and writes a trace or a fitted scenario.
pub(crate) fn record(arguments: &RecordArguments) -> anyhow::Result<Exit> {
    let format = arguments
        .input
        .format
        .as_deref()
        .map(Format::parse)
        .transpose()?;
    let options = ReadOptions {
        format,
        host: arguments.input.host.clone(),
        ..ReadOptions::default()
    };
    let log = if arguments.log.as_os_str() == "-" {
        let input = BufReader::new(std::io::stdin().lock());
        AccessLog::read_from(input, "standard input", &options)?
    } else {
        AccessLog::read(&arguments.log, &options)?
    };
    if arguments.input.host.is_some() && log.archive.is_none() {
        return Err(UsageError(format!(
            "--host applies only to HAR files, and {} is not one ({}); leave --host out",
            log.origin, log.format
        ))
        .into());
    }
    let out = arguments
        .output
        .out
        .clone()
        .unwrap_or_else(|| default_path(&arguments.log));
    let name = out.file_stem().map_or("recorded".into(), |stem| {
        stem.to_string_lossy().into_owned()
    });
    let (fit, written) = if arguments.scenario.model {
        refuse_overwriting(arguments, &[&out])?;
        let model = model(
            &log,
            &ModelOptions {
                name,
                ..ModelOptions::default()
            },
        )?;
        write(&out, |file| file.write_all(model.toml.as_bytes()))?;
        (Some(model.fit), vec![out])
    } else {
        let trace_path = out.with_extension("trace.jsonl");
        refuse_overwriting(arguments, &[&out, &trace_path])?;
        let file = trace_path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let trace = trace(
            &log,
            &TraceOptions {
                speed: arguments.scenario.speed,
                name,
                file,
            },
        )?;
        write(&trace_path, |file| trace.write_trace(file))?;
        write(&out, |file| file.write_all(trace.toml.as_bytes()))?;
        (None, vec![out, trace_path])
    };
    let log = log.summary();
    if arguments.output.json {
        print::json(&Recorded { log, fit, written })?;
        return Ok(Exit::Met);
    }
    print::out(&log.to_string())?;
    if let Some(fit) = &fit {
        print::out(&format!("\n{fit}"))?;
    }
    let scenario = written[0].display();
    let next = if arguments.scenario.model {
        format!("\nwrote {scenario}; run it with: tenfold run {scenario}\n")
    } else {
        let trace = written[1].display();
        format!(
            "\nwrote {scenario} and {trace}; replay it with: tenfold run {scenario} --target URL\n"
        )
    };
    print::out(&next)?;
    Ok(Exit::Met)
}

fn write(
    path: &Path,
    with: impl FnOnce(&mut BufWriter<File>) -> std::io::Result<()>,
) -> anyhow::Result<()> {
    write_atomic_with(path, with).with_context(|| format!("could not write {}", path.display()))
}

fn refuse_overwriting(arguments: &RecordArguments, paths: &[&Path]) -> anyhow::Result<()> {
    match paths
        .iter()
        .find(|path| path.exists() && !arguments.output.force)
    {
        Some(path) => Err(UsageError(format!(
            "{} already exists; choose another file with --out, or overwrite it with --force",
            path.display()
        ))
        .into()),
        None => Ok(()),
    }
}

/// Returns the name of the log without `.gz`, `.log` and `.har`, as a scenario in the working directory.
pub(crate) fn default_path(log: &Path) -> PathBuf {
    let name = log
        .file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default();
    let name = name.strip_suffix(".gz").unwrap_or(&name);
    let name = [".log", ".har"]
        .iter()
        .find_map(|suffix| name.strip_suffix(suffix))
        .unwrap_or(name);
    let name = if name.is_empty() || name == "-" {
        "recorded"
    } else {
        name
    };
    PathBuf::from(format!("{name}.toml"))
}
