//! Hatching of virtual users, by Goose.

use std::pin::Pin;
use std::sync::Arc;

use goose::GooseAttack;
use goose::client::GooseClientBuilder;
use goose::config::GooseConfiguration;
use goose::goose::{Scenario, Transaction, TransactionFunction};

use crate::LoadError;

/// The whole life of a user. Its argument is the user's number, from 0.
pub(crate) type Life = dyn Fn(u64) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync;

/// Hatches `users` Goose users at `per_second`. Each runs `life` once. Never returns `Ok` before the
/// runtime is dropped.
///
/// Users whose life has ended stay pending: Goose would start them again, and its limit on iterations
/// makes it write to standard output, which is reserved for the summary.
///
/// Goose supplies users and hatching. Its clock, metrics, throttle and controllers are off: schedule,
/// connections and records are Tenfold's.
///
/// # Errors
/// If Goose rejects its configuration or ends early.
pub(crate) async fn hatch(users: u32, per_second: f64, life: Arc<Life>) -> Result<(), LoadError> {
    let failed = |error: goose::GooseError| LoadError::Users(error.to_string());
    let transaction: TransactionFunction = Arc::new(move |user| {
        let life = life(user.weighted_users_index as u64);
        Box::pin(async move {
            life.await;
            std::future::pending().await
        })
    });
    let attack = GooseAttack::initialize_with_config(configuration(users, per_second))
        .map_err(failed)?
        // One HTTP client for all, which stays unused: one per user would cost 120 KB and 2 ms.
        .set_client_builder_without_cookies(GooseClientBuilder::new().without_cookies())
        .map_err(failed)?
        .register_scenario(
            Scenario::new("users").register_transaction(Transaction::new(transaction)),
        );
    attack.execute().await.map_err(failed)?;
    Ok(())
}

fn configuration(users: u32, per_second: f64) -> GooseConfiguration {
    let mut configuration = GooseConfiguration::default();
    // Goose requires a host, although its client never sends anything.
    configuration.host = Some("http://127.0.0.1".to_owned());
    configuration.users = Some(users as usize);
    configuration.increase_rate = Some(per_second.to_string());
    configuration.quiet = 4;
    configuration.no_print_metrics = true;
    configuration.no_error_summary = true;
    configuration.no_metrics = true;
    configuration.no_transaction_metrics = true;
    configuration.no_scenario_metrics = true;
    configuration.no_telnet = true;
    configuration
}
