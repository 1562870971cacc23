//! Heap profiles of the program with jemalloc.

#![expect(clippy::unwrap_used, reason = "a failed step is a failed test")]

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, Command, Stdio};

use flate2::read::GzDecoder;
use tenfold_profile_proto::{Message, Profile};

/// Requests between the two profiles.
const REQUESTS: i64 = 2_000;

/// A process that is killed when dropped.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Returns the sum of a kind of value.
fn sum(profile: &Profile, kind: &str) -> i64 {
    let is_it = |index: i64| profile.string_table[usize::try_from(index).unwrap()] == kind;
    let mut types = profile.sample_type.iter();
    let at = types.position(|own| is_it(own.r#type)).unwrap();
    profile.sample.iter().map(|own| own.value[at]).sum()
}

async fn heap(admin: &str) -> Profile {
    let answer = reqwest::get(format!("{admin}/debug/pprof/heap"))
        .await
        .unwrap();
    assert_eq!(answer.status(), 200);
    let gzipped = answer.bytes().await.unwrap();
    let mut encoded = Vec::new();
    GzDecoder::new(&gzipped[..])
        .read_to_end(&mut encoded)
        .unwrap();
    Profile::decode(&encoded[..]).unwrap()
}

#[tokio::test]
async fn profile_has_bytes_allocated_by_requests() {
    // The HTTP client uses the provider of the process.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let directory = tempfile::tempdir().unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_tenfold-heap-profiled"))
        .arg(directory.path())
        .args(["127.0.0.1:0", "127.0.0.1:0", "200"])
        // Samples more often than by default, so that few requests suffice.
        .env(
            "_RJEM_MALLOC_CONF",
            "prof:true,prof_accum:true,lg_prof_sample:12",
        )
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let _killed = Killed(child);
    let mut url = || {
        let line = lines.next().unwrap().unwrap();
        line.rsplit(' ').next().unwrap().to_owned()
    };
    let (service, admin) = (url(), url());
    let before = heap(&admin).await;
    let client = reqwest::Client::new();
    for _ in 0..REQUESTS {
        let answer = client.get(format!("{service}/openapi.json")).send().await;
        assert_eq!(answer.unwrap().status(), 200);
    }
    let after = heap(&admin).await;
    let each = (sum(&after, "alloc_space") - sum(&before, "alloc_space")) / REQUESTS;
    assert!((100..1_000_000).contains(&each), "{each} bytes a request");
    assert!(sum(&after, "inuse_space") > 0);
    // Freed memory was allocated as well.
    assert!(sum(&after, "alloc_space") > sum(&after, "inuse_space"));
    let names = &after.string_table;
    assert!(
        names.iter().any(|name| name.contains("tenfold_server")),
        "{names:?}"
    );
    assert!(
        !names.iter().any(|name| name.starts_with("_rjem_")),
        "{names:?}"
    );
}
