//! Goose's own client: users who call `user.get()` and read the response. Prints Goose's figures as one line of JSON.

use clap::Parser;
use goose::config::GooseConfiguration;
use goose::prelude::*;
use serde_json::json;

/// Sends flat out with Goose's own client
#[derive(Debug, Parser)]
struct Arguments {
    /// Address to read
    #[arg(long)]
    url: String,
    /// Number of users
    #[arg(long)]
    users: u32,
    /// Time to send, in seconds
    #[arg(long)]
    seconds: u64,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), GooseError> {
    let arguments = Arguments::parse();
    let mut configuration = GooseConfiguration::default();
    configuration.host = Some(arguments.url);
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
        for request in metrics.requests.values() {
        let figures = json!({
            "p50_us": request.raw_data.percentile_us(0.5),
            "p99_us": request.raw_data.percentile_us(0.99),
            "failed": request.fail_count,
        });
        println!("{figures}");
    }
    Ok(())
}

async fn read(user: &mut GooseUser) -> TransactionResult {
    // Goose itself counts failed requests.
    if let Ok(response) = user.get("").await?.response {
        let _ = response.bytes().await;
    }
    Ok(())
}
