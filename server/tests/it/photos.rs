//! Photos: taken, scaled, shown again, and refused.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

use crate::support;

use std::io::Cursor;
use std::sync::Arc;

use image::{DynamicImage, ImageFormat};
use reqwest::{Method, Response};
use support::failing_store::{FailingStore, Faults};
use support::{Service, problem, service, service_with};
use tenfold_server::store::StoreError;

fn picture(width: u32, height: u32, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    let picture = DynamicImage::new_rgb8(width, height);
    picture.write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

async fn put(service: &Service, token: &str, media_type: &str, photo: Vec<u8>) -> Response {
    let request = service.request(Method::PUT, "/v1/posts/1/photo");
    let request = request
        .bearer_auth(token)
        .header("content-type", media_type);
    request.body(photo).send().await.unwrap()
}

#[tokio::test]
async fn a_photo_is_stored_shown_replaced_and_deleted() {
    let service = service().await;
    let (_, token) = service.user("ada").await;
    service.post_by(&token, "look").await;
    problem(service.get("/v1/posts/1/photo").send().await.unwrap(), 404).await;
    let mut last_etag = String::new();
    for (media_type, format) in [
        ("image/jpeg", ImageFormat::Jpeg),
        ("image/png", ImageFormat::Png),
    ] {
        let photo = picture(800, 400, format);
        let stored = put(&service, &token, media_type, photo.clone()).await;
        assert_eq!(stored.status(), 204);
        let etag = stored.headers()["etag"].to_str().unwrap().to_owned();
        assert_ne!(etag, last_etag);

        let shown = service.get("/v1/posts/1/photo").send().await.unwrap();
        assert_eq!(shown.headers()["content-type"], media_type);
        assert_eq!(shown.headers()["x-content-type-options"], "nosniff");
        assert_eq!(shown.headers()["etag"], etag);
        assert_eq!(shown.bytes().await.unwrap(), photo);

        let small = service.get("/v1/posts/1/thumbnail").send().await.unwrap();
        assert_eq!(small.headers()["content-type"], media_type);
        let small = image::load_from_memory(&small.bytes().await.unwrap()).unwrap();
        assert_eq!((small.width(), small.height()), (256, 128));

        for path in ["/v1/posts/1/photo", "/v1/posts/1/thumbnail"] {
            let again = service.get(path).header("if-none-match", &etag);
            assert_eq!(again.send().await.unwrap().status(), 304);
        }
        last_etag = etag;
    }
    let post = service.get("/v1/posts/1").send().await.unwrap();
    assert_eq!(support::body(post).await["has_photo"], true);
    let deleted = service
        .delete("/v1/posts/1")
        .bearer_auth(&token)
        .send()
        .await;
    assert_eq!(deleted.unwrap().status(), 204);
    problem(service.get("/v1/posts/1/photo").send().await.unwrap(), 404).await;
}

#[tokio::test]
async fn no_file_stays_that_nothing_points_to() {
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(FailingStore::default());
    let service = service_with(store.clone(), |config| {
        config.files_url = format!("file:{}", folder.path().display());
    })
    .await;
    let files = || {
        let folders = std::fs::read_dir(folder.path().join("photos/001")).unwrap();
        folders.count()
    };
    let (_, token) = service.user("ada").await;
    service.post_by(&token, "look").await;
    for _ in 0..3 {
        let photo = picture(30, 30, ImageFormat::Png);
        assert_eq!(
            put(&service, &token, "image/png", photo).await.status(),
            204
        );
        assert_eq!(files(), 2);
    }
    store.set(Faults {
        writes: Some(StoreError::Other("broken".to_owned())),
        ..Faults::default()
    });
    let photo = picture(30, 30, ImageFormat::Png);
    problem(put(&service, &token, "image/png", photo).await, 500).await;
    assert_eq!(files(), 2);
    store.set(Faults::default());
    service
        .delete("/v1/posts/1")
        .bearer_auth(&token)
        .send()
        .await
        .unwrap();
    assert_eq!(files(), 0);
}

#[tokio::test]
async fn what_is_not_a_photo_of_ones_own_is_refused() {
    let service = service().await;
    let (_, token) = service.user("ada").await;
    let (_, stranger) = service.user("bob").await;
    let png = || picture(30, 30, ImageFormat::Png);
    problem(put(&service, &token, "image/png", png()).await, 404).await;
    service.post_by(&token, "look").await;
    problem(put(&service, &stranger, "image/png", png()).await, 403).await;
    problem(put(&service, &token, "image/gif", png()).await, 415).await;
    problem(put(&service, &token, "image/svg+xml", png()).await, 415).await;
    problem(put(&service, &token, "image/jpeg", png()).await, 422).await;
    problem(
        put(&service, &token, "image/png", b"<html>".to_vec()).await,
        422,
    )
    .await;
    problem(put(&service, &token, "image/png", Vec::new()).await, 422).await;
    let mut long = png();
    long.resize(5 * 1_024 * 1_024 + 1, 0);
    problem(put(&service, &token, "image/png", long).await, 413).await;
    problem(service.get("/v1/posts/1/photo").send().await.unwrap(), 404).await;
}

#[tokio::test]
async fn a_decompression_bomb_is_refused() {
    let service = service().await;
    let (_, token) = service.user("ada").await;
    service.post_by(&token, "boom").await;
    let mut bytes = Cursor::new(Vec::new());
    let bomb = DynamicImage::new_luma8(11_000, 11_000);
    bomb.write_to(&mut bytes, ImageFormat::Png).unwrap();
    let refused = put(&service, &token, "image/png", bytes.into_inner()).await;
    assert!(problem(refused, 422).await.contains("too many pixels"));
}
