//! Counts of the deliveries to one receiver, and sentences about them.

use crate::delivery::Delivery;
use crate::receiver::{PostError, ReceiverUrl};

/// Counts of the deliveries to one receiver.
#[derive(Debug, Default)]
pub(super) struct Tally {
    sent: u64,
    pub(super) failed: u64,
    /// Reason of the last failure.
    pub(super) last_error: Option<String>,
    /// True if the last delivery arrived.
    pub(super) is_complete: bool,
}

impl Tally {
    /// Counts a delivery of metrics.
    pub(super) fn count(&mut self, metrics: &Result<(), PostError>) {
        match metrics {
            Ok(()) => self.sent += 1,
            Err(_) => self.failed += 1,
        }
    }

    /// Sentences about successful and failed deliveries. `lost` sampled requests never reached the queue.
    pub(super) fn sentences(
        &self,
        url: &ReceiverUrl,
        delivery: &Delivery,
        lost: u64,
    ) -> Vec<String> {
        let waiting = delivery.spans.borrow();
        let mut sentences = Vec::new();
        if self.sent > 0 {
            let spans = match waiting.sent {
                0 => String::new(),
                some => format!(", and the spans of {}", requests(some)),
            };
            let times = match self.sent {
                1 => "once".to_owned(),
                some => format!("{some} times"),
            };
            sentences.push(format!("sent metrics to {url} {times}{spans}"));
        }
        if let Some(reason) = self.last_error.as_ref().filter(|_| self.failed > 0) {
            let all = self.sent + self.failed;
            let effect = match (self.is_complete, self.sent) {
                (true, _) => "the last one arrived, so all counts there are complete",
                (false, 0) => "it has no figures of this run",
                (false, _) => "its figures of this run end early",
            };
            sentences.push(format!(
                "note: {} of {all} deliveries to {url} failed: {reason}; {effect}. The run was not disturbed",
                self.failed
            ));
        }
        let missing = waiting.dropped + waiting.queue.len() as u64;
        let too_slow = self.last_error.as_deref().unwrap_or("it was too slow");
        for (missing, reason) in [
            (missing, too_slow),
            (
                lost,
                "they were too many to be passed on; sample fewer (`traceparent`)",
            ),
        ] {
            if missing > 0 && delivery.takes_spans() {
                let belong = if missing == 1 { "is" } else { "are" };
                sentences.push(format!(
                    "note: the spans of {} {belong} missing at {url}: {reason}",
                    requests(missing)
                ));
            }
        }
        let rejections = delivery.rejections.borrow();
        if rejections.count > 0 {
            sentences.push(format!(
                "note: {url} rejected {} points or spans: {}",
                rejections.count, rejections.reason
            ));
        }
        sentences
    }
}

fn requests(count: u64) -> String {
    match count {
        1 => "1 request".to_owned(),
        some => format!("{some} requests"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url() -> ReceiverUrl {
        "http://user:s3cret@a:4318".parse().unwrap()
    }

    #[test]
    fn success_is_one_sentence() {
        let mut tally = Tally {
            is_complete: true,
            ..Tally::default()
        };
        tally.count(&Ok(()));
        let delivery = Delivery::new(true);
        assert_eq!(
            tally.sentences(&url(), &delivery, 0),
            ["sent metrics to http://a:4318 once"]
        );
        tally.count(&Ok(()));
        delivery.spans.borrow_mut().sent = 1;
        assert_eq!(
            tally.sentences(&url(), &delivery, 0),
            ["sent metrics to http://a:4318 2 times, and the spans of 1 request"]
        );
    }

    #[test]
    fn failures_are_named_with_their_effect() {
        let mut tally = Tally {
            last_error: Some("connection refused".to_owned()),
            ..Tally::default()
        };
        for _ in 0..3 {
            tally.count(&Err(PostError::Temporary(String::new())));
        }
        let delivery = Delivery::new(true);
        delivery.spans.borrow_mut().dropped = 40;
        assert_eq!(
            tally.sentences(&url(), &delivery, 2),
            [
                "note: 3 of 3 deliveries to http://a:4318 failed: connection refused; it has no figures of this \
                 run. The run was not disturbed",
                "note: the spans of 40 requests are missing at http://a:4318: connection refused",
                "note: the spans of 2 requests are missing at http://a:4318: they were too many to be passed on; \
                 sample fewer (`traceparent`)"
            ]
        );
    }
}
