//! Goose's own client: users who call `user.get()` and read the response.

use std::io::Write as _;

use anyhow::Context as _;
use goose::config::GooseConfiguration;
use goose::prelude::*;
use serde::{Deserialize, Serialize};

use crate::cli::GooseUsersArguments;
use crate::generator::job::PATH;

/// Figures reported by Goose.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Measured {
    /// Median response time, in microseconds.
    pub(crate) p50_us: u64,
    /// 99th percentile of response time, in microseconds.
    pub(crate) p99_us: u64,
    /// Failed requests.
    pub(crate) failed: u64,
}

/// Sends for the given time, and prints Goose's figures as one line of JSON.
pub(crate) fn run(arguments: &GooseUsersArguments) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let measured = runtime
        .block_on(attack(arguments))
        .context("goose could not run")?;
    let mut line = serde_json::to_string(&measured)?;
    line.push('\n');
    Ok(std::io::stdout().write_all(line.as_bytes())?)
}

async fn attack(arguments: &GooseUsersArguments) -> Result<Measured, GooseError> {
    let mut configuration = GooseConfiguration::default();
    configuration.host = Some(arguments.url.clone());
    configuration.users = Some(arguments.users as usize);
    configuration.increase_rate = Some(arguments.users.to_string());
    configuration.run_time = Some(format!("{}s", arguments.seconds));
    configuration.quiet = 4;
    configuration.no_print_metrics = true;
    configuration.no_error_summary = true;
    configuration.no_telnet = true;
    let metrics = GooseAttack::initialize_with_config(configuration)?
        .register_scenario(scenario!("read").register_transaction(transaction!(read)))
        .execute()
        .await?;
    let mut measured = Measured {
        p50_us: 0,
        p99_us: 0,
        failed: 0,
    };
    for request in metrics.requests.values() {
        measured.p50_us = request.raw_data.percentile_us(0.5);
        measured.p99_us = request.raw_data.percentile_us(0.99);
        measured.failed = request.fail_count as u64;
    }
    Ok(measured)
}

async fn read(user: &mut GooseUser) -> TransactionResult {
    // Goose itself counts failed requests.
    if let Ok(response) = user.get(PATH).await?.response {
        let _ = response.bytes().await;
    }
    Ok(())
}
