//! Store of the reference service.

use clap::Args;

#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Storage")]
pub(crate) struct StoreArguments {
    /// Store of the reference service, such as sqlite:FILE or mysql://user@host/database; add ?ssl_ca=FILE
    /// for TLS [default: the stage's own, or SQLite in the data directory]
    #[arg(
        long = "store",
        id = "store",
        value_name = "URL",
        env = "TENFOLD_STORE",
        hide_env_values = true
    )]
    pub(crate) url: Option<String>,
}
