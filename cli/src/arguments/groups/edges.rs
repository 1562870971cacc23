//! Caches beyond the reference service: those of clients, and those at the edge.

use clap::Args;
use clap::builder::BoolishValueParser;
use tenfold_server::Config;

#[derive(Debug, Args)]
#[command(next_help_heading = "Caches of clients and edges")]
pub(crate) struct EdgeArguments {
    /// Send no validators, so that clients load each response whole
    #[arg(long, env = "TENFOLD_NO_CLIENT_CACHE", value_parser = BoolishValueParser::new())]
    no_client_cache: bool,
    /// Varnish that keeps public responses, and is purged when something changes: http://host:port. Repeatable [default: none]
    #[arg(
        long = "edge",
        value_name = "URL",
        env = "TENFOLD_EDGE",
        value_delimiter = ' '
    )]
    edges: Vec<String>,
    /// Key of purges. Put it into the variable, not on the command line [default: none]
    #[arg(
        long,
        value_name = "KEY",
        env = "TENFOLD_EDGES_KEY",
        hide_env_values = true
    )]
    edges_key: Option<String>,
}

impl EdgeArguments {
    /// Applies the flags to a configuration.
    pub(crate) fn apply(&self, config: &mut Config) {
        config.has_validators = !self.no_client_cache;
        config.edges.urls.clone_from(&self.edges);
        config.edges.key.clone_from(&self.edges_key);
    }
}
