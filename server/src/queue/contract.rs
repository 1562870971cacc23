//! Contract of [`Queue`], as a suite for every backend.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::{Delivery, JobId, Queue, QueueError, QueueOptions, QueueStats};

/// Wait for a job that is there, or is to come back.
const LONG: Duration = Duration::from_secs(20);
/// Wait for a job that must not come.
const SHORT: Duration = Duration::from_millis(150);

fn id(text: &str) -> JobId {
    JobId::new(text).unwrap()
}

fn options() -> QueueOptions {
    QueueOptions {
        jobs_max: Some(4),
        dead_max: 2,
        visibility: Duration::from_secs(30),
    }
}

async fn push(queue: &dyn Queue, name: &'static str) {
    queue.push(&id(name), Bytes::from(name)).await.unwrap();
}

async fn pull(queue: &dyn Queue) -> Delivery {
    queue.pull(LONG).await.unwrap().expect("a job")
}

/// Runs the suite. `open` returns an empty queue with these options.
pub(crate) async fn holds(mut open: impl AsyncFnMut(QueueOptions) -> Arc<dyn Queue>) {
    jobs_come_in_order_and_leave_when_completed(&*open(options()).await).await;
    full_queue_rejects_and_recovers(&*open(options()).await).await;
    job_in_queue_is_not_added_twice(&*open(options()).await).await;
    lease_hides_job_until_it_ends(
        &*open(QueueOptions {
            visibility: Duration::from_secs(1),
            ..options()
        })
        .await,
    )
    .await;
    retry_pauses_and_counts_attempts(&*open(options()).await).await;
    dead_letters_are_kept_shown_and_revived(&*open(options()).await).await;
    waiting_consumer_gets_new_job(open(options()).await).await;
    each_job_has_one_consumer(
        open(QueueOptions {
            jobs_max: None,
            ..options()
        })
        .await,
    )
    .await;
}

async fn jobs_come_in_order_and_leave_when_completed(queue: &dyn Queue) {
    assert_eq!(queue.pull(SHORT).await.unwrap(), None);
    assert_eq!(queue.stats().await.unwrap(), QueueStats::default());
    for name in ["a", "b", "c"] {
        push(queue, name).await;
    }
    for name in ["a", "b", "c"] {
        let got = pull(queue).await;
        assert_eq!((got.id.as_str(), &got.payload[..]), (name, name.as_bytes()));
        assert_eq!(got.attempt, 1);
        let stats = queue.stats().await.unwrap();
        assert_eq!(stats.leased, 1);
        queue.complete(&got).await.unwrap();
        // A lost acknowledgement is sent again.
        queue.complete(&got).await.unwrap();
    }
    assert_eq!(queue.stats().await.unwrap(), QueueStats::default());
    assert_eq!(queue.pull(SHORT).await.unwrap(), None);
}

async fn full_queue_rejects_and_recovers(queue: &dyn Queue) {
    for name in ["a", "b", "c", "d"] {
        push(queue, name).await;
    }
    for _ in 0..3 {
        let rejected = queue.push(&id("e"), Bytes::from("e")).await;
        assert_eq!(rejected, Err(QueueError::Full));
    }
    // A job that is worked on still takes its place.
    let first = pull(queue).await;
    let rejected = queue.push(&id("e"), Bytes::from("e")).await;
    assert_eq!(rejected, Err(QueueError::Full));
    queue.complete(&first).await.unwrap();
    push(queue, "e").await;
    for name in ["b", "c", "d", "e"] {
        let got = pull(queue).await;
        assert_eq!(got.id.as_str(), name);
        queue.complete(&got).await.unwrap();
    }
}

async fn job_in_queue_is_not_added_twice(queue: &dyn Queue) {
    for _ in 0..3 {
        push(queue, "a").await;
    }
    assert_eq!(queue.stats().await.unwrap().jobs, 1);
    let got = pull(queue).await;
    assert_eq!(queue.pull(SHORT).await.unwrap(), None);
    queue.complete(&got).await.unwrap();
}

async fn lease_hides_job_until_it_ends(queue: &dyn Queue) {
    push(queue, "a").await;
    let began = Instant::now();
    let first = pull(queue).await;
    for _ in 0..4 {
        tokio::time::sleep(Duration::from_millis(400)).await;
        queue.extend(&first).await.unwrap();
    }
    let second = pull(queue).await;
    // The last extension was not before 1.6 s, and lasts for one more.
    assert!(began.elapsed() > Duration::from_millis(2_400));
    assert_eq!((second.id.as_str(), second.attempt), ("a", 2));
    assert_eq!(second.payload, first.payload);
    queue.complete(&second).await.unwrap();
    assert_eq!(queue.stats().await.unwrap().jobs, 0);
}

async fn retry_pauses_and_counts_attempts(queue: &dyn Queue) {
    push(queue, "a").await;
    let first = pull(queue).await;
    assert_eq!(first.attempt, 1);
    let began = Instant::now();
    let pause = Duration::from_millis(400);
    queue.retry(&first, pause).await.unwrap();
    let second = pull(queue).await;
    assert!(began.elapsed() >= Duration::from_millis(300), "{began:?}");
    assert_eq!(second.attempt, 2);
    // Without a pause, it comes at once.
    queue.retry(&second, Duration::ZERO).await.unwrap();
    let third = pull(queue).await;
    assert_eq!(third.attempt, 3);
    queue.complete(&third).await.unwrap();
    // A pausing job does not stop the others.
    push(queue, "slow").await;
    let slow = pull(queue).await;
    queue.retry(&slow, Duration::from_secs(60)).await.unwrap();
    push(queue, "fast").await;
    let fast = pull(queue).await;
    assert_eq!(fast.id.as_str(), "fast");
    queue.complete(&fast).await.unwrap();
    assert_eq!(queue.stats().await.unwrap().jobs, 1);
}

async fn dead_letters_are_kept_shown_and_revived(queue: &dyn Queue) {
    assert_eq!(queue.dead_letters(10).await.unwrap(), Vec::new());
    assert_eq!(queue.revive(&id("a")).await, Err(QueueError::NotFound));
    for name in ["a", "b"] {
        push(queue, name).await;
        let got = pull(queue).await;
        queue
            .bury(&got, "it failed:\r\nline 2 \u{fc}")
            .await
            .unwrap();
    }
    assert_eq!(queue.pull(SHORT).await.unwrap(), None);
    let stats = queue.stats().await.unwrap();
    assert_eq!((stats.jobs, stats.dead), (0, 2));
    let letters = queue.dead_letters(10).await.unwrap();
    let ids: Vec<_> = letters.iter().map(|letter| letter.id.as_str()).collect();
    assert_eq!(ids, ["a", "b"]);
    assert_eq!(letters[0].payload, "a");
    assert_eq!(letters[0].attempts, 1);
    assert!(letters[0].reason.starts_with("it failed:"));
    assert!(letters[0].buried_at.0 > 0);
    assert_eq!(queue.dead_letters(1).await.unwrap(), letters[..1]);

    // No room for a third: the job stays.
    push(queue, "c").await;
    let third = pull(queue).await;
    assert_eq!(queue.bury(&third, "no").await, Err(QueueError::Full));
    queue.retry(&third, Duration::ZERO).await.unwrap();
    let third = pull(queue).await;
    assert_eq!(third.id.as_str(), "c");

    queue.revive(&id("a")).await.unwrap();
    assert_eq!(queue.revive(&id("a")).await, Err(QueueError::NotFound));
    let revived = pull(queue).await;
    assert_eq!((revived.id.as_str(), revived.attempt), ("a", 1));
    assert_eq!(revived.payload, "a");
    queue.bury(&revived, "again").await.unwrap();
    assert_eq!(queue.stats().await.unwrap().dead, 2);
    queue.revive(&id("a")).await.unwrap();
    let revived = pull(queue).await;
    queue.complete(&revived).await.unwrap();
    queue.complete(&third).await.unwrap();
    assert_eq!(queue.stats().await.unwrap().jobs, 0);
}

async fn waiting_consumer_gets_new_job(queue: Arc<dyn Queue>) {
    let waiting = {
        let queue = Arc::clone(&queue);
        tokio::spawn(async move { queue.pull(LONG).await })
    };
    tokio::time::sleep(SHORT).await;
    push(&*queue, "a").await;
    let got = waiting.await.unwrap().unwrap().expect("the job");
    queue.complete(&got).await.unwrap();
}

async fn each_job_has_one_consumer(queue: Arc<dyn Queue>) {
    const JOBS: usize = 60;
    let consumers: Vec<_> = (0..4)
        .map(|_| {
            let queue = Arc::clone(&queue);
            tokio::spawn(async move {
                let mut got = Vec::new();
                while let Some(delivery) = queue.pull(Duration::from_secs(1)).await.unwrap() {
                    queue.complete(&delivery).await.unwrap();
                    got.push(delivery.id);
                }
                got
            })
        })
        .collect();
    for number in 0..JOBS {
        queue
            .push(&id(&number.to_string()), Bytes::new())
            .await
            .unwrap();
    }
    let mut all = Vec::new();
    for consumer in consumers {
        all.extend(consumer.await.unwrap());
    }
    assert_eq!(all.len(), JOBS);
    assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), JOBS);
}
