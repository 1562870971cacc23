//! `tenfold lab`: run a stage on this machine, show it, kill and restart its boxes, stop it.

mod chaos;
mod failover;
mod feeds;
mod judge;
mod open;
mod policy;
mod queue;
mod receive_alerts;
mod replace;
mod reshard;
mod rotate;
mod serve_log;

use std::fmt::Write as _;
use std::fs::{self, File};
use std::os::unix::fs::DirBuilderExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use tenfold_lab::{
    Allowances, Answer, End, FoundLab, LabError, LabOptions, LabStatus, Request, Stage,
    UsageBetween, Watch, ask, ask_watched, labs_in,
};

use crate::arguments::lab::{DIRECTORY, LabArguments, LabCommand, StatusArguments, UpArguments};
use crate::exit::{ChildFailed, Exit, TARGET_FAILED, UsageError};
use crate::output::print;
use crate::output::start_lines::StartLines;
use crate::{interrupt, stages};

/// Time over which `lab status` measures the use of the boxes.
const SAMPLE: Duration = Duration::from_secs(1);

/// Time limit for a lab in the background to answer. It answers from the start on, and gives up by itself.
const SILENT_MAX: Duration = Duration::from_secs(60);

/// Interval at which a lab in the background is asked whether it is up.
const POLL: Duration = Duration::from_millis(50);

/// Becomes the program in its arguments, with SIGHUP ignored, so that it outlives its terminal.
const OUTLIVE: &str = r#"trap '' HUP; exec "$@""#;

/// Runs a subcommand of `tenfold lab`.
pub(crate) fn lab(arguments: &LabArguments) -> anyhow::Result<Exit> {
    match &arguments.command {
        LabCommand::Up(arguments) if arguments.detach => up_in_background(arguments),
        LabCommand::Up(arguments) => up(arguments),
        LabCommand::Status(arguments) => show_status(arguments),
        LabCommand::Down(arguments) => request(&arguments.dir, &Request::Down, "stopped"),
        LabCommand::Kill(arguments) => {
            let name = arguments.name.clone();
            request(&arguments.directory.dir, &Request::Kill { name }, "killed")
        }
        LabCommand::Replace(arguments) => replace::replace(arguments),
        LabCommand::Judge(arguments) => judge::judge(arguments),
        LabCommand::Rotate(arguments) => rotate::rotate(arguments),
        LabCommand::Chaos(arguments) => chaos::chaos(arguments),
        LabCommand::Failover(arguments) => failover::failover(arguments),
        LabCommand::Open(arguments) => open::open(arguments),
        LabCommand::Policy(arguments) => policy::policy(arguments),
        LabCommand::ReceiveAlerts(arguments) => receive_alerts::receive_alerts(arguments),
        LabCommand::ServeLog(arguments) => serve_log::serve_log(arguments),
        LabCommand::Queue(arguments) => queue::queue(arguments),
        LabCommand::Feeds(arguments) => feeds::feeds(arguments),
        LabCommand::Reshard(arguments) => reshard::reshard(arguments),
        LabCommand::Drain(arguments) => {
            let name = arguments.name.clone();
            request(
                &arguments.directory.dir,
                &Request::Drain { name },
                "drained",
            )
        }
        LabCommand::Revive(arguments) => {
            let name = arguments.name.clone();
            request(
                &arguments.directory.dir,
                &Request::Revive { name },
                "up again",
            )
        }
    }
}

/// Starts a stage, and supervises it until it is to stop.
fn up(arguments: &UpArguments) -> anyhow::Result<Exit> {
    let stage = stages::find(&arguments.stage)?;
    let options = options(stage, arguments)?;
    // Boxes inherit this limit, and balancers have two connections for each of their clients.
    tenfold_probe::limits::raise_open_files();
    let interrupt = interrupt::catch()?;
    let began = Instant::now();
    let is_over = || *interrupt.borrow();
    let mut lines = StartLines::new();
    let mut watch = Watch {
        is_over: &is_over,
        on_status: &mut |status| lines.show(status),
    };
    let mut lab = tenfold_lab::up_watched(stage, &options, &mut watch)?;
    drop(lines);
    show(&lab.status(), arguments)?;
    print::note(&format!(
        "{} is up after {:.1} s; stop it with Ctrl-C or `tenfold lab down`",
        stage.name,
        began.elapsed().as_secs_f64()
    ));
    let end = lab.tend(is_over, |error| print::note(&error.to_string()));
    let names = lab
        .boxes()
        .iter()
        .map(|own| own.name().to_owned())
        .collect();
    let stopped = lab.stop();
    if let End::Requested(responder) = end {
        responder.answer(&match &stopped {
            Ok(()) => Answer::Done(names),
            Err(error) => Answer::Refused(error.to_string()),
        });
    }
    stopped?;
    Ok(Exit::Met)
}

fn options(stage: &Stage, arguments: &UpArguments) -> anyhow::Result<LabOptions> {
    let program = std::env::current_exe().context("could not find this program's own file")?;
    let mut options = LabOptions::new(program, &arguments.directory.dir);
    let boxes = &arguments.boxes;
    options.command = "tenfold lab up".to_owned();
    options.listens = true;
    options.stall_timeout = boxes.stall_timeout;
    options.store_url = arguments.store.url.clone();
    options.network = boxes.network;
    options.counts = boxes.counts.clone();
    options.with = boxes.with.clone();
    options.tuned = boxes.tuned;
    options.web_cache = !boxes.no_web_cache;
    options.door = boxes.door;
    options.ssh_from = boxes.ssh_from.iter().copied().map(Into::into).collect();
    if boxes.door.is_some() && !stage.roles.contains(&"dns") {
        return Err(UsageError(format!(
            "stage {} has no balancer to put behind a name; use --door from stage balanced on",
            stage.name
        ))
        .into());
    }
    options.policy = crate::policy::for_stage(stage, boxes.policy.as_deref())?;
    options.data_set = Some(arguments.data_set.options());
    options.allowances = match boxes.unconfined {
        true => Allowances::unconfined(),
        false => Allowances::new(boxes.limits.clone()),
    };
    Ok(options)
}

fn show(status: &LabStatus, arguments: &UpArguments) -> anyhow::Result<()> {
    match arguments.json {
        true => print::json(status),
        false => print::out(&status.to_string()),
    }
}

/// Starts a lab in a background process, and returns once it is up.
fn up_in_background(arguments: &UpArguments) -> anyhow::Result<Exit> {
    let directory = &arguments.directory.dir;
    // The lab creates it with the same mode, because its data and logs are private.
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory)
        .with_context(|| format!("could not create {}", directory.display()))?;
    let path = directory.join("lab.log");
    let writing = || format!("could not write {}", path.display());
    // A lab that is still up keeps writing to this log.
    let file = File::options()
        .create(true)
        .append(true)
        .open(&path)
        .with_context(writing)?;
    let from = file.metadata().with_context(writing)?.len();
    let interrupt = interrupt::catch()?;
    let program = std::env::current_exe().context("could not find this program's own file")?;
    let own = std::env::args_os().skip(1);
    let mut child = Command::new("sh")
        .args(["-c", OUTLIVE, "sh"])
        .arg(program)
        .args(own.filter(|argument| argument != "--detach" && argument != "-d"))
        .env_remove("TENFOLD_DETACH")
        .env_remove("TENFOLD_JSON")
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(file.try_clone().with_context(writing)?)
        .stderr(file)
        .spawn()
        .context("could not start a lab in the background")?;
    let log = ChildLog { path: &path, from };
    let status = await_up(&mut child, directory, &log, &|| *interrupt.borrow())?;
    show(&status, arguments)?;
    print::note(&format!(
        "{} is up; stop it with `tenfold lab down --dir {}`",
        status.stage,
        directory.display()
    ));
    Ok(Exit::Met)
}

/// Output of a lab in the background, in a log that earlier labs may have written to.
struct ChildLog<'a> {
    path: &'a Path,
    from: u64,
}

impl ChildLog<'_> {
    fn text(&self) -> String {
        let bytes = fs::read(self.path).unwrap_or_default();
        let own = usize::try_from(self.from)
            .ok()
            .and_then(|from| bytes.get(from..));
        let text = String::from_utf8_lossy(own.unwrap_or_default());
        text.trim().trim_start_matches("error: ").to_owned()
    }
}

fn await_up(
    child: &mut Child,
    directory: &Path,
    log: &ChildLog<'_>,
    is_over: &dyn Fn() -> bool,
) -> anyhow::Result<LabStatus> {
    let mut heard = Instant::now();
    let mut lines = StartLines::new();
    loop {
        if let Some(status) = child.try_wait().context("could not wait for the lab")? {
            // A lab that exits is not up, even with exit code 0.
            let code = status.code().and_then(|code| u8::try_from(code).ok());
            let code = code.filter(|code| *code != 0).unwrap_or(TARGET_FAILED);
            let message = match log.text() {
                text if text.is_empty() => format!("the lab exited ({status})"),
                text => text,
            };
            return Err(ChildFailed { code, message }.into());
        }
        if let Ok(status) = status(directory)
            && status.pid == child.id()
        {
            if !status.is_starting {
                return Ok(status);
            }
            heard = Instant::now();
            lines.show(&status);
        }
        let interrupted = is_over();
        if interrupted || heard.elapsed() > SILENT_MAX {
            // The guard of the lab ends the boxes that were started.
            let _ = child.kill();
            let _ = child.wait();
            return Err(match interrupted {
                true => LabError::Interrupted.into(),
                false => ChildFailed {
                    code: TARGET_FAILED,
                    message: format!(
                        "the lab did not answer for {} s; see its log {}",
                        SILENT_MAX.as_secs(),
                        log.path.display()
                    ),
                }
                .into(),
            });
        }
        std::thread::sleep(POLL);
    }
}

/// Prints the status of a lab, and names others that are up beside the default directory.
fn show_status(arguments: &StatusArguments) -> anyhow::Result<Exit> {
    let directory = &arguments.directory.dir;
    let is_default = directory == Path::new(DIRECTORY);
    let others = match directory.parent() {
        Some(folder) if is_default && !arguments.json => labs_in(folder),
        _ => Vec::new(),
    };
    let others: Vec<_> = others
        .iter()
        .filter(|own| own.directory != *directory)
        .collect();
    let before = match status(directory) {
        Err(LabError::NotUp { .. }) if !others.is_empty() => {
            let shown = list(&others);
            print::out(&format!("no lab is up in {}\n{shown}", directory.display()))?;
            return Ok(Exit::Met);
        }
        before => before?,
    };
    if arguments.json {
        print::json(&before)?;
        return Ok(Exit::Met);
    }
    let mut text = match before.is_starting {
        true => format!("stage {} is starting\n{before}", before.stage),
        false => {
            std::thread::sleep(SAMPLE);
            let after = status(directory)?;
            let used = UsageBetween {
                before: &before,
                after: &after,
            };
            format!("stage {}\n{after}\n{used}", after.stage)
        }
    };
    if !others.is_empty() {
        let _ = write!(text, "\n{}", list(&others));
    }
    print::out(&text)?;
    Ok(Exit::Met)
}

/// Lists labs, one a line.
fn list(labs: &[&FoundLab]) -> String {
    let mut text = String::from("other labs (see one with --dir):\n");
    for lab in labs {
        let _ = writeln!(text, "  {}  {}", lab.directory.display(), lab.holder);
    }
    text
}

fn status(directory: &Path) -> Result<LabStatus, LabError> {
    match ask(directory, &Request::Status)? {
        Answer::Status(status) => Ok(*status),
        other => Err(unexpected(directory, &other)),
    }
}

/// Sends a request to a lab, and prints the names of the boxes with the result.
fn request(directory: &Path, request: &Request, result: &str) -> anyhow::Result<Exit> {
    let names = named(directory, request)?;
    print::note(&format!("{}: {result}", names.join(", ")));
    Ok(Exit::Met)
}

/// Sends a request to a lab, and returns the names of the boxes that it affected.
fn named(directory: &Path, request: &Request) -> Result<Vec<String>, LabError> {
    let mut lines = StartLines::new();
    match ask_watched(directory, request, &mut |boxes| lines.show_boxes(boxes))? {
        Answer::Done(names) => Ok(names),
        other => Err(unexpected(directory, &other)),
    }
}

fn unexpected(directory: &Path, answer: &Answer) -> LabError {
    LabError::NoAnswer {
        directory: directory.to_owned(),
        reason: format!("unexpected answer {answer:?}"),
    }
}
