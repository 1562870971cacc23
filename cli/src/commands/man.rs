//! `tenfold man`: print a manual page, or write the pages of all commands.

use std::io;

use anyhow::Context as _;
use clap::{Command, CommandFactory as _};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

use crate::arguments::Cli;
use crate::arguments::man::ManArguments;
use crate::exit::{EXIT_STATUS, Exit, UsageError};
use crate::output::print;

/// Manual page of a command.
struct Page {
    /// Words of the command after `tenfold`.
    command: Vec<String>,
    /// Name with section, such as `tenfold-lab-up.1`.
    file: String,
    /// Text in roff.
    text: Vec<u8>,
}

/// Prints the page of a command, or writes all pages into a directory.
pub(crate) fn man(arguments: &ManArguments) -> anyhow::Result<Exit> {
    let pages = pages().context("could not generate the manual pages")?;
    if let Some(directory) = &arguments.out {
        std::fs::create_dir_all(directory)
            .with_context(|| format!("could not create {}", directory.display()))?;
        for page in &pages {
            let path = directory.join(&page.file);
            std::fs::write(&path, &page.text)
                .with_context(|| format!("could not write {}", path.display()))?;
        }
        print::note(&format!(
            "wrote {} manual pages into {}",
            pages.len(),
            directory.display()
        ));
        return Ok(Exit::Met);
    }
    let page = pages.iter().find(|page| page.command == arguments.command);
    let page = page.ok_or_else(|| unknown(&arguments.command, &pages))?;
    print::out(&String::from_utf8_lossy(&page.text))?;
    Ok(Exit::Met)
}

fn unknown(command: &[String], pages: &[Page]) -> UsageError {
    let known: Vec<String> = pages.iter().map(|page| page.command.join(" ")).collect();
    UsageError(format!(
        "could not find the manual page of `{}`: tenfold has no such command; it has {}",
        command.join(" "),
        known.join(", ").trim_start_matches(", ")
    ))
}

/// Returns the pages of `tenfold` and of each command, parents first.
fn pages() -> io::Result<Vec<Page>> {
    let mut root = Cli::command().disable_help_subcommand(true);
    root.build();
    let mut pages = Vec::new();
    add_pages(&root, &[], &mut pages)?;
    Ok(pages)
}

fn add_pages(command: &Command, words: &[String], pages: &mut Vec<Page>) -> io::Result<()> {
    pages.push(page(command, words)?);
    for inner in command
        .get_subcommands()
        .filter(|inner| !inner.is_hide_set())
    {
        let words = [words, &[inner.get_name().to_owned()]].concat();
        add_pages(inner, &words, pages)?;
    }
    Ok(())
}

fn page(command: &Command, words: &[String]) -> io::Result<Page> {
    let name = page_name(words);
    let man = Man::new(command.clone())
        .title(name.to_uppercase())
        .source(concat!("Tenfold ", env!("CARGO_PKG_VERSION")))
        .manual("Tenfold Manual");
    let mut text = Vec::new();
    man.render(&mut text)?;
    let mut end = Roff::new();
    end.control("SH", ["EXIT STATUS"]);
    for (code, meaning) in EXIT_STATUS {
        end.control("TP", []);
        end.text([bold(code.to_string())]);
        end.text([roman(meaning)]);
    }
    if let Some((_, parents)) = words.split_last() {
        end.control("SH", ["SEE ALSO"]);
        end.text([bold(page_name(parents)), roman("(1)")]);
    }
    end.to_writer(&mut text)?;
    Ok(Page {
        command: words.to_owned(),
        file: format!("{name}.1"),
        text,
    })
}

/// Returns the name of a command's page: `tenfold-lab-up` for `lab up`.
fn page_name(words: &[String]) -> String {
    let mut name = "tenfold".to_owned();
    for word in words {
        name.push('-');
        name.push_str(word);
    }
    name
}
