//! `Server-Timing`: the ledger as a response header.

use bytes::{BufMut, BytesMut};
use http::HeaderValue;
use http::header::HeaderName;

use super::{Entries, Part};

pub(crate) const SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");

/// Formats the parts that took time, then their `total`, in milliseconds with all nanoseconds.
pub(crate) fn server_timing(entries: &Entries) -> Option<HeaderValue> {
    let mut text = BytesMut::with_capacity(192);
    for part in Part::ALL {
        match (part.name(), entries.ns(part)) {
            (Some(name), ns) if ns > 0 => metric(&mut text, name, ns),
            _ => {}
        }
    }
    metric(&mut text, "total", entries.total_ns());
    HeaderValue::from_maybe_shared(text.freeze()).ok()
}

fn metric(text: &mut BytesMut, name: &str, ns: u64) {
    if !text.is_empty() {
        text.put_slice(b", ");
    }
    text.put_slice(name.as_bytes());
    text.put_slice(b";dur=");
    text.put_slice(itoa::Buffer::new().format(ns / 1_000_000).as_bytes());
    text.put_u8(b'.');
    let mut place = 100_000;
    while place > 0 {
        text.put_u8(b'0' + (ns / place % 10) as u8);
        place /= 10;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_parts_and_total_in_milliseconds() {
        let mut entries = Entries::new(0);
        entries.switch(Part::Sql, 12_034_000);
        entries.switch(Part::Rest, 12_034_007);
        entries.charge(3_600_000_000_007);
        let expected = "cpu;dur=12.034000, sql;dur=0.000007, total;dur=3600000.000007";
        assert_eq!(server_timing(&entries).unwrap(), expected);
        assert_eq!(
            server_timing(&Entries::new(5)).unwrap(),
            "total;dur=0.000000"
        );
    }
}
