//! Hatches the virtual users as Goose users.

use std::pin::Pin;
use std::sync::Arc;

use goose::GooseAttack;
use goose::client::GooseClientBuilder;
use goose::config::GooseConfiguration;
use goose::goose::{Scenario, Transaction, TransactionFunction};

use crate::LoadError;

/// What a user does from its first moment to its last; it is told its number, from 0.
pub(crate) type Life = dyn Fn(u64) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync;

/// Hatches `users` Goose users at `per_second`, each of which lives `life` once; returns only where
/// Goose gives up. Users whose life is over are held until the runtime is dropped, with which all
/// of this ends: Goose would begin it anew, and with its own bound on iterations it writes to
/// standard output, which belongs to the summary.
///
/// Goose supplies the users and the hatching. Its own clock, metrics, throttle and controllers are
/// off: the schedule, the connection and the record are Tenfold's.
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
        // One HTTP client for all, which nobody uses: one each would cost 120 KB and 2 ms.
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
    // Goose wants a host, though nothing is ever sent through its own client.
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
