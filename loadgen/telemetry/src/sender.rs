//! The protocols.

use crate::delivery::{Delivery, Rejection};
use crate::receiver::{PostError, Receiver};
use crate::snapshot::Snapshot;

/// A protocol.
pub(crate) trait Sender {
    /// The receiver.
    fn receiver(&self) -> &Receiver;

    /// Returns whether histograms are sent with three digits.
    fn needs_exact(&self) -> bool;

    /// Sends all metrics. Returns what the receiver did not take.
    async fn send_metrics(&self, snapshot: &Snapshot<'_>) -> Result<Rejection, PostError>;

    /// Sends the spans that wait, and takes those off the queue that arrived.
    async fn send_spans(
        &self,
        snapshot: &Snapshot<'_>,
        delivery: &Delivery,
    ) -> Result<(), PostError>;
}
