//! Paths without characters that need quoting.

use std::path::{Path, PathBuf};

use crate::LabError;

/// Returns the absolute path if no character has a meaning in configuration files, URLs or scripts.
pub(crate) fn plain_path(path: &Path) -> Result<PathBuf, LabError> {
    let failed = |source| LabError::Directory {
        path: path.to_owned(),
        source,
    };
    let absolute = std::path::absolute(path).map_err(failed)?;
    let is_plain = absolute.to_str().is_some_and(|text| {
        text.bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"/._-+".contains(&byte))
    });
    match is_plain {
        true => Ok(absolute),
        false => Err(LabError::UnplainPath { path: absolute }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_path_that_needs_quoting() {
        assert!(plain_path(Path::new("a/b-c_d.e")).unwrap().is_absolute());
        for path in [
            "with space",
            "semi;colon",
            "quo\"te",
            "gr\u{fc}n",
            "per%cent",
        ] {
            let error = plain_path(Path::new(path)).unwrap_err().to_string();
            assert!(error.contains("letters, digits"), "{error}");
        }
    }
}
