//! Parts of the reference service in processes of their own.

use clap::Args;
use tenfold_server::Config;

#[derive(Debug, Args)]
#[command(next_help_heading = "Parts of the service")]
pub(crate) struct ServicesArguments {
    /// Processes with --role users, which a part calls: http://host:port,host:port [default: none]
    #[arg(long, value_name = "URL", env = "TENFOLD_USERS_SERVICE")]
    users_service: Option<String>,
    /// Processes with --role posts, which a part calls: http://host:port,host:port [default: none]
    #[arg(long, value_name = "URL", env = "TENFOLD_POSTS_SERVICE")]
    posts_service: Option<String>,
    /// Key that all parts share, of visible ASCII characters. Put it into the variable, not on the command line [default: none]
    #[arg(
        long,
        value_name = "KEY",
        env = "TENFOLD_SERVICES_KEY",
        hide_env_values = true
    )]
    services_key: Option<String>,
}

impl ServicesArguments {
    /// Applies the flags to a configuration.
    pub(crate) fn apply(&self, config: &mut Config) {
        config.services.users.clone_from(&self.users_service);
        config.services.posts.clone_from(&self.posts_service);
        config.services.key.clone_from(&self.services_key);
    }
}
