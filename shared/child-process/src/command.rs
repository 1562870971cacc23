//! Commands that start through another program, such as `setpriv` or `taskset`.

use std::ffi::OsString;
use std::process::Command;

use crate::find_program;

/// Returns `command` behind `wrapper`, the name of a program and its arguments.
///
/// The wrapper must execute the command in its own place, as `taskset` does, so that the process keeps its number.
/// Environment and working directory are kept, standard streams are not. An empty wrapper changes nothing else.
pub fn wrapped<S: Into<OsString>>(
    wrapper: impl IntoIterator<Item = S>,
    command: &Command,
) -> Command {
    let mut words = wrapper.into_iter().map(Into::into);
    let mut outer = match words.next() {
        Some(program) => {
            let mut outer = Command::new(program);
            outer.args(words).arg(command.get_program());
            outer
        }
        None => Command::new(command.get_program()),
    };
    outer.args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => outer.env(name, value),
            None => outer.env_remove(name),
        };
    }
    if let Some(directory) = command.get_current_dir() {
        outer.current_dir(directory);
    }
    outer
}

/// Returns `command` with SIGKILL as its parent-death signal, if `setpriv` is installed; else as it is.
///
/// The kernel sends the signal when the thread that spawns the command ends.
pub fn killed_with_parent(command: &Command) -> Command {
    let setpriv: &[&str] = match find_program("setpriv") {
        Some(_) => &["setpriv", "--pdeathsig", "KILL", "--"],
        None => &[],
    };
    wrapped(setpriv.iter().copied(), command)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrapping_keeps_arguments_environment_and_directory() {
        let mut command = Command::new("sh");
        command
            .args(["-c", "echo $0 $NEW ${HOME-unset} $PWD", "name"])
            .env("NEW", "set")
            .env_remove("HOME")
            .current_dir("/");
        let run = |command: &mut Command| command.output().unwrap().stdout;
        let expected = b"name set unset /\n";
        assert_eq!(run(&mut wrapped(["env", "--"], &command)), expected);
        assert_eq!(run(&mut wrapped([""; 0], &command)), expected);
        assert_eq!(run(&mut killed_with_parent(&command)), expected);
    }
}
