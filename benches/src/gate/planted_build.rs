//! A build of the planted server.

use std::path::Path;

use serde::{Deserialize, Serialize};

/// A build of the planted server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PlantedBuild {
    /// Steps of arithmetic in each request.
    pub(crate) steps: u64,
    /// Wait of each request, in microseconds.
    pub(crate) wait_us: u64,
}

impl PlantedBuild {
    /// Returns the command that starts it, for `tenfold gate`. `program` is this program.
    pub(crate) fn command(&self, program: &Path) -> String {
        format!(
            "exec {} planted --port {{port}} --work {} --wait-us {}",
            quote(&program.display().to_string()),
            self.steps,
            self.wait_us
        )
    }
}

/// Quotes a word for the shell.
fn quote(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn builds_quoted_command() {
        let build = PlantedBuild {
            steps: 1_000,
            wait_us: 5_000,
        };
        assert_eq!(
            build.command(Path::new("/a b/it's")),
            r"exec '/a b/it'\''s' planted --port {port} --work 1000 --wait-us 5000"
        );
    }
}
