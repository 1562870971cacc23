//! The latest lines of a balancer's log, within bounds.

/// Largest size of the lines that are kept, in bytes: about 70,000 requests.
const BYTES_MAX: usize = 8 << 20;

/// The latest lines of a balancer's log, one for each request. Bounded in bytes.
#[derive(Debug, Clone, Default)]
pub struct RequestLog {
    // Lines of the earlier half are removed at once.
    earlier: Half,
    later: Half,
    received: u64,
}

#[derive(Debug, Clone, Default)]
struct Half {
    text: Vec<u8>,
    lines: u64,
}

impl RequestLog {
    /// Adds a line. A line that is longer than half of the bound is counted, but not kept.
    pub fn push(&mut self, line: &[u8]) {
        self.received = self.received.saturating_add(1);
        let line = line.trim_ascii_end();
        if line.len() >= BYTES_MAX / 2 {
            return;
        }
        if self.later.text.len() + line.len() >= BYTES_MAX / 2 {
            self.earlier = std::mem::take(&mut self.later);
        }
        self.later.text.extend_from_slice(line);
        self.later.text.push(b'\n');
        self.later.lines += 1;
    }

    /// Number of lines so far, also of those that were removed.
    pub fn received(&self) -> u64 {
        self.received
    }

    /// Number of lines that are kept.
    pub fn kept(&self) -> u64 {
        self.earlier.lines + self.later.lines
    }

    /// The lines that are kept, each with a line feed, the oldest first.
    pub fn text(&self) -> Vec<u8> {
        [&self.earlier.text[..], &self.later.text].concat()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_latest_lines_within_its_bound() {
        let mut log = RequestLog::default();
        let count = 3 * BYTES_MAX / 100;
        for number in 0..count {
            log.push(format!("{number:0>99}\n").as_bytes());
        }
        let text = log.text();
        assert!(text.len() <= BYTES_MAX, "{}", text.len());
        // At least half of the bound is in use.
        assert!(text.len() >= BYTES_MAX / 2, "{}", text.len());
        let lines: Vec<&[u8]> = text.split_inclusive(|byte| *byte == b'\n').collect();
        assert_eq!(
            (log.kept(), log.received()),
            (lines.len() as u64, count as u64)
        );
        let first = count - lines.len();
        assert_eq!(lines[0], format!("{first:0>99}\n").as_bytes());
        assert_eq!(
            lines[lines.len() - 1],
            format!("{:0>99}\n", count - 1).as_bytes()
        );
        log.push(&vec![b'x'; BYTES_MAX]);
        assert_eq!(log.kept(), lines.len() as u64);
    }
}
