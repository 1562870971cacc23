//! Number of rounds that fit into a budget, and the looks at them.

use std::time::Duration;

/// Looks, as shares of all rounds: early enough to save time if the result is obvious, late enough not to
/// spend the error rate on noise.
const LOOKS: [f64; 3] = [0.4, 0.7, 1.0];

/// Returns the numbers of rounds after which to look, in ascending order. Each is a whole number of epochs. The
/// last includes every epoch of length `epoch` that fits into `left`. Empty if none fits.
pub(crate) fn looks(left: Duration, epoch: Duration, rounds_per_epoch: usize) -> Vec<usize> {
    let epochs = (left.as_secs_f64() / epoch.as_secs_f64().max(1e-9)).floor() as usize;
    let mut looks: Vec<usize> = LOOKS
        .iter()
        .map(|share| {
            let until = (share * epochs as f64).round() as usize;
            // Over a pair of epochs, each build uses each slot, and starts first, equally often.
            let pairs = if epochs > 1 {
                until.div_ceil(2) * 2
            } else {
                until
            };
            pairs.min(if epochs > 1 { epochs / 2 * 2 } else { epochs }) * rounds_per_epoch
        })
        .filter(|rounds| *rounds > 0)
        .collect();
    looks.dedup();
    looks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looks_cover_pairs_of_epochs_that_fit() {
        let seconds = Duration::from_secs;
        assert_eq!(looks(seconds(60), seconds(6), 4), [16, 32, 40]);
        assert_eq!(looks(seconds(45), seconds(6), 4), [16, 24]);
        assert_eq!(looks(seconds(12), seconds(6), 4), [8]);
        assert_eq!(looks(seconds(6), seconds(6), 4), [4]);
        assert!(looks(seconds(5), seconds(6), 4).is_empty());
    }
}
