//! Formats as given with `--format`, and a log in that format. The first line is the format, the rest is the log.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tenfold_fuzz::check_log;
use tenfold_record::{Format, ReadOptions};

fuzz_target!(|data: &[u8]| {
    let end = data.iter().position(|byte| *byte == b'\n');
    let (text, log) = data.split_at(end.unwrap_or(data.len()));
    let Ok(text) = std::str::from_utf8(text) else {
        return;
    };
    let format = match Format::parse(text) {
        Ok(format) => format,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            return;
        }
    };
    assert_eq!(format.text(), text.trim());
    assert_eq!(Format::parse(format.text()), Ok(format.clone()));
    let options = ReadOptions {
        format: Some(format),
        ..ReadOptions::default()
    };
    check_log(log.get(1..).unwrap_or_default(), &options);
});
