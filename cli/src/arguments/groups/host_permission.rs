//! Permission to send load to hosts of others.

use clap::Args;

#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Target")]
pub(crate) struct HostPermissionArguments {
    /// Confirm that you may send load to this host, named as in its URL. Required once for hosts outside
    /// this machine and private networks, then remembered in your configuration. Repeatable
    #[arg(
        long = "i-may-test-this-host",
        value_name = "HOST",
        env = "TENFOLD_I_MAY_TEST_THIS_HOST",
        value_delimiter = ','
    )]
    pub(crate) hosts: Vec<String>,
}
