//! Flags of `tenfold completions`.

use clap::Args;
use clap_complete::Shell;

#[derive(Debug, Args)]
pub(crate) struct CompletionsArguments {
    /// Shell that is to complete commands and flags
    pub(crate) shell: Shell,
}
