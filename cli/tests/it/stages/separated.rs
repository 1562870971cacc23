//! Stage `separated` on real components: encrypted MariaDB over TLS, files in an object store, TLS at the edge.

use std::path::{Path, PathBuf};

use super::stage::{Stage, User, lacks};

/// Text that occurs nowhere else.
const CONTENT: &str = "a post of which every byte is to be sealed: 8d1f3c";

/// Smallest PNG, of one pixel.
const PHOTO: &[u8] = include_bytes!("pixel.png");

fn files_below(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut left = vec![directory.to_owned()];
    while let Some(directory) = left.pop() {
        for entry in std::fs::read_dir(directory).into_iter().flatten().flatten() {
            match entry.file_type().unwrap().is_dir() {
                true => left.push(entry.path()),
                false => found.push(entry.path()),
            }
        }
    }
    found
}

fn holds(path: &Path, text: &str) -> bool {
    let bytes = std::fs::read(path).unwrap_or_default();
    bytes
        .windows(text.len())
        .any(|part| part == text.as_bytes())
}

#[tokio::test]
async fn data_and_files_have_separate_boxes() {
    if lacks(&["mariadbd", "s3s-fs"]) {
        return;
    }
    let mut stage = Stage::up("separated", &[]);
    let boxes = stage.status["boxes"].as_array().unwrap().iter();
    let names: Vec<_> = boxes.map(|own| own["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["sql", "files", "web"]);

    // TLS at the edge: HSTS, and a redirect from plain HTTP.
    let client = stage.client();
    let answer = client.get(stage.url("/v1/posts/1")).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(
        answer.headers()["strict-transport-security"],
        "max-age=31536000"
    );
    let redirect = stage.status["entrance"]["redirect"].as_str().unwrap();
    let plain = client
        .get(format!("http://{redirect}/v1/posts/1?page=2"))
        .send()
        .await
        .unwrap();
    assert_eq!(plain.status(), 308);
    assert_eq!(
        plain.headers()["location"].to_str().unwrap(),
        stage.url("/v1/posts/1?page=2")
    );
    // A client that does not trust the CA can't connect.
    let stranger = reqwest::Client::new();
    assert!(stranger.get(stage.url("/healthz")).send().await.is_err());

    // The photo is in the bucket.
    let user = User::new(&stage, "user").await;
    let post = user.post(CONTENT).await.unwrap();
    assert_eq!(user.photo(post, "image/png", PHOTO.to_vec()).await, 204);
    let bucket = files_below(&stage.file("files/tenfold"));
    assert!(
        bucket
            .iter()
            .any(|path| std::fs::read(path).unwrap() == PHOTO),
        "{bucket:?}"
    );
    // Static assets are in the bucket too, and nothing else is served.
    let asset = bucket.iter().find(|path| path.ends_with("logo.svg"));
    let asset = asset.expect("no asset in the bucket");
    let logo = std::fs::read(asset).unwrap();
    std::fs::write(asset, b"<svg/>").unwrap();
    let served = user.get("/static/logo.svg").await.unwrap();
    assert_eq!(
        served,
        (200, logo.clone()),
        "the service still serves its own asset"
    );
    std::fs::write(asset, &logo).unwrap();
    let served = user.get("/static/logo.svg").await.unwrap();
    assert_eq!(served, (200, logo));
    let photo = user.get(&format!("/v1/posts/{post}/photo")).await;
    assert_eq!(photo.unwrap(), (200, PHOTO.to_vec()));

    // The database has all data after a restart.
    stage.lab(&["kill", "sql"]);
    let lost = user.content(post).await.unwrap_err();
    assert!(lost.starts_with("503"), "{lost}");
    stage.lab(&["revive", "sql"]);
    assert_eq!(user.content(post).await.unwrap().as_deref(), Some(CONTENT));

    // It stops cleanly, and no file contains the text unencrypted.
    stage.down();
    let data = files_below(&stage.file("sql/data"));
    assert!(data.iter().any(|path| path.ends_with("tenfold/posts.ibd")));
    for path in data {
        assert!(!holds(&path, CONTENT), "{} is readable", path.display());
    }
    stage.again("separated", &[]);
    let client = stage.client();
    let answer = client
        .get(stage.url(&format!("/v1/posts/{post}")))
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 200);
    assert!(answer.text().await.unwrap().contains(CONTENT));
}
