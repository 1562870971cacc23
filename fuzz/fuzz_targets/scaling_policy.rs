//! Scaling policies. Those that are accepted must be written in every format.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tenfold_autoscale::{Format, Policy};

fuzz_target!(|text: &str| {
    let policy = match Policy::parse(text) {
        Ok(policy) => policy,
        Err(error) => {
            assert!(error.line <= text.split('\n').count(), "{error}");
            assert!(!error.message.is_empty(), "{error:?}");
            return;
        }
    };
    for group in policy.groups.values() {
        assert!(group.min_replicas >= 1 && group.min_replicas <= group.max_replicas);
        assert!(!group.metrics.is_empty() || !group.schedules.is_empty());
    }
    for format in Format::ALL {
        let written = format.write(&policy).text;
        for name in policy.groups.keys() {
            assert!(written.contains(name.as_str()), "{written}");
        }
    }
});
