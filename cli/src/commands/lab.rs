//! `tenfold lab`: bring a stage up on this machine, look at it, kill a part of it, take it down.

use std::fs::{self, File};
use std::os::unix::fs::DirBuilderExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use tenfold_lab::{
    Allowances, Answer, DataSetOptions, End, LabError, LabOptions, LabStatus, Request,
    UsageBetween, ask,
};

use crate::exit::{Ended, Exit, TARGET_FAILED};
use crate::lab_arguments::{LabArguments, LabCommand, UpArguments};
use crate::{interrupt, print};

/// The time over which the use of boxes is shown.
const SHOWN: Duration = Duration::from_secs(1);

/// How long a lab in the background may take to be up: each of its boxes has half of that.
const UP_WITHIN: Duration = Duration::from_secs(60);

/// Does what is asked with a lab.
pub(crate) fn lab(arguments: &LabArguments) -> anyhow::Result<Exit> {
    match &arguments.command {
        LabCommand::Up(arguments) if arguments.detach => detached(arguments),
        LabCommand::Up(arguments) => up(arguments),
        LabCommand::Status(arguments) => {
            let directory = &arguments.place.dir;
            let before = status(directory)?;
            if arguments.json {
                print::json(&before)?;
                return Ok(Exit::Met);
            }
            std::thread::sleep(SHOWN);
            let after = status(directory)?;
            let used = UsageBetween {
                before: &before,
                after: &after,
            };
            print::out(&format!("stage {}\n{after}\n{used}", after.stage))?;
            Ok(Exit::Met)
        }
        LabCommand::Down(arguments) => done(&arguments.dir, &Request::Down, "stopped"),
        LabCommand::Kill(arguments) => {
            let name = arguments.name.clone();
            done(&arguments.place.dir, &Request::Kill { name }, "killed")
        }
        LabCommand::Drain(arguments) => {
            let name = arguments.name.clone();
            done(&arguments.place.dir, &Request::Drain { name }, "drained")
        }
        LabCommand::Revive(arguments) => {
            let name = arguments.name.clone();
            done(&arguments.place.dir, &Request::Revive { name }, "up again")
        }
    }
}

/// Brings a stage up and looks after it until it is to end.
fn up(arguments: &UpArguments) -> anyhow::Result<Exit> {
    let stage = crate::stages::find(&arguments.stage)?;
    let program = std::env::current_exe().context("could not find this program's own file")?;
    let mut options = LabOptions::new(program, &arguments.place.dir);
    options.store_url = arguments.store.clone();
    options.network = arguments.network;
    options.counts = arguments.counts.clone();
    options.tuned = arguments.tuned;
    options.data_set = Some(DataSetOptions {
        seed: arguments.data_set.data_seed,
        users: arguments.data_set.data_users,
        posts: arguments.data_set.data_posts,
    });
    options.allowances = match arguments.unconfined {
        true => Allowances::unconfined(),
        false => Allowances::new(arguments.boxes.clone()),
    };
    // Boxes inherit it, and balancers have two connections for each of their clients.
    tenfold_probe::limits::raise_open_files();
    let interrupt = interrupt::catch()?;
    let began = Instant::now();
    let is_over = || *interrupt.borrow();
    let mut lab = tenfold_lab::up_unless(stage, &options, &is_over)?;
    lab.listen()?;
    show(&lab.status(), arguments)?;
    print::note(&format!(
        "{} is up after {:.1} s; Ctrl-C or `tenfold lab down` stops it",
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

fn show(status: &LabStatus, arguments: &UpArguments) -> anyhow::Result<()> {
    match arguments.json {
        true => print::json(status),
        false => print::out(&status.to_string()),
    }
}

/// Has another process of this program bring the stage up, and returns once it has.
fn detached(arguments: &UpArguments) -> anyhow::Result<Exit> {
    let directory = &arguments.place.dir;
    // As a lab makes it: its data and logs are for this account alone.
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory)
        .with_context(|| format!("could not create {}", directory.display()))?;
    let log = directory.join("lab.log");
    let written = || format!("could not write {}", log.display());
    // One that is up writes to it still.
    let file = File::options()
        .create(true)
        .append(true)
        .open(&log)
        .with_context(written)?;
    let from = file.metadata().with_context(written)?.len();
    let interrupt = interrupt::catch()?;
    let program = std::env::current_exe().context("could not find this program's own file")?;
    let own = std::env::args_os().skip(1);
    let mut child = Command::new(program)
        .args(own.filter(|argument| argument != "--detach" && argument != "-d"))
        .env_remove("TENFOLD_DETACH")
        .env_remove("TENFOLD_JSON")
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(file.try_clone().with_context(written)?)
        .stderr(file)
        .spawn()
        .context("could not start a lab in the background")?;
    let told = Told { log: &log, from };
    let status = await_up(&mut child, directory, &told, &|| *interrupt.borrow())?;
    show(&status, arguments)?;
    print::note(&format!(
        "{} is up; `tenfold lab down --dir {}` stops it",
        status.stage,
        directory.display()
    ));
    Ok(Exit::Met)
}

/// What a lab in the background told, in a log that others before it wrote to.
struct Told<'a> {
    log: &'a Path,
    from: u64,
}

impl Told<'_> {
    fn text(&self) -> String {
        let bytes = fs::read(self.log).unwrap_or_default();
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
    told: &Told<'_>,
    is_over: &dyn Fn() -> bool,
) -> anyhow::Result<LabStatus> {
    let deadline = Instant::now() + UP_WITHIN;
    loop {
        if let Some(status) = child.try_wait().context("could not look at the lab")? {
            // One that has ended is not up, whatever it ended with.
            let code = status.code().and_then(|code| u8::try_from(code).ok());
            let code = code.filter(|code| *code != 0).unwrap_or(TARGET_FAILED);
            let told = match told.text() {
                text if text.is_empty() => format!("the lab ended ({status})"),
                text => text,
            };
            return Err(Ended { code, told }.into());
        }
        // It listens once its boxes are up.
        if let Ok(status) = status(directory)
            && status.pid == child.id()
        {
            return Ok(status);
        }
        let interrupted = is_over();
        if interrupted || Instant::now() > deadline {
            // Its guard ends what it has begun.
            let _ = child.kill();
            let _ = child.wait();
            return Err(match interrupted {
                true => LabError::Interrupted.into(),
                false => Ended {
                    code: TARGET_FAILED,
                    told: format!(
                        "the lab was not up within {} s; its log is {}",
                        UP_WITHIN.as_secs(),
                        told.log.display()
                    ),
                }
                .into(),
            });
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn status(directory: &Path) -> Result<LabStatus, LabError> {
    match ask(directory, &Request::Status)? {
        Answer::Status(status) => Ok(*status),
        other => Err(unlooked_for(directory, &other)),
    }
}

fn done(directory: &Path, request: &Request, word: &str) -> anyhow::Result<Exit> {
    match ask(directory, request)? {
        Answer::Done(names) => print::note(&format!("{}: {word}", names.join(", "))),
        other => return Err(unlooked_for(directory, &other).into()),
    }
    Ok(Exit::Met)
}

fn unlooked_for(directory: &Path, answer: &Answer) -> LabError {
    LabError::NoAnswer {
        directory: directory.to_owned(),
        reason: format!("{answer:?} answers something else"),
    }
}
