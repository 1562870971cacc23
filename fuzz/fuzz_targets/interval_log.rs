//! Interval logs. An odd first byte stands for a log as it is. Otherwise the rest is an inflated histogram, which is put
//! into a log, so that mutations reach the counts; it must equal the one that HdrHistogram reads.

#![no_main]

use std::io::Write;
use std::time::SystemTime;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use flate2::Compression;
use flate2::write::ZlibEncoder;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::Deserializer;
use libfuzzer_sys::fuzz_target;
use tenfold_fuzz::temporary_file;
use tenfold_run_dir::{
    IntervalFold, IntervalHistogram, IntervalLog, Intervals, RunDirError, SparseHistogram, Timeline,
};

/// First bytes of HdrHistogram's deflated V2 encoding.
const DEFLATED_COOKIE: u32 = 0x1c84_9314;

fuzz_target!(|data: &[u8]| {
    let Some((first, rest)) = data.split_first() else {
        return;
    };
    if first % 2 == 1 {
        check(rest);
        return;
    }
    let encoded = deflated(rest);
    let log = format!(
        "Tag=response.p0.r0,1.000,1.000,0.0,{}\n",
        BASE64.encode(&encoded)
    );
    let Some(intervals) = check(log.as_bytes()) else {
        return;
    };
    let expected: Result<Histogram<u64>, _> = Deserializer::new().deserialize(&mut &*encoded);
    if let Ok(expected) = expected {
        assert_eq!(intervals[0].histogram, SparseHistogram::of(&expected));
    }
});

fn deflated(histogram: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
    let written = encoder.write_all(histogram).and_then(|()| encoder.finish());
    let deflated = written.expect("a vector has no errors");
    let mut encoded = DEFLATED_COOKIE.to_be_bytes().to_vec();
    encoded.extend((deflated.len() as u32).to_be_bytes());
    encoded.extend(deflated);
    encoded
}

/// Reads a log, and checks that it can be folded, and that a copy of it equals it. `None` if it is malformed.
fn check(log: &[u8]) -> Option<Vec<IntervalHistogram>> {
    let path = temporary_file("intervals.hlog");
    std::fs::write(&path, log).expect("the folder for temporary files is writable");
    let read = |path: &std::path::Path| -> Result<Vec<IntervalHistogram>, RunDirError> {
        Intervals::open(path, None)?.collect()
    };
    let intervals = match read(&path) {
        Ok(intervals) => intervals,
        Err(error) => {
            assert!(matches!(error, RunDirError::Malformed { .. }), "{error}");
            return None;
        }
    };
    for interval in &intervals {
        let values: Vec<(u64, u64)> = interval.histogram.iter().collect();
        assert!(values.is_sorted_by(|one, two| one.0 < two.0));
        let total = values.iter().map(|(_, count)| *count);
        assert_eq!(total.fold(0, u64::saturating_add), interval.histogram.len());
    }
    let mut fold = IntervalFold::over(&Timeline::default());
    fold.extend(&intervals);

    let mut copy = IntervalLog::create(&path, SystemTime::UNIX_EPOCH).expect("a log is created");
    for interval in &intervals {
        copy.append_interval(interval)
            .expect("a log is appended to");
    }
    copy.flush().expect("a log is flushed");
    assert_eq!(read(&path).expect("a log that was written"), intervals);
    Some(intervals)
}
