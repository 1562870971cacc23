//! Back pressure: uploads at more than twice the rate of the worker, with and without a bound; deadlines.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

use std::sync::Arc;
use std::time::Duration;

use reqwest::Method;
use serde_json::json;
use tenfold_server::store::MemoryStore;
use tokio::time::{MissedTickBehavior, interval, sleep};

use crate::support::{Service, body, problem, service, service_with};

/// Uploads of a run, 25 a second. The worker needs at least 100 ms for each: two delayed calls to the files.
const UPLOADS: usize = 100;
const BOUND: u64 = 8;

/// Result of a run.
#[derive(Debug, Default)]
struct Outcome {
    accepted: usize,
    refused: usize,
    /// Jobs in the queue, each 200 ms.
    depths: Vec<u64>,
    /// Jobs done at the same times.
    done: Vec<u64>,
}

/// Returns a PNG of one pixel.
pub(crate) fn pixel() -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, 1, 1);
    encoder.set_color(png::ColorType::Rgb);
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(&[0; 3]).unwrap();
    drop(writer);
    bytes
}

async fn overload(jobs_max: Option<u32>) -> Outcome {
    let service = service_with(Arc::new(MemoryStore::default()), |config| {
        config.queue_url = Some("memory:".to_owned());
        config.queue.jobs_max = jobs_max;
        config.worker.concurrency = 1;
        config.delays = Some(Arc::default());
    })
    .await;
    let (_, token) = service.user("ada").await;
    let mut posts = Vec::new();
    for _ in 0..UPLOADS {
        posts.push(service.post_by(&token, "look").await);
    }
    let delay = json!({"component": "files", "delay_us": 50_000, "for_s": 60});
    let switch = service.admin("/debug/delay").build().unwrap().url().clone();
    let switched = reqwest::Client::new()
        .put(switch)
        .header("content-type", "application/json")
        .body(delay.to_string())
        .send()
        .await
        .unwrap();
    assert!(switched.status().is_success(), "{switched:?}");
    let mut outcome = Outcome::default();
    let mut ticks = interval(Duration::from_millis(40));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut uploads = Vec::new();
    for (number, post) in posts.iter().enumerate() {
        ticks.tick().await;
        let request = service
            .request(Method::PUT, &format!("/v1/posts/{post}/photo"))
            .bearer_auth(&token)
            .header("content-type", "image/png")
            .body(pixel());
        uploads.push(tokio::spawn(request.send()));
        if number % 5 == 4 {
            observe(&service, &mut outcome).await;
        }
    }
    for upload in uploads {
        let answer = upload.await.unwrap().unwrap();
        match answer.status().as_u16() {
            202 => outcome.accepted += 1,
            503 => {
                assert_eq!(answer.headers()["retry-after"], "1");
                outcome.refused += 1;
            }
            status => panic!("{status}"),
        }
    }
    observe(&service, &mut outcome).await;
    outcome
}

async fn observe(service: &Service, outcome: &mut Outcome) {
    let desk = body(service.admin("/debug/queue").send().await.unwrap()).await;
    outcome.depths.push(desk["jobs"].as_u64().unwrap());
    let metrics = service.admin("/metrics").send().await.unwrap();
    let metrics = metrics.text().await.unwrap();
    let done = metrics
        .lines()
        .find_map(|line| line.strip_prefix("tenfold_queue_job_events_total{event=\"done\"} "));
    outcome.done.push(done.unwrap().parse().unwrap());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bounded_queue_stays_flat_and_goodput_steady() {
    let outcome = overload(Some(BOUND as u32)).await;
    assert!(
        outcome.depths.iter().all(|depth| *depth <= BOUND),
        "{outcome:?}"
    );
    // It was full, and something was refused.
    assert!(outcome.depths.contains(&BOUND), "{outcome:?}");
    assert!(outcome.refused > UPLOADS / 4, "{outcome:?}");
    assert_eq!(outcome.accepted + outcome.refused, UPLOADS);
    // The worker does as much in the second half as in the first.
    let (first, middle, last) = (
        outcome.done[0],
        outcome.done[outcome.done.len() / 2],
        outcome.done[outcome.done.len() - 1],
    );
    assert!(2 * (last - middle) >= middle - first, "{outcome:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unbounded_queue_grows() {
    let outcome = overload(None).await;
    assert_eq!((outcome.accepted, outcome.refused), (UPLOADS, 0));
    let last = outcome.depths[outcome.depths.len() - 1];
    let middle = outcome.depths[outcome.depths.len() / 2];
    assert!(last > 3 * BOUND && last > middle, "{outcome:?}");
}

#[tokio::test]
async fn request_ends_at_its_deadline() {
    let service = service_with(Arc::new(MemoryStore::default()), |config| {
        config.queue_url = Some("memory:".to_owned());
        config.role = tenfold_server::Role::Web;
    })
    .await;
    let (_, token) = service.user("ada").await;
    let post = service.post_by(&token, "look").await;
    let upload = |timeout: &str, prefer: &str| {
        service
            .request(Method::PUT, &format!("/v1/posts/{post}/photo"))
            .bearer_auth(&token)
            .header("content-type", "image/png")
            .header("request-timeout-ms", timeout)
            .header("prefer", prefer)
            .body(pixel())
            .send()
    };
    // Nobody works on the job: the wait ends before the deadline does.
    let began = std::time::Instant::now();
    let accepted = upload("1000", "wait=20").await.unwrap();
    assert_eq!(accepted.status(), 202);
    assert!(began.elapsed() < Duration::from_secs(10));
    for invalid in ["0", "soon"] {
        let detail = problem(upload(invalid, "wait=0").await.unwrap(), 400).await;
        assert!(detail.contains("Request-Timeout-Ms"), "{detail}");
    }
}

#[tokio::test]
async fn slow_request_is_answered_with_504() {
    let service = service().await;
    let slow = async_body();
    let request = service
        .request(Method::POST, "/v1/users")
        .header("content-type", "application/json")
        .header("request-timeout-ms", "200")
        .body(slow);
    let detail = problem(request.send().await.unwrap(), 504).await;
    assert!(detail.contains("Request-Timeout-Ms"), "{detail}");
}

/// Returns a body that takes ten seconds.
fn async_body() -> reqwest::Body {
    let parts = futures_util::stream::once(async {
        sleep(Duration::from_secs(10)).await;
        Ok::<_, std::io::Error>("{}")
    });
    reqwest::Body::wrap_stream(parts)
}
