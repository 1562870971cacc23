//! Photos: upload, thumbnail, download and rejection.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

use crate::support;

use std::io::Cursor;
use std::sync::Arc;

use reqwest::{Method, Response};
use support::failing_store::{FailingStore, Faults};
use support::{Service, problem, service, service_with};
use tenfold_server::photo::PhotoFormat;
use tenfold_server::store::StoreError;
use zune_jpeg::zune_core::bytestream::ZCursor;

/// Creates a black picture.
fn picture(width: u16, height: u16, format: PhotoFormat) -> Vec<u8> {
    match format {
        PhotoFormat::Jpeg => jpeg(width, height),
        PhotoFormat::Png => png(width, height, png::ColorType::Rgb),
    }
}

fn jpeg(width: u16, height: u16) -> Vec<u8> {
    let mut bytes = Vec::new();
    let samples = vec![0; usize::from(width) * usize::from(height) * 3];
    jpeg_encoder::Encoder::new(&mut bytes, 80)
        .encode(&samples, width, height, jpeg_encoder::ColorType::Rgb)
        .unwrap();
    bytes
}

fn png(width: u16, height: u16, colors: png::ColorType) -> Vec<u8> {
    let mut bytes = Vec::new();
    let samples = vec![0; usize::from(width) * usize::from(height) * colors.samples()];
    let mut encoder = png::Encoder::new(&mut bytes, width.into(), height.into());
    encoder.set_color(colors);
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(&samples).unwrap();
    drop(writer);
    bytes
}

/// Returns the width and height of a picture.
fn size(photo: &[u8], format: PhotoFormat) -> (usize, usize) {
    match format {
        PhotoFormat::Jpeg => {
            let mut decoder = zune_jpeg::JpegDecoder::new(ZCursor::new(photo));
            decoder.decode().unwrap();
            decoder.dimensions().unwrap()
        }
        PhotoFormat::Png => {
            let mut reader = png::Decoder::new(Cursor::new(photo)).read_info().unwrap();
            let mut samples = vec![0; reader.output_buffer_size().unwrap()];
            let info = reader.next_frame(&mut samples).unwrap();
            (info.width as usize, info.height as usize)
        }
    }
}

async fn put(service: &Service, token: &str, media_type: &str, photo: Vec<u8>) -> Response {
    let request = service.request(Method::PUT, "/v1/posts/1/photo");
    let request = request
        .bearer_auth(token)
        .header("content-type", media_type);
    request.body(photo).send().await.unwrap()
}

#[tokio::test]
async fn photo_is_stored_served_replaced_and_deleted() {
    let service = service().await;
    let (_, token) = service.user("ada").await;
    service.post_by(&token, "look").await;
    problem(service.get("/v1/posts/1/photo").send().await.unwrap(), 404).await;
    let mut last_etag = String::new();
    for format in [PhotoFormat::Jpeg, PhotoFormat::Png] {
        let media_type = format.media_type();
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

        let thumbnail = service.get("/v1/posts/1/thumbnail").send().await.unwrap();
        assert_eq!(thumbnail.headers()["content-type"], media_type);
        let thumbnail = thumbnail.bytes().await.unwrap();
        assert_eq!(size(&thumbnail, format), (256, 128));

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
async fn unreferenced_files_are_deleted() {
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
        let photo = picture(30, 30, PhotoFormat::Png);
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
    let photo = picture(30, 30, PhotoFormat::Png);
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
async fn rejects_invalid_photos_and_other_users_posts() {
    let service = service().await;
    let (_, token) = service.user("ada").await;
    let (_, stranger) = service.user("bob").await;
    let png = || picture(30, 30, PhotoFormat::Png);
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
async fn rejects_decompression_bomb() {
    let service = service().await;
    let (_, token) = service.user("ada").await;
    service.post_by(&token, "boom").await;
    let bomb = png(11_000, 11_000, png::ColorType::Grayscale);
    let rejected = put(&service, &token, "image/png", bomb).await;
    assert!(problem(rejected, 422).await.contains("too many pixels"));
}
