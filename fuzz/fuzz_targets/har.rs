//! HAR files.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use tenfold_fuzz::{check_log, check_replay};
use tenfold_record::{Format, ReadOptions};

static OPTIONS: LazyLock<ReadOptions> = LazyLock::new(|| ReadOptions {
    format: Some(Format::parse("har").expect("a known name")),
    ..ReadOptions::default()
});

fuzz_target!(|data: &[u8]| {
    if let Some(log) = check_log(data, &OPTIONS) {
        check_replay(&log, data);
    }
});
