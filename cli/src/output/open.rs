//! Opens a file in the browser of the desktop.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::output::print;

/// Opens a page in the browser. A machine without a desktop gets a note with the address instead: the page is written
/// either way.
pub(crate) fn open(page: &Path) {
    if let Err(reason) = try_open(page) {
        let path = std::path::absolute(page).unwrap_or_else(|_| page.to_owned());
        print::note(&format!(
            "note: could not open the report: {reason}; open file://{} in a browser",
            path.display()
        ));
    }
}

fn try_open(page: &Path) -> Result<(), String> {
    let program = program(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()))?;
    let started = Command::new(program)
        .arg(page)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    match started {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("`{program}` failed ({status})")),
        Err(error) => Err(format!("could not run `{program}`: {error}")),
    }
}

/// Returns the program that opens files. `is_set` says whether an environment variable is set.
fn program(is_set: impl Fn(&str) -> bool) -> Result<&'static str, String> {
    if cfg!(target_os = "macos") {
        return Ok("open");
    }
    match ["DISPLAY", "WAYLAND_DISPLAY"].into_iter().any(is_set) {
        true => Ok("xdg-open"),
        false => Err(
            "this machine has no desktop (neither DISPLAY nor WAYLAND_DISPLAY is set)".to_owned(),
        ),
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn needs_a_desktop() {
        assert_eq!(program(|name| name == "WAYLAND_DISPLAY"), Ok("xdg-open"));
        let reason = program(|_| false).unwrap_err();
        assert!(reason.contains("no desktop"), "{reason}");
    }
}
