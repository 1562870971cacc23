//! `tenfold completions`: print the completion script of a shell.

use clap::CommandFactory as _;

use crate::arguments::Cli;
use crate::arguments::completions::CompletionsArguments;
use crate::exit::Exit;
use crate::output::print;

/// Prints the completion script.
pub(crate) fn completions(arguments: &CompletionsArguments) -> anyhow::Result<Exit> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut Cli::command(), "tenfold", &mut script);
    print::out(&String::from_utf8_lossy(&script))?;
    Ok(Exit::Met)
}
