//! Records the git revision of the build, which runs store in their manifest.

use std::process::Command;

fn main() {
    let git = |arguments: &[&str]| {
        let output = Command::new("git").args(arguments).output().ok()?;
        let text = output.status.success().then_some(output.stdout)?;
        Some(String::from_utf8(text).ok()?.trim().to_owned())
    };
    // A published crate names its revision in a file. It may lie inside of somebody else's checkout.
    let published = std::fs::read_to_string(".cargo_vcs_info.json").ok();
    let revision = match &published {
        Some(text) => revision_in(text),
        None => git(&["rev-parse", "--short=12", "HEAD"]),
    };
    // A build outside a checkout has no revision.
    if let Some(revision) = revision {
        println!("cargo::rustc-env=TENFOLD_GIT_REVISION={revision}");
    }
    if published.is_some() {
        println!("cargo::rerun-if-changed=.cargo_vcs_info.json");
        return;
    }
    for file in ["HEAD", "logs/HEAD"] {
        if let Some(path) = git(&["rev-parse", "--git-path", file]) {
            println!("cargo::rerun-if-changed={path}");
        }
    }
}

/// Returns the revision in `.cargo_vcs_info.json`, which cargo writes: the first twelve digits after `"sha1": "`.
fn revision_in(text: &str) -> Option<String> {
    let (_, rest) = text.split_once("\"sha1\": \"")?;
    let digits = rest.get(..12)?;
    digits
        .chars()
        .all(|digit| digit.is_ascii_hexdigit())
        .then(|| digits.to_owned())
}
