//! Warehouse of the reference service's old posts.

use std::time::Duration;

use clap::Args;
use tenfold_server::Config;
use tenfold_server::warehouse::ArchiveOptions;

use crate::arguments::values::nonzero_duration;

#[derive(Debug, Args)]
#[command(next_help_heading = "Old posts")]
pub(crate) struct WarehouseArguments {
    /// Warehouse to which old posts move, and from which they are read then: clickhouse://user:password@host:port/database
    /// [default: none, all posts stay in the store]
    #[arg(
        long,
        value_name = "URL",
        env = "TENFOLD_WAREHOUSE",
        hide_env_values = true
    )]
    warehouse: Option<String>,
    /// Full months whose posts stay in the store, beside the present one
    #[arg(long, value_name = "N", default_value = "3", env = "TENFOLD_KEEP_MONTHS",
        value_parser = clap::value_parser!(u32).range(0..=1_200))]
    keep_months: u32,
    /// Time between two moves of old posts, by a process that works on jobs (--role)
    #[arg(long, value_name = "TIME", default_value = "1h", value_parser = nonzero_duration,
        env = "TENFOLD_ARCHIVE_EVERY")]
    archive_every: Duration,
}

impl WarehouseArguments {
    /// Applies the flags to a configuration.
    pub(crate) fn apply(&self, config: &mut Config) {
        config.archive = self.warehouse.as_ref().map(|url| ArchiveOptions {
            warehouse_url: url.clone(),
            keep_months: self.keep_months,
            every: Some(self.archive_every),
        });
    }
}
