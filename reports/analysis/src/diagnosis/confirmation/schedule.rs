//! The order in which components are slowed.

use rand::SeedableRng as _;
use rand::seq::SliceRandom as _;
use rand_pcg::Pcg64;

/// Shares of its time by which a component is slowed: one and two steps.
const SLOWDOWNS: [f64; 2] = [0.25, 0.5];

/// Windows of a block in which nothing is slowed: all components are compared with them.
const UNSLOWED: usize = 2;

/// Slowed component of a window.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Setting {
    /// Nothing.
    Unslowed,
    /// The component with an index, by a share of its time.
    Slowed(usize, f64),
}

/// Returns blocks of settings, as many as fit into `windows` windows, but at least two. Each block has every setting once, in an order of its own, so
/// that a drift of the service or of the machine meets all alike.
pub fn schedule(components: usize, windows: usize, seed: u64) -> Vec<Setting> {
    let mut stream = Pcg64::seed_from_u64(seed);
    let slowed = (0..components)
        .flat_map(|index| SLOWDOWNS.map(|slowdown| Setting::Slowed(index, slowdown)));
    let block: Vec<Setting> = std::iter::repeat_n(Setting::Unslowed, UNSLOWED)
        .chain(slowed)
        .collect();
    let blocks = (windows / block.len()).max(2);
    let shuffled = std::iter::repeat_with(|| {
        let mut block = block.clone();
        block.shuffle(&mut stream);
        block
    });
    shuffled.take(blocks).flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_have_every_setting() {
        let settings = schedule(3, 25, 1);
        assert_eq!(settings.len(), 24);
        for block in settings.chunks(8) {
            let count = |wanted| block.iter().filter(|own| **own == wanted).count();
            assert_eq!(count(Setting::Unslowed), 2);
            for index in 0..3 {
                for slowdown in SLOWDOWNS {
                    assert_eq!(count(Setting::Slowed(index, slowdown)), 1);
                }
            }
        }
        assert_ne!(settings[..8], settings[8..16]);
        assert_eq!(schedule(3, 25, 1), settings);
        assert_eq!(schedule(5, 1, 1).len(), 24);
    }
}
