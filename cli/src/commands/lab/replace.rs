//! `tenfold lab replace`: give a box of the service another build.

use anyhow::Context as _;
use tenfold_lab::{BuildChange, Request};

use crate::arguments::lab::ReplaceArguments;
use crate::commands::lab::named;
use crate::exit::Exit;
use crate::output::print;

/// Replaces the build of a box. The last word of the message says whether anything changed.
pub(crate) fn replace(arguments: &ReplaceArguments) -> anyhow::Result<Exit> {
    let program = arguments.program.as_ref().map(|program| {
        std::path::absolute(program).with_context(|| format!("could not use {}", program.display()))
    });
    let request = Request::Replace {
        name: arguments.name.clone(),
        change: BuildChange {
            program: program.transpose()?,
            set: arguments.set.iter().cloned().collect(),
            unset: arguments.unset.clone(),
        },
    };
    let name = &arguments.name;
    match named(&arguments.directory.dir, &request)?.is_empty() {
        true => print::note(&format!("{name} has this build already: unchanged")),
        false => print::note(&format!("{name}: replaced")),
    }
    Ok(Exit::Met)
}
