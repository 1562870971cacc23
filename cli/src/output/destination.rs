//! Files to write: never an input, and an existing file only with `--force`.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use crate::exit::UsageError;

/// Name of standard input among the inputs of a command.
pub(crate) const STANDARD_INPUT: &str = "-";

/// Checks that `path` may be written.
///
/// # Errors
/// Fails if it is one of the inputs, also through a link and with `force`; and if it exists, without `force`.
pub(crate) fn check(
    path: &Path,
    inputs: &[impl AsRef<Path>],
    force: bool,
) -> Result<(), UsageError> {
    refuse_input(path, inputs)?;
    match path.exists() && !force {
        true => Err(UsageError(format!(
            "{} already exists; choose another file with --out, or overwrite it with --force",
            path.display()
        ))),
        false => Ok(()),
    }
}

/// Checks that `path` is none of the inputs.
///
/// # Errors
/// Fails if both are the same file: by name, through a symbolic link, or as a hard link.
pub(crate) fn refuse_input(path: &Path, inputs: &[impl AsRef<Path>]) -> Result<(), UsageError> {
    let Ok(written) = std::fs::metadata(path) else {
        return Ok(());
    };
    let is_same = |input: &Metadata| (input.dev(), input.ino()) == (written.dev(), written.ino());
    for input in inputs.iter().map(AsRef::as_ref) {
        let metadata = match input.as_os_str() == STANDARD_INPUT {
            true => std::fs::metadata("/dev/stdin"),
            false => std::fs::metadata(input),
        };
        if written.is_file() && metadata.is_ok_and(|metadata| is_same(&metadata)) {
            return Err(UsageError(format!(
                "{} is the input itself ({}), which is never overwritten; choose another file",
                path.display(),
                input.display()
            )));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn refuses_inputs_through_every_link() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        let input = at("input");
        std::fs::write(&input, "kept").unwrap();
        std::fs::write(at("other"), "").unwrap();
        symlink(&input, at("symbolic")).unwrap();
        std::fs::hard_link(&input, at("hard")).unwrap();
        for name in ["input", "./input", "symbolic", "hard"] {
            let refused = check(&at(name), &[&input], true).unwrap_err().to_string();
            assert!(refused.contains("is the input itself"), "{refused}");
        }
        check(&at("other"), &[&input], true).unwrap();
        check(&at("new"), &[&input], false).unwrap();
        let refused = check(&at("other"), &[&input], false).unwrap_err();
        assert!(refused.to_string().contains("--force"), "{refused}");
    }
}
