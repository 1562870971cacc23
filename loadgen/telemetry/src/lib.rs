//! Sends the metrics and traces of a run to other systems while it runs.
//!
//! A [`Publisher`] reads the [`FeedReader`](tenfold_loadgen::FeedReader) of a run on a thread of its own, and sends every few
//! seconds:
//!
//! - metrics and spans by the OpenTelemetry protocol, over HTTP with protobuf ([`OtlpSettings`]);
//! - metrics by Prometheus remote write 1.0 ([`RemoteWriteSettings`]).
//!
//! Queues are bounded. A slow or dead receiver loses spans, and never delays a request: lost spans are counted and
//! reported at the end ([`Publisher::finish`]). Metrics are totals since the start, so the next delivery replaces one that
//! failed.
//!
//! | module | contents |
//! |---|---|
//! | `publisher` | the thread, its intervals and its queues |
//! | `otlp` | metrics and spans as messages of OTLP |
//! | `remote_write` | metrics as messages of remote write |
//! | `exponential` | base-2 exponential histograms |
//! | `sender` | the two protocols |
//! | `snapshot` | a run at a moment |
//! | `delivery` | the queue of a receiver |
//! | `family` | the metrics of a run, independent of the format |
//! | `exemplars` | the slowest sampled requests |
//! | `receiver` | address, headers and TLS of a receiver |
//! | `settings` | settings, from flags and from the variables of OpenTelemetry |

mod delivery;
mod exemplars;
mod exponential;
mod family;
mod otlp;
mod publisher;
mod receiver;
mod remote_write;
mod sender;
mod settings;
mod snapshot;

pub use exemplars::Exemplar;
pub use family::{Data, Distribution, Family, Labels, Point, families, latencies};
pub use publisher::Publisher;
pub use receiver::{Headers, ReceiverError, ReceiverUrl};
pub use settings::{
    HistogramForm, OtlpSettings, RemoteWriteSettings, Settings, SettingsError, Variables,
};
pub use snapshot::{Description, RequestDescription};
