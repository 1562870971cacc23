//! Statistics of HAProxy, as it answers `show stat json`.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tenfold_lab::fuzzing::{Table, read_statistics};

fuzz_target!(|answer: &str| {
    let Ok(status) = read_statistics(answer) else {
        return;
    };
    let json = serde_json::to_string(&status).expect("a status has no keys that are not text");
    assert_eq!(serde_json::from_str(&json).ok(), Some(status.clone()));
    let table = Table(&[status]).to_string();
    assert!(table.contains("balancer"), "{table}");
});
