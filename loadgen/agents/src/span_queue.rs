//! Sampled requests of a generator that wait for the network.

use tenfold_measure::Spans;
use tokio::sync::mpsc;

/// Messages that may wait.
const MESSAGES_MAX: usize = 16;

/// Sampled requests that wait to be passed on. A slow network loses some, and delays nothing.
pub(crate) struct SpanQueue {
    queue: mpsc::Sender<Spans>,
    /// Lost ones that were not reported yet.
    lost: u64,
}

impl SpanQueue {
    /// An empty queue, and the end from which it is read.
    pub(crate) fn new() -> (Self, mpsc::Receiver<Spans>) {
        let (queue, waiting) = mpsc::channel(MESSAGES_MAX);
        (Self { queue, lost: 0 }, waiting)
    }

    /// Adds some, together with the number of those that were lost before. Without room, they are lost.
    pub(crate) fn offer(&mut self, mut spans: Spans) {
        let all = self.lost + spans.count();
        spans.lost += self.lost;
        self.lost = match self.queue.try_send(spans) {
            Ok(()) => 0,
            Err(_) => all,
        };
    }

    /// Adds the number of those that were lost in the end.
    pub(crate) async fn finish(self) {
        if self.lost > 0 {
            let spans = Spans {
                requests: Vec::new(),
                lost: self.lost,
            };
            // If it fails, the controller is gone.
            let _ = self.queue.send(spans).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use tenfold_loadgen::RequestSpan;

    use super::*;

    fn spans(count: u64) -> Spans {
        let span = |number| RequestSpan {
            phase: 0,
            request: 0,
            trace_id: 1,
            span_id: number,
            intended_ns: 0,
            blocked_ns: None,
            sent_ns: 0,
            done_ns: 1,
            status: Some(200),
            failure: None,
            exchanges: Vec::new(),
        };
        Spans {
            requests: (0..count).map(span).collect(),
            lost: 1,
        }
    }

    #[tokio::test]
    async fn every_request_arrives_or_is_counted() {
        let (mut queue, mut waiting) = SpanQueue::new();
        for _ in 0..MESSAGES_MAX + 3 {
            queue.offer(spans(4));
        }
        let first = waiting.recv().await.unwrap();
        assert_eq!((first.requests.len(), first.lost), (4, 1));
        queue.offer(spans(4));
        queue.offer(spans(7));
        let finishing = tokio::spawn(queue.finish());
        let (mut arrived, mut lost) = (0, 0);
        while let Some(spans) = waiting.recv().await {
            arrived += spans.requests.len();
            lost += spans.lost;
        }
        finishing.await.unwrap();
        // Of those after the first message, three messages and the last one were lost.
        assert_eq!(arrived, MESSAGES_MAX * 4);
        assert_eq!(lost, MESSAGES_MAX as u64 + 3 * 5 + 8);
    }

    #[tokio::test]
    async fn ends_without_waiting_for_a_lost_controller() {
        let (mut queue, waiting) = SpanQueue::new();
        for _ in 0..=MESSAGES_MAX {
            queue.offer(spans(1));
        }
        drop(waiting);
        queue.finish().await;
    }
}
