//! Mix of requests by weight.

use rand::RngExt;

use crate::random::stream::Stream;
use crate::request::{Kind, Request};

/// Deals out requests in shuffled blocks, so that the mix is exact and not only likely.
///
/// A block is long enough for the rarer of reads and writes to occur once. The number of each request
/// in a block follows from the amount owed to it: its share of all arrivals so far, minus the number
/// dealt, largest remainder first. This is applied to reads and writes, then within each. After each
/// block, reads and writes are within one of exact over the whole run; within a block, the order is
/// random.
#[derive(Debug, Clone)]
pub(crate) struct Mix {
    kinds: Shares,
    reads: Shares,
    writes: Shares,
    block: Vec<u32>,
    next: usize,
    length: usize,
}

/// Items with their shares and the amount owed to each.
#[derive(Debug, Clone)]
struct Shares {
    /// Items dealt: requests, or kinds (0 reads, 1 writes).
    items: Vec<u32>,
    shares: Vec<f64>,
    owed: Vec<f64>,
    dealt: Vec<usize>,
}

/// Maximum length of a block.
const BLOCK_MAX: f64 = 10_000.0;

impl Mix {
    /// Returns the mix of requests, or `None` if all weights are 0.
    pub(crate) fn new(requests: &[Request]) -> Option<Self> {
        let of_kind = |kind: Kind| {
            Shares::new(
                (0..)
                    .zip(requests)
                    .filter(|(_, request)| request.kind == kind)
                    .map(|(index, request)| (index, request.weight)),
            )
        };
        let weight = |kind: Kind| {
            requests
                .iter()
                .filter(|request| request.kind == kind)
                .map(|request| request.weight)
                .sum::<f64>()
        };
        let kinds = Shares::new([(0, weight(Kind::Read)), (1, weight(Kind::Write))]);
        let (reads, writes) = (of_kind(Kind::Read), of_kind(Kind::Write));
        // With only one kind, the rarest request determines the length.
        let compared = if kinds.items.len() > 1 {
            &kinds
        } else if reads.items.is_empty() {
            &writes
        } else {
            &reads
        };
        let rarest = compared.shares.iter().copied().reduce(f64::min)?;
        let length = (1.0 / rarest).round().clamp(1.0, BLOCK_MAX) as usize;
        Some(Self {
            kinds,
            reads,
            writes,
            block: Vec::with_capacity(length),
            next: 0,
            length,
        })
    }

    /// Returns the index of the next request.
    pub(crate) fn next(&mut self, random: &mut Stream) -> usize {
        if self.next == self.block.len() {
            self.deal();
        }
        // Shuffled incrementally (Fisher-Yates), so that no single arrival pays for the whole block.
        let other = random.random_range(self.next..self.block.len());
        self.block.swap(self.next, other);
        self.next += 1;
        self.block[self.next - 1] as usize
    }

    fn deal(&mut self) {
        self.block.clear();
        self.next = 0;
        self.kinds.deal(self.length);
        for index in 0..self.kinds.items.len() {
            let count = self.kinds.dealt[index];
            let within = if self.kinds.items[index] == 0 {
                &mut self.reads
            } else {
                &mut self.writes
            };
            within.deal(count);
            for (item, count) in within.items.iter().zip(&within.dealt) {
                self.block.extend(std::iter::repeat_n(*item, *count));
            }
        }
    }
}

impl Shares {
    fn new(weights: impl IntoIterator<Item = (u32, f64)>) -> Self {
        let weighted: Vec<(u32, f64)> = weights
            .into_iter()
            .filter(|(_, weight)| *weight > 0.0)
            .collect();
        let total: f64 = weighted.iter().map(|(_, weight)| weight).sum();
        let count = weighted.len();
        Self {
            items: weighted.iter().map(|(item, _)| *item).collect(),
            shares: weighted.iter().map(|(_, weight)| weight / total).collect(),
            owed: vec![0.0; count],
            dealt: vec![0; count],
        }
    }

    /// Deals `count` items into `dealt`.
    fn deal(&mut self, count: usize) {
        let mut left = count;
        for index in 0..self.items.len() {
            self.owed[index] += self.shares[index] * count as f64;
            // Slightly more, because sums of shares such as 0.7 round down.
            let whole = (self.owed[index] + 1e-9).floor().max(0.0).min(left as f64);
            self.dealt[index] = whole as usize;
            self.owed[index] -= whole;
            left -= whole as usize;
        }
        while left > 0 {
            let mut most = 0;
            for index in 1..self.items.len() {
                if self.owed[index] > self.owed[most] + 1e-9 {
                    most = index;
                }
            }
            self.dealt[most] += 1;
            self.owed[most] -= 1.0;
            left -= 1;
        }
    }
}
