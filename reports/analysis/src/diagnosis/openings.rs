//! Connections that are opened under overload: each waits for a handshake, which takes CPU of the service.

use super::load::Load;
use crate::format;

/// Answers for each opened connection up to which openings are worth a word.
const ANSWERS_EACH: f64 = 10.0;

/// Growth of the time of an opening from which it is worth a word.
const SLOWER: f64 = 4.0;

/// Answers for each TLS handshake up to which every request opens a connection of its own.
const ANSWERS_A_HANDSHAKE: f64 = 2.0;

/// Returns a sentence about TLS handshakes above the knee. `None` unless about every request opens a connection.
pub(super) fn handshakes(above: &Load<'_>) -> Option<String> {
    let connections = above.summary.connections.as_ref()?;
    let tls = connections.tls.as_ref()?;
    let all = tls.full_handshakes + tls.resumed_handshakes;
    let answered = above.rate * above.summary.counted_s;
    (all as f64 * ANSWERS_A_HANDSHAKE >= answered && all > 0).then(|| {
        format!(
            "{} TLS handshakes, {} of them resumed, for {} answers: connections are not kept alive",
            format::count(all),
            format::count(tls.resumed_handshakes),
            format::count(answered.round() as u64)
        )
    })
}

/// Returns a sentence about connections above the knee. `None` if few were opened, or they were opened as fast as at low load.
pub(super) fn openings(low: &Load<'_>, above: &Load<'_>) -> Option<String> {
    let of = |load: &Load<'_>| load.summary.connections.clone();
    let (before, connections) = (of(low)?, of(above)?);
    let answered = above.rate * above.summary.counted_s;
    let (fast, slow) = (before.opening_ns.p50, connections.opening_ns.p50);
    // 0 if none was opened, or runs were merged.
    if fast == 0 || slow == 0 {
        return None;
    }
    let is_much = connections.opened as f64 * ANSWERS_EACH >= answered;
    let is_slow = slow as f64 >= SLOWER * fast as f64;
    (is_much && is_slow).then(|| {
        let what = match connections.tls {
            Some(_) => "with TLS handshakes",
            None => "without TLS",
        };
        format!(
            "{} connections were opened above the knee ({what}), for {} answers; one took {} at the median, {} at low load",
            format::count(connections.opened),
            format::count(answered.round() as u64),
            format::duration(slow),
            format::duration(fast)
        )
    })
}

#[cfg(test)]
mod tests {
    use tenfold_run_dir::connections::Tls;

    use super::*;
    use crate::summarise;
    use crate::synthetic::MadeUp;

    /// Returns the sentence for connections above the knee, as many as `opened`, each opened in `ms`.
    fn sentence(opened: u64, ms: u64) -> Option<String> {
        let run = MadeUp::default().play();
        let mut low = summarise(&run);
        let mut connections = low.connections.clone().unwrap_or_default();
        connections.opened = 5;
        connections.opening_ns.count = 5;
        connections.opening_ns.p50 = 1_000_000;
        low.connections = Some(connections.clone());
        let mut above = low.clone();
        connections.opened = opened;
        connections.opening_ns.p50 = ms * 1_000_000;
        above.connections = Some(connections);
        openings(&Load::of((&run, &low)), &Load::of((&run, &above)))
    }

    #[test]
    fn many_slow_openings_are_evidence() {
        let text = sentence(1_000_000, 5_000).unwrap();
        assert!(text.contains("1,000,000 connections"), "{text}");
        assert!(text.contains("5.00 s at the median, 1.00 ms"), "{text}");
    }

    #[test]
    fn each_request_with_a_handshake_is_evidence() {
        let run = MadeUp::default().play();
        let mut summary = summarise(&run);
        let mut of = |full_handshakes| {
            let mut connections = summary.connections.clone().unwrap_or_default();
            connections.tls = Some(Tls {
                full_handshakes,
                ..Tls::default()
            });
            summary.connections = Some(connections);
            handshakes(&Load::of((&run, &summary)))
        };
        let text = of(10_000_000).unwrap();
        assert!(text.starts_with("10,000,000 TLS handshakes"), "{text}");
        assert_eq!(of(50), None);
    }

    #[test]
    fn few_or_fast_openings_are_none() {
        assert_eq!(sentence(2, 5_000), None);
        assert_eq!(sentence(1_000_000, 1), None);
    }
}
