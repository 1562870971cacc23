//! Receivers of what a run measures.

use std::time::Duration;

use clap::Args;
use tenfold_telemetry::{ReceiverUrl, Settings};

use crate::arguments::values::duration;
use crate::exit::UsageError;

#[derive(Debug, Args)]
#[command(next_help_heading = "Observability")]
pub(crate) struct TelemetryArguments {
    /// Send metrics, and spans of sampled requests, to a receiver of OTLP over HTTP, such as http://127.0.0.1:4318
    /// [default: $OTEL_EXPORTER_OTLP_ENDPOINT]
    #[arg(long, value_name = "URL", env = "TENFOLD_OTLP", hide_env_values = true)]
    otlp: Option<ReceiverUrl>,
    /// Send metrics by Prometheus remote write, such as to http://127.0.0.1:9090/api/v1/write
    #[arg(
        long,
        value_name = "URL",
        env = "TENFOLD_PROMETHEUS_REMOTE_WRITE",
        hide_env_values = true
    )]
    prometheus_remote_write: Option<ReceiverUrl>,
    /// Time between two deliveries [default: 5s]
    #[arg(long, value_name = "TIME", value_parser = duration, env = "TENFOLD_TELEMETRY_INTERVAL")]
    telemetry_interval: Option<Duration>,
}

impl TelemetryArguments {
    /// Completes the flags with the variables of OpenTelemetry. `None` if nothing is sent.
    ///
    /// # Errors
    /// If a variable can't be used.
    pub(crate) fn settings(&self) -> anyhow::Result<Option<Settings>> {
        let settings = Settings::new(
            self.otlp.clone(),
            self.prometheus_remote_write.clone(),
            self.telemetry_interval,
            &|name| std::env::var(name).ok(),
        );
        settings.map_err(|error| UsageError(error.to_string()).into())
    }
}
