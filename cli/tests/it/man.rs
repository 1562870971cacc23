//! `tenfold man`: a page for every command, with every flag, that groff renders without a warning.

use std::collections::BTreeSet;
use std::process::Command;

use crate::help::SUBCOMMANDS;
use crate::support::{Workplace, skip};

/// Returns the long flags in a text of which `\-` is a hyphen, without aliases, which pages leave out.
fn flags(text: &str) -> BTreeSet<String> {
    let text = text.replace("\\-", "-");
    let parts = text.split("[alias").enumerate();
    let parts = parts.map(|(at, part)| match at {
        0 => part,
        _ => part.split_once(']').map_or("", |(_, after)| after),
    });
    let text: String = parts.collect();
    let words = text.split(|c: char| !(c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'));
    let flags = words.filter(|word| word.len() > 2 && word.starts_with("--"));
    flags
        .map(|flag| flag.trim_end_matches('-').to_owned())
        .collect()
}

#[test]
fn writes_a_page_for_every_command() {
    let place = Workplace::new();
    place.run(&["man", "--out", "pages/man1"]).expect(0);
    let written = std::fs::read_dir(place.path("pages/man1")).expect("the folder exists");
    let written = written.map(|entry| entry.expect("it is readable").file_name());
    let written: BTreeSet<String> = written
        .map(|name| name.into_string().expect("names are ASCII"))
        .collect();
    let expected: BTreeSet<String> = SUBCOMMANDS
        .iter()
        .map(|command| format!("{}.1", [&["tenfold"][..], command].concat().join("-")))
        .collect();
    assert_eq!(written, expected);
}

#[test]
fn pages_have_every_flag_of_the_help() {
    let place = Workplace::new();
    for command in SUBCOMMANDS {
        let page = place
            .run(&[&["man"][..], command].concat())
            .expect(0)
            .stdout;
        let help = place.run(&[command, &["--help"]].concat()).expect(0).stdout;
        let (page, help) = (flags(&page), flags(&help));
        let missing: Vec<_> = help.difference(&page).collect();
        assert!(missing.is_empty(), "tenfold {command:?}: {missing:?}");
    }
}

#[test]
fn pages_are_rendered_without_warnings() {
    let place = Workplace::new();
    place.run(&["man", "--out", "."]).expect(0);
    for command in SUBCOMMANDS {
        let file = format!("{}.1", [&["tenfold"][..], command].concat().join("-"));
        let rendered = Command::new("groff")
            // Without bold and underlined text, which a printer makes by typing twice.
            .args(["-man", "-Tutf8", "-ww", "-rLL=100n", "-P-b", "-P-u"])
            .arg(&file)
            .current_dir(place.path(""))
            .output();
        let Ok(rendered) = rendered else {
            return skip("no groff");
        };
        let warnings = String::from_utf8_lossy(&rendered.stderr);
        assert!(
            rendered.status.success() && warnings.is_empty(),
            "{file}: {warnings}"
        );
        let text = String::from_utf8_lossy(&rendered.stdout);
        assert!(text.contains("EXIT STATUS"), "{text}");
    }
}

#[test]
fn exit_status_matches_the_documentation() {
    let page = Workplace::new().run(&["man"]).expect(0).stdout;
    let documented =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/cli.md"))
            .expect("the page exists");
    let (_, table) = documented
        .split_once("## Exit codes")
        .expect("it has the table");
    let mut codes = 0;
    for line in table.lines().filter(|line| line.starts_with("| ")) {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        if let [code, meaning] = cells[..]
            && code.parse::<u8>().is_ok()
        {
            codes += 1;
            let lines: Vec<&str> = page.lines().collect();
            let at = lines
                .iter()
                .position(|line| *line == format!("\\fB{code}\\fR"))
                .unwrap_or_else(|| panic!("the page has no exit code {code}"));
            let in_page = lines[at + 1].trim_end_matches('.').replace("\\-", "-");
            assert_eq!(in_page.to_lowercase(), meaning.to_lowercase());
        }
    }
    assert_eq!(codes, 8);
}

#[test]
fn unknown_command_lists_the_commands() {
    let ended = Workplace::new().run(&["man", "lab", "upp"]).expect(104);
    assert!(
        ended.stderr.contains("`lab upp`") && ended.stderr.contains("lab up, "),
        "{}",
        ended.stderr
    );
}
