//! Access logs, with the format detected or named. The first byte selects the format.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use tenfold_fuzz::{check_log, check_replay};
use tenfold_record::{Format, ReadOptions};

const NAMES: [&str; 14] = [
    "common",
    "combined",
    "combinedio",
    "vhost_common",
    "vhost_combined",
    "nginx",
    "alb",
    "cloudfront",
    "iis",
    "caddy",
    "traefik",
    "envoy",
    "envoy-json",
    "json",
];

static FORMATS: LazyLock<Vec<Option<Format>>> = LazyLock::new(|| {
    let named = NAMES.map(|name| Some(Format::parse(name).expect("a known name")));
    [None].into_iter().chain(named).collect()
});

fuzz_target!(|data: &[u8]| {
    let Some((first, log)) = data.split_first() else {
        return;
    };
    let options = ReadOptions {
        format: FORMATS[usize::from(*first) % FORMATS.len()].clone(),
        ..ReadOptions::default()
    };
    if let Some(read) = check_log(log, &options) {
        check_replay(&read, log);
    }
});
