//! `tenfold record`: turn access logs or HAR files into a trace to replay, or into a fitted scenario.

use std::fs::File;
use std::io::{BufReader, BufWriter, Write as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde::Serialize;
use tenfold_record::{
    AccessLog, FitReport, Format, JourneyOptions, JourneyScenario, LogReader, LogSummary,
    ModelOptions, ReadOptions, TraceOptions, journey, model, trace,
};
use tenfold_run_dir::write_atomic_with;
use tenfold_scenarios::Scenario;

use crate::arguments::record::RecordArguments;
use crate::exit::{Exit, UsageError};
use crate::output::destination::{self, STANDARD_INPUT};
use crate::output::print;

/// Result, for `--json`.
#[derive(Serialize)]
struct Recorded {
    log: LogSummary,
    fit: Option<FitReport>,
    written: Vec<PathBuf>,
}

/// Reads the logs, and writes a trace or a fitted scenario.
pub(crate) fn record(arguments: &RecordArguments) -> anyhow::Result<Exit> {
    if arguments.scenario.journey {
        return record_journey(arguments);
    }
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
    let out = arguments
        .output
        .out
        .clone()
        .unwrap_or_else(|| default_path(arguments.logs.first()));
    let trace_path = (!arguments.scenario.model).then(|| out.with_extension("trace.jsonl"));
    for path in [Some(&out), trace_path.as_ref()].into_iter().flatten() {
        destination::check(path, &arguments.logs, arguments.output.force)?;
    }
    let log = read(&arguments.logs, &options)?;
    let name = out.file_stem().map_or("recorded".into(), |stem| {
        stem.to_string_lossy().into_owned()
    });
    let (fit, written) = match trace_path {
        None => {
            let model = model(
                &log,
                &ModelOptions {
                    name,
                    ..ModelOptions::default()
                },
            )?;
            write(&out, |file| file.write_all(model.toml.as_bytes()))?;
            (Some(model.fit), vec![out])
        }
        Some(trace_path) => {
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
        }
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

/// Reads a HAR file, and writes its visit as a journey.
fn record_journey(arguments: &RecordArguments) -> anyhow::Result<Exit> {
    let [log] = arguments.logs.as_slice() else {
        return Err(UsageError(
            "--journey makes one journey of one HAR file; give a single file".to_owned(),
        )
        .into());
    };
    let out = arguments
        .output
        .out
        .clone()
        .unwrap_or_else(|| default_path(Some(log)));
    destination::check(&out, &arguments.logs, arguments.output.force)?;
    let made = visit(log, &out, arguments.input.host.clone())?;
    write(&out, |file| file.write_all(made.toml.as_bytes()))?;
    if arguments.output.json {
        print::json(&RecordedJourney {
            journey: &made,
            written: [&out],
        })?;
        return Ok(Exit::Met);
    }
    print::out(&describe(&made))?;
    let scenario = out.display();
    print::out(&format!(
        "\nwrote {scenario}; send it once: tenfold run {scenario} --once --target {}\n",
        made.target
    ))?;
    Ok(Exit::Met)
}

/// Result of a journey, for `--json`.
#[derive(Serialize)]
struct RecordedJourney<'a> {
    journey: &'a JourneyScenario,
    written: [&'a PathBuf; 1],
}

/// Makes the journey of a HAR file, for a scenario at `out`.
pub(crate) fn visit(
    log: &Path,
    out: &Path,
    host: Option<String>,
) -> anyhow::Result<JourneyScenario> {
    let name = out
        .file_stem()
        .map_or("recorded".into(), |stem| stem.to_string_lossy());
    let options = JourneyOptions {
        name: name.into_owned(),
        host,
    };
    let made = if log.as_os_str() == STANDARD_INPUT {
        journey(std::io::stdin().lock(), "standard input", &options)?
    } else {
        let file = File::open(log).with_context(|| format!("could not read {}", log.display()))?;
        let origin = log.file_name().unwrap_or_default().to_string_lossy();
        journey(BufReader::new(file), &origin, &options)?
    };
    // An invalid scenario is a defect of this program, so it is not written.
    Scenario::parse(&made.toml, out)
        .context("could not make a valid scenario; please report the file")?;
    Ok(made)
}

/// Describes a journey: its requests, its captured values, and the variables to fill in.
pub(crate) fn describe(made: &JourneyScenario) -> String {
    let noun = if made.requests == 1 {
        "request"
    } else {
        "requests"
    };
    let mut text = format!("a journey of {} {noun} to {}\n", made.requests, made.target);
    for (reason, count) in &made.left_out {
        text.push_str(&format!("left out: {count} {reason}\n"));
    }
    for broken in &made.first_broken {
        text.push_str(&format!("broken: {}\n", broken.as_entry()));
    }
    if !made.captured.is_empty() {
        text.push_str(&format!(
            "captured from answers: {}\n",
            made.captured.join(", ")
        ));
    }
    if !made.to_fill_in.is_empty() {
        text.push_str(&format!(
            "fill in under [variables]: {}\n",
            made.to_fill_in.join(", ")
        ));
    }
    text
}

fn read(logs: &[PathBuf], options: &ReadOptions) -> anyhow::Result<AccessLog> {
    let mut reader = LogReader::new(options);
    let mut has_read_input = false;
    for path in logs {
        if path.as_os_str() != STANDARD_INPUT {
            reader.add_file(path)?;
        } else if has_read_input {
            return Err(
                UsageError("`-` is given twice; standard input is read once".to_owned()).into(),
            );
        } else {
            has_read_input = true;
            reader.add(BufReader::new(std::io::stdin().lock()), "standard input")?;
        }
    }
    Ok(reader.finish()?)
}

fn write(
    path: &Path,
    with: impl FnOnce(&mut BufWriter<File>) -> std::io::Result<()>,
) -> anyhow::Result<()> {
    write_atomic_with(path, with).with_context(|| format!("could not write {}", path.display()))
}

/// Returns the name of the log without `.gz`, `.log` and `.har`, as a scenario in the working directory.
pub(crate) fn default_path(log: Option<&PathBuf>) -> PathBuf {
    let name = log
        .and_then(|log| log.file_name())
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default();
    let name = name.strip_suffix(".gz").unwrap_or(&name);
    let name = [".log", ".har"]
        .iter()
        .find_map(|suffix| name.strip_suffix(suffix))
        .unwrap_or(name);
    let name = if name.is_empty() || name == STANDARD_INPUT {
        "recorded"
    } else {
        name
    };
    PathBuf::from(format!("{name}.toml"))
}
