//! Metrics and profiles.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

use crate::skip::skip;
use crate::support;

use std::collections::BTreeMap;
use std::hint::black_box;
use std::io::Read;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use flate2::read::GzDecoder;
use reqwest::Method;
use support::failing_store::{FailingStore, Faults};
use support::{observed_service, problem, service_with};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Parses the text format: returns each sample by name and labels. Asserts that each has a type.
fn parse(text: &str) -> BTreeMap<String, f64> {
    let mut types = BTreeMap::new();
    let mut samples = BTreeMap::new();
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap();
            assert!(["counter", "gauge", "histogram", "summary"].contains(&kind));
            assert!(
                types.insert(name.to_owned(), kind).is_none(),
                "{name} twice"
            );
        } else if !line.starts_with("# HELP ") {
            let (name, value) = line.rsplit_once(' ').unwrap();
            let family = name.split('{').next().unwrap();
            let family = ["_bucket", "_sum", "_count"]
                .iter()
                .find_map(|end| {
                    family
                        .strip_suffix(end)
                        .filter(|name| types.contains_key(*name))
                })
                .unwrap_or(family);
            assert!(types.contains_key(family), "{line}");
            let value = value.parse().unwrap();
            assert!(
                samples.insert(name.to_owned(), value).is_none(),
                "{name} twice"
            );
        }
    }
    samples
}

#[tokio::test]
async fn counts_each_request_once() {
    let service = observed_service().await;
    let (_, token) = service.user("ada").await;
    service.post_by(&token, "hello").await;
    for path in [
        "/v1/posts/1",
        "/v1/posts/1",
        "/v1/posts/9",
        "/nowhere",
        "/healthz",
    ] {
        service.get(path).send().await.unwrap();
    }
    service
        .request(Method::PATCH, "/v1/posts")
        .send()
        .await
        .unwrap();
    service.admin("/nothing").send().await.unwrap();
    let text = service.admin("/metrics").send().await.unwrap();
    assert!(
        text.headers()["content-type"]
            .to_str()
            .unwrap()
            .contains("version=0.0.4")
    );
    let samples = parse(&text.text().await.unwrap());
    assert_eq!(samples["http_server_requests_total"], 9.0);
    assert_eq!(samples["http_server_requests_in_flight"], 0.0);
    assert_eq!(samples["http_server_requests_abandoned_total"], 0.0);
    let of = |labels: &str| samples[&format!("http_server_request_duration_seconds_{labels}")];
    assert_eq!(
        of("count{method=\"GET\",route=\"/v1/posts/{id}\",status=\"200\"}"),
        2.0
    );
    assert_eq!(
        of("count{method=\"GET\",route=\"/v1/posts/{id}\",status=\"404\"}"),
        1.0
    );
    assert_eq!(
        of("count{method=\"GET\",route=\"unmatched\",status=\"404\"}"),
        1.0
    );
    assert_eq!(
        of("count{method=\"PATCH\",route=\"/v1/posts\",status=\"405\"}"),
        1.0
    );
    let counts = samples
        .iter()
        .filter(|(name, _)| name.starts_with("http_server_request_duration_seconds_count"));
    assert_eq!(counts.map(|(_, count)| count).sum::<f64>(), 9.0);
    for (name, total) in &samples {
        if let Some(rest) = name.strip_prefix("http_server_request_duration_seconds_count{") {
            let labels = rest.strip_suffix('}').unwrap();
            assert_eq!(*total, of(&format!("bucket{{{labels},le=\"+Inf\"}}")));
        }
    }
    for name in [
        "process_cpu_seconds_total",
        "process_resident_memory_bytes",
        "process_open_fds",
        "process_max_fds",
        "store_write_batch_size_count",
        "component_wait_seconds_sum{component=\"store\"}",
        "component_wait_seconds_count{component=\"store\"}",
    ] {
        assert!(samples[name] > 0.0, "{name}");
    }
    assert_eq!(samples["store_write_queue_depth"], 0.0);
}

#[tokio::test]
async fn counts_abandoned_requests() {
    let store = Arc::new(FailingStore::default());
    let service = service_with(store.clone(), |_| {}).await;
    store.set(Faults {
        delay: Duration::from_secs(60),
        ..Faults::default()
    });
    let mut stream = TcpStream::connect(service.address).await.unwrap();
    let request = b"GET /v1/posts/1 HTTP/1.1\r\nhost: x\r\n\r\n";
    stream.write_all(request).await.unwrap();
    while service.metric("http_server_requests_in_flight").await < 1.0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    drop(stream);
    while service.metric("http_server_requests_in_flight").await > 0.0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(service.metric("http_server_requests_total").await, 1.0);
    assert_eq!(
        service.metric("http_server_requests_abandoned_total").await,
        1.0
    );
}

#[tokio::test]
async fn counts_pipelined_requests() {
    let service = observed_service().await;
    let mut stream = TcpStream::connect(service.address).await.unwrap();
    let one = "GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n";
    let last = "GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    let all = one.repeat(99) + last;
    stream.write_all(all.as_bytes()).await.unwrap();
    let mut responses = String::new();
    stream.read_to_string(&mut responses).await.unwrap();
    assert_eq!(responses.matches("HTTP/1.1 200").count(), 100);
    assert_eq!(service.metric("http_server_requests_total").await, 100.0);
}

#[tokio::test]
async fn serves_command_line() {
    let service = observed_service().await;
    let cmdline = service.admin("/debug/pprof/cmdline").send().await.unwrap();
    let cmdline = cmdline.text().await.unwrap();
    let first = cmdline.split('\0').next().unwrap();
    assert_eq!(first, std::env::args().next().unwrap());
}

#[tokio::test]
async fn validates_profile_parameters() {
    let service = observed_service().await;
    for query in [
        "seconds=0",
        "seconds=9999",
        "hz=0",
        "hz=100000",
        "seconds=x",
    ] {
        let path = format!("/debug/pprof/profile?{query}");
        problem(service.admin(&path).send().await.unwrap(), 400).await;
    }
}

/// Burns CPU under a recognisable name, without calling other functions at any optimisation level.
#[inline(never)]
fn burn_for_the_profile(stop: &AtomicBool) -> u64 {
    let mut number = black_box(1_u64);
    while !stop.load(Ordering::Relaxed) {
        let mut step = 0_u32;
        while step < 1_000_000 {
            number ^= number << 13;
            number ^= number >> 7;
            number ^= number << 17;
            step += 1;
        }
        number = black_box(number);
    }
    number
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn profile_names_busy_function() {
    let service = observed_service().await;
    let stop = Arc::new(AtomicBool::new(false));
    let burning = {
        let stop = stop.clone();
        std::thread::Builder::new()
            .name("burner".to_owned())
            .spawn(move || burn_for_the_profile(&stop))
            .unwrap()
    };
    let path = "/debug/pprof/profile?seconds=2&hz=99";
    let (profile, second) = tokio::join!(service.admin(path).send(), async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        service.admin("/debug/pprof/profile?seconds=1").send().await
    });
    stop.store(true, Ordering::Relaxed);
    burning.join().unwrap();
    problem(second.unwrap(), 409).await;

    let profile = profile.unwrap();
    assert_eq!(profile.status(), 200);
    let header = |name: &str| -> f64 { profile.headers()[name].to_str().unwrap().parse().unwrap() };
    let captured = header("tenfold-profile-samples");
    let cpu_s = header("tenfold-profile-cpu-seconds");
    assert_eq!(header("tenfold-profile-hz"), 99.0);
    assert!(cpu_s > 0.3, "{cpu_s} s of CPU in 2 s");
    let share = captured / (cpu_s * 99.0);
    assert!(
        (0.5..1.5).contains(&share),
        "{captured} samples in {cpu_s} s"
    );

    let gzipped = profile.bytes().await.unwrap();
    let mut raw = Vec::new();
    GzDecoder::new(&*gzipped).read_to_end(&mut raw).unwrap();
    let strings = strings(&raw);
    assert_eq!(strings[0], "");
    assert!(
        strings
            .iter()
            .any(|name| name.contains("burn_for_the_profile"))
    );
    assert!(strings.iter().any(|name| name == "burner"));

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("profile.pb.gz");
    std::fs::write(&file, &gzipped).unwrap();
    let go = Command::new("go")
        .args(["tool", "pprof", "-top"])
        .arg(&file)
        .output();
    let Ok(go) = go else {
        skip("no go");
        return;
    };
    let top = String::from_utf8_lossy(&go.stdout);
    assert!(
        go.status.success(),
        "{}",
        String::from_utf8_lossy(&go.stderr)
    );
    // Flat time: the samples are in the function itself, not only in its callers.
    let first = top
        .lines()
        .skip_while(|line| !line.contains("flat%"))
        .nth(1)
        .unwrap();
    assert!(first.contains("burn_for_the_profile"), "{top}");
}

/// Returns the string table of a profile: field 6 of the outermost message.
fn strings(mut raw: &[u8]) -> Vec<String> {
    let mut strings = Vec::new();
    while !raw.is_empty() {
        let key = varint(&mut raw);
        match key & 7 {
            0 => {
                varint(&mut raw);
            }
            2 => {
                let length = varint(&mut raw) as usize;
                let (content, rest) = raw.split_at(length);
                if key >> 3 == 6 {
                    strings.push(String::from_utf8(content.to_vec()).unwrap());
                }
                raw = rest;
            }
            wire => panic!("wire type {wire}"),
        }
    }
    strings
}

fn varint(raw: &mut &[u8]) -> u64 {
    let mut number = 0;
    for shift in (0..).step_by(7) {
        let (byte, rest) = raw.split_first().unwrap();
        *raw = rest;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            break;
        }
    }
    number
}

#[tokio::test]
async fn counts_cache_and_replicas() {
    use tenfold_server::cache::MemoryCache;
    use tenfold_server::store::{
        CacheOptions, CachedStore, MemoryStore, SplitOptions, SplitStore, Store,
    };

    let store: Arc<dyn Store> = Arc::new(MemoryStore::default());
    let cache = Arc::new(MemoryCache::default());
    let replicas: Vec<Arc<dyn Store>> = vec![store.clone(), Arc::new(MemoryStore::default())];
    let split = SplitStore::new(store, replicas, None, SplitOptions::default());
    let options = CacheOptions {
        staleness: Duration::from_secs(600),
        ..CacheOptions::default()
    };
    let service = service_with(
        Arc::new(CachedStore::new(Arc::new(split), cache, options)),
        |_| {},
    )
    .await;
    let (_, token) = service.user("ada").await;
    let post = service.post_by(&token, "hello").await;
    for _ in 0..5 {
        let read = service
            .get(&format!("/v1/posts/{post}"))
            .send()
            .await
            .unwrap();
        assert_eq!(read.status(), 200);
    }
    let text = service.admin("/metrics").send().await.unwrap();
    let samples = parse(&text.text().await.unwrap());
    // One read of the session, and one of the post.
    assert_eq!(samples["tenfold_cache_misses_total{layer=\"local\"}"], 2.0);
    assert_eq!(samples["tenfold_cache_hits_total{layer=\"local\"}"], 4.0);
    assert_eq!(samples["tenfold_cache_misses_total{layer=\"shared\"}"], 2.0);
    assert_eq!(samples["tenfold_cache_fills_total{layer=\"shared\"}"], 2.0);
    assert_eq!(samples["tenfold_cache_write_behind_lost_total"], 0.0);
    assert!(samples["tenfold_cache_loads_total"] >= 2.0);
    assert!(samples["tenfold_cache_local_bytes"] > 0.0);
    // The second replica never shows a heartbeat.
    assert_eq!(samples["tenfold_replica_in_use{replica=\"2\"}"], 0.0);
    assert!(!samples.contains_key("tenfold_replica_lag_seconds{replica=\"2\"}"));
    assert!(samples["tenfold_primary_reads_total"] <= 2.0);
}
