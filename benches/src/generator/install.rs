//! Installs the peers from package registries: Debian packages system-wide, all others into the cache.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use tenfold_child_process::{find_program, is_program};

use crate::generator::peer::{Peer, Source};
use crate::workshop::Workshop;
use crate::workshop::child::{Child, Confines};
use crate::workshop::interrupt::Interrupted;

/// Time limit for an installation; some peers are built from source.
const INSTALL_TIMEOUT: Duration = Duration::from_secs(45 * 60);

/// Path of a peer's program, or the reason why it is missing.
pub(crate) type Found = Result<PathBuf, String>;

/// Finds a peer's program; installs it if it is missing and `install` is true.
pub(crate) fn find(
    peer: &dyn Peer,
    workshop: &Workshop,
    install: bool,
) -> Result<Found, Interrupted> {
    let name = peer.name();
    let own = workshop.cache().join(name);
    let own_program = match peer.source() {
        Source::Workspace => return Ok(Ok(workshop.tenfold().to_owned())),
        Source::Path => {
            let why = "not installed, and in no registry; put it on the PATH".to_owned();
            return Ok(find_program(name).ok_or(why));
        }
        Source::Debian(_) => None,
        Source::Crate(_) | Source::Package(_) | Source::PyPi(_) => Some(own.join("bin").join(name)),
        Source::Npm(_) => Some(own.join("node_modules/.bin").join(name)),
    };
    let look = || match &own_program {
        Some(program) => is_program(program).then(|| program.clone()),
        None => find_program(name),
    };
    if let Some(program) = look() {
        return Ok(Ok(program));
    }
    if !install {
        return Ok(Err("not installed; run without --no-install".to_owned()));
    }
    for command in commands(peer.source(), &own) {
        if let Err(why) = run_command(name, &command, workshop)? {
            return Ok(Err(format!("could not install it: {why}")));
        }
    }
    Ok(look().ok_or_else(|| "not found after the installation".to_owned()))
}

fn commands(source: Source, own: &Path) -> Vec<Command> {
    let command = |program: &str, words: &[&str]| {
        let mut command = Command::new(program);
        command.args(words);
        command
    };
    match source {
        Source::Workspace | Source::Path => Vec::new(),
        Source::Debian(package) => {
            let as_root: &[&str] = if rustix::process::geteuid().is_root() {
                &[]
            } else {
                &["sudo", "-n"]
            };
            let apt = |words: &[&str]| {
                let words = [
                    as_root,
                    &["env", "DEBIAN_FRONTEND=noninteractive", "apt-get"],
                    words,
                ];
                let words = words.concat();
                command(words[0], &words[1..])
            };
            vec![
                apt(&["update", "-qq"]),
                apt(&["install", "-y", "-qq", "--no-install-recommends", package]),
            ]
        }
        Source::Crate(package) => vec![cargo_install(&[package], own)],
        Source::Package(directory) => vec![cargo_install(&["--path", directory], own)],
        Source::PyPi(package) => {
            let mut environment = command("python3", &["-m", "venv"]);
            environment.arg(own);
            let mut pip = Command::new(own.join("bin/pip"));
            pip.args(["install", "--quiet", package]);
            vec![environment, pip]
        }
        Source::Npm(package) => {
            let mut npm = command("npm", &["install", "--no-audit", "--no-fund", "--prefix"]);
            npm.arg(own).arg(package);
            vec![npm]
        }
    }
}

fn cargo_install(package: &[&str], own: &Path) -> Command {
    let mut cargo = Command::new("cargo");
    cargo.args(["install", "--locked"]).args(package);
    // A fixed target directory lets an interrupted build continue.
    cargo
        .arg("--root")
        .arg(own)
        .arg("--target-dir")
        .arg(own.join("build"));
    cargo
}

fn run_command(
    name: &str,
    command: &Command,
    workshop: &Workshop,
) -> Result<Result<(), String>, Interrupted> {
    let program = command.get_program();
    if program
        .to_str()
        .is_none_or(|name| find_program(name).is_none())
        && !is_program(program.as_ref())
    {
        return Ok(Err(format!("{} is missing", program.display())));
    }
    let name = format!("install-{name}");
    let started = Child::start(&name, command, &Confines::default(), workshop.cache());
    let mut child = match started {
        Ok(child) => child,
        Err(error) => return Ok(Err(format!("{error:#}"))),
    };
    if !child.wait(INSTALL_TIMEOUT, workshop.interrupt())? {
        return Ok(Err(format!(
            "timed out after {} minutes",
            INSTALL_TIMEOUT.as_secs() / 60
        )));
    }
    let status = child.end();
    Ok(if status.success() {
        Ok(())
    } else {
        Err(format!("{} ({status})", child.last_words()))
    })
}
