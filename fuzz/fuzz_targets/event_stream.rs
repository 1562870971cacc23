//! Streams of Server-Sent Events. The first byte is the length of the pieces that the stream arrives in.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tenfold_loadgen::fuzzing::read_events;

fuzz_target!(|data: &[u8]| {
    let [piece_bytes, stream @ ..] = data else {
        return;
    };
    let whole = read_events(stream, usize::MAX);
    assert_eq!(whole, read_events(stream, usize::from(*piece_bytes)));
    let Ok(events) = whole else {
        return;
    };
    let is_one_line = |text: &str| !text.contains(['\r', '\n']);
    assert!(events.iter().all(|(name, _)| is_one_line(name)));
    assert!(events.iter().all(|(_, data)| !data.contains('\r')));
    let written: String = events.iter().map(written).collect();
    assert_eq!(read_events(written.as_bytes(), usize::MAX), Ok(events));
});

fn written((name, data): &(String, String)) -> String {
    let lines = data.split('\n').map(|line| format!("data: {line}\n"));
    format!("event: {name}\n{}\n", lines.collect::<String>())
}
