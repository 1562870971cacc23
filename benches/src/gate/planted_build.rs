//! A build of the planted server, as a command.

use std::path::Path;

use serde::{Deserialize, Serialize};

/// A build of the planted server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PlantedBuild {
    /// Steps of arithmetic that a request takes.
    pub(crate) steps: u64,
    /// How long a request waits, in microseconds.
    pub(crate) wait_us: u64,
}

impl PlantedBuild {
    /// The command that starts it, for `tenfold gate`; `program` is this one.
    pub(crate) fn command(&self, program: &Path) -> String {
        format!(
            "exec {} planted --port {{port}} --work {} --wait-us {}",
            quoted(&program.display().to_string()),
            self.steps,
            self.wait_us
        )
    }
}

/// A word of a shell's command that means itself.
fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_build_is_a_command() {
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
