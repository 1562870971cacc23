//! Photos whose thumbnails workers make: upload, state, full queue.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use reqwest::{Method, Response};
use serde_json::Value;
use tenfold_server::Role;
use tenfold_server::store::MemoryStore;

use crate::support::{Service, body, problem, service, service_with};

/// Returns a PNG of 300 pixels a side.
fn png() -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, 300, 300);
    encoder.set_color(png::ColorType::Rgb);
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(&[0; 3 * 300 * 300]).unwrap();
    drop(writer);
    bytes
}

async fn queued_service(role: Role, jobs_max: u32) -> Service {
    service_with(Arc::new(MemoryStore::default()), |config| {
        config.queue_url = Some("memory:".to_owned());
        config.queue.jobs_max = Some(jobs_max);
        config.role = role;
    })
    .await
}

async fn upload(service: &Service, token: &str, post: i64, photo: Vec<u8>) -> Response {
    upload_with(service, token, post, photo, None).await
}

async fn upload_with(
    service: &Service,
    token: &str,
    post: i64,
    photo: Vec<u8>,
    prefer: Option<&str>,
) -> Response {
    let mut request = service
        .request(Method::PUT, &format!("/v1/posts/{post}/photo"))
        .bearer_auth(token)
        .header("content-type", "image/png");
    if let Some(prefer) = prefer {
        request = request.header("prefer", prefer);
    }
    request.body(photo).send().await.unwrap()
}

/// Waits until a job has another state than `waiting`.
async fn ended(service: &Service, token: &str, job: &str) -> Value {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let response = service.get(job).bearer_auth(token).send().await.unwrap();
        assert_eq!(response.status(), 200);
        let is_to_ask_again = response.headers().contains_key("retry-after");
        let job = body(response).await;
        assert_eq!(is_to_ask_again, job["state"] == "waiting");
        if job["state"] != "waiting" {
            return job;
        }
        assert!(Instant::now() < deadline, "{job}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn location(response: &Response) -> String {
    let location = response.headers()["location"].to_str().unwrap();
    location.to_owned()
}

#[tokio::test]
async fn upload_is_accepted_and_worked_on() {
    let service = queued_service(Role::All, 10).await;
    let (_, token) = service.user("ada").await;
    let post = service.post_by(&token, "look").await;
    let accepted = upload(&service, &token, post, png()).await;
    assert_eq!(accepted.status(), 202);
    assert_eq!(accepted.headers()["retry-after"], "1");
    let job = location(&accepted);
    let view = body(accepted).await;
    assert_eq!(view["state"], "waiting");
    assert_eq!(job, format!("/v1/jobs/{}", view["id"].as_str().unwrap()));
    let view = ended(&service, &token, &job).await;
    assert_eq!(view["state"], "done");
    let photo = view["photo"].as_str().unwrap();
    let shown = service.get(photo).send().await.unwrap();
    assert_eq!(shown.bytes().await.unwrap(), png());
    let thumbnail = service.get(&format!("/v1/posts/{post}/thumbnail"));
    assert_eq!(thumbnail.send().await.unwrap().status(), 200);

    // Others learn nothing, not even that it exists.
    let (_, other) = service.user("eve").await;
    let asked = service.get(&job).bearer_auth(&other).send().await.unwrap();
    problem(asked, 404).await;
    problem(service.get(&job).send().await.unwrap(), 401).await;
    for unknown in ["/v1/jobs/x", "/v1/jobs/1-0000000000000000"] {
        let asked = service.get(unknown).bearer_auth(&token).send().await;
        problem(asked.unwrap(), 404).await;
    }
    let metric = |name| service.metric(name);
    assert!(metric("tenfold_queue_jobs").await < 1.0);
    assert!((metric("tenfold_queue_jobs_max").await - 10.0).abs() < 0.1);
}

#[tokio::test]
async fn client_may_wait_for_the_job() {
    let service = queued_service(Role::All, 10).await;
    let (_, token) = service.user("ada").await;
    let post = service.post_by(&token, "look").await;
    let stored = upload_with(&service, &token, post, png(), Some("wait=20")).await;
    assert_eq!(stored.status(), 204);
    assert_eq!(stored.headers()["preference-applied"], "wait=20");
    assert_eq!(location(&stored), format!("/v1/posts/{post}/photo"));
    let etag = stored.headers()["etag"].clone();
    let shown = service.get(&location(&stored)).send().await.unwrap();
    assert_eq!(shown.headers()["etag"], etag);

    let no_photo = b"\x89PNG\r\n\x1a\nnot really".to_vec();
    let failed = upload_with(&service, &token, post, no_photo.clone(), Some("wait=20")).await;
    let reason = problem(failed, 422).await;
    assert!(reason.contains("could not decode"), "{reason}");
    // Without waiting, the job says so. The former photo stays.
    let accepted = upload(&service, &token, post, no_photo).await;
    assert_eq!(accepted.status(), 202);
    let view = ended(&service, &token, &location(&accepted)).await;
    assert_eq!(view["state"], "failed");
    assert!(
        view["reason"]
            .as_str()
            .unwrap()
            .contains("could not decode")
    );
    let shown = service.get(&location(&stored)).send().await.unwrap();
    assert_eq!(shown.headers()["etag"], etag);
}

#[tokio::test]
async fn full_queue_is_answered_with_retry_after() {
    // Nobody works on the jobs.
    let service = queued_service(Role::Web, 2).await;
    let (_, token) = service.user("ada").await;
    let mut jobs = Vec::new();
    for _ in 0..2 {
        let post = service.post_by(&token, "look").await;
        let accepted = upload_with(&service, &token, post, png(), Some("wait=0")).await;
        assert_eq!(accepted.status(), 202);
        jobs.push(location(&accepted));
    }
    let post = service.post_by(&token, "look").await;
    for _ in 0..5 {
        let rejected = upload(&service, &token, post, png()).await;
        assert_eq!(rejected.headers()["retry-after"], "1");
        problem(rejected, 503).await;
    }
    for job in jobs {
        let waiting = service.get(&job).bearer_auth(&token).send().await.unwrap();
        assert_eq!(body(waiting).await["state"], "waiting");
    }
    let shown = service.get(&format!("/v1/posts/{post}/photo"));
    problem(shown.send().await.unwrap(), 404).await;
    let desk = service.admin("/debug/queue").send().await.unwrap();
    let desk = body(desk).await;
    assert_eq!((&desk["jobs"], &desk["jobs_max"]), (&2.into(), &2.into()));
    assert_eq!(desk["dead_letters"], Value::Array(Vec::new()));
}

#[tokio::test]
async fn service_without_queue_has_no_jobs() {
    let service = service().await;
    let (_, token) = service.user("ada").await;
    let post = service.post_by(&token, "look").await;
    let stored = upload_with(&service, &token, post, png(), Some("wait=0")).await;
    assert_eq!(stored.status(), 204);
    assert!(!stored.headers().contains_key("preference-applied"));
}

#[tokio::test]
async fn worker_needs_a_queue_that_others_fill() {
    for url in [None, Some("memory:".to_owned())] {
        let mut config = tenfold_server::Config::new("memory:", "file:never-made");
        config.queue_url = url;
        config.role = Role::Worker;
        let error = tenfold_server::start(config).await.unwrap_err();
        assert!(error.to_string().contains("needs a queue"), "{error}");
    }
}
