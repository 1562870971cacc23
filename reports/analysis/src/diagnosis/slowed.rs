//! The requests that a high load slows down, if it spares others.

use crate::format;
use crate::summary::Summary;

/// Share of the longest added time from which a name counts as slowed.
const SLOWED_MIN: f64 = 0.5;

/// Share of the longest added time up to which a name counts as spared.
const SPARED_MAX: f64 = 0.1;

/// Least ratio of the p90 at high load to that at low load.
const SLOWER_MIN: u64 = 2;

/// Least time that is added to the p90, in nanoseconds.
const ADDED_NS_MIN: u64 = 1_000_000;

/// Names that are listed.
const NAMES_MAX: usize = 3;

/// The requests that a high load slows down.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Slowed {
    /// Their names, the one with the longest wait first.
    pub(super) names: Vec<String>,
    /// p90 of the first, at low and at high load, in nanoseconds.
    pub(super) p90_ns: [u64; 2],
    /// Names that were hardly slowed.
    pub(super) spared: Vec<String>,
}

impl Slowed {
    /// Compares two loads by the p90 of each request. `None` unless some are slowed and others are spared.
    pub(super) fn of(low: &Summary, high: &Summary) -> Option<Self> {
        let requests = low.requests.iter().zip(&high.requests);
        let mut added: Vec<(&str, u64, u64)> = requests
            .filter_map(|(low, high)| {
                let [before, after] = [low, high].map(|own| own.latency_ns.response.p90);
                Some((low.name.as_str(), before?, after?))
            })
            .collect();
        let growth = |own: &(&str, u64, u64)| own.2.saturating_sub(own.1);
        added.sort_by_key(|own| std::cmp::Reverse(growth(own)));
        let worst = *added.first()?;
        // A little more time is no queue.
        if worst.2 < SLOWER_MIN * worst.1 || growth(&worst) < ADDED_NS_MIN {
            return None;
        }
        let share = |own: &(&str, u64, u64)| growth(own) as f64 / growth(&worst).max(1) as f64;
        let names = |wanted: &dyn Fn(f64) -> bool| -> Vec<String> {
            let chosen = added.iter().filter(|own| wanted(share(own)));
            chosen.map(|own| own.0.replace('`', "'")).collect()
        };
        let spared = names(&|share| share <= SPARED_MAX);
        (!spared.is_empty()).then(|| Self {
            names: names(&|share| share >= SLOWED_MIN),
            p90_ns: [worst.1, worst.2],
            spared,
        })
    }

    /// Returns the slowed names for a sentence: "`a`, `b` and 2 others".
    pub(super) fn list(&self) -> String {
        list(&self.names)
    }

    /// Returns who waits and who does not, in a sentence.
    pub(super) fn sentence(&self) -> String {
        format!(
            "the load slows {} (p90 of the first {} at low load, {} above the knee), and hardly {}",
            list(&self.names),
            format::duration(self.p90_ns[0]),
            format::duration(self.p90_ns[1]),
            list(&self.spared)
        )
    }
}

fn list(names: &[String]) -> String {
    let quoted = |name: &String| format!("`{name}`");
    match names {
        [] => String::new(),
        [one] => quoted(one),
        many if many.len() <= NAMES_MAX => {
            let (last, others) = many.split_last().unwrap_or((&many[0], &[]));
            let others: Vec<String> = others.iter().map(quoted).collect();
            format!("{} and {}", others.join(", "), quoted(last))
        }
        many => {
            let shown: Vec<String> = many.iter().take(NAMES_MAX - 1).map(quoted).collect();
            format!(
                "{} and {} others",
                shown.join(", "),
                many.len() - (NAMES_MAX - 1)
            )
        }
    }
}
