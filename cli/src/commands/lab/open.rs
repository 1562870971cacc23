//! `tenfold lab open`: print the addresses of a lab's pages.

use std::fmt::Write as _;

use crate::arguments::lab::DirectoryArguments;
use crate::commands::lab::status;
use crate::exit::Exit;
use crate::output::print;

/// Prints the entrance and the pages of a lab.
pub(crate) fn open(arguments: &DirectoryArguments) -> anyhow::Result<Exit> {
    let status = status(&arguments.dir)?;
    let mut text = String::new();
    if let Some(entrance) = &status.entrance {
        let _ = writeln!(text, "{}  the service", entrance.url);
        if let Some(door) = &entrance.door {
            let (url, server) = (&door.url, door.name_server);
            let _ = writeln!(
                text,
                "{url}  the service by its name, at the name server {server}"
            );
        }
    }
    let watching = status.watching.unwrap_or_default();
    for page in &watching.pages {
        let _ = writeln!(text, "{}  {}: {}", page.url, page.name, page.shows);
    }
    print::out(&text)?;
    for missing in &watching.missing {
        print::note(missing);
    }
    Ok(Exit::Met)
}
