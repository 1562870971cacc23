//! How many rounds a budget has room for, and when they are looked at.

use std::time::Duration;

/// When rounds are looked at, as shares of all there is room for: early enough to save time where
/// something is plain, late enough not to spend the error rate on noise.
const LOOKS: [f64; 3] = [0.4, 0.7, 1.0];

/// Returns the numbers of rounds after which to look, rising, each a multiple of what an epoch has; the
/// last is all that fit into `left`, where an epoch takes `epoch`. Empty where none does.
pub(crate) fn looks(left: Duration, epoch: Duration, rounds_per_epoch: usize) -> Vec<usize> {
    let epochs = (left.as_secs_f64() / epoch.as_secs_f64().max(1e-9)).floor() as usize;
    let mut looks: Vec<usize> = LOOKS
        .iter()
        .map(|share| {
            let until = (share * epochs as f64).round() as usize;
            // In pairs of epochs each build has been in each slot, and was started first, as often as the
            // other.
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
    fn looks_rise_in_pairs_of_epochs_to_what_fits() {
        let seconds = Duration::from_secs;
        assert_eq!(looks(seconds(60), seconds(6), 4), [16, 32, 40]);
        assert_eq!(looks(seconds(45), seconds(6), 4), [16, 24]);
        assert_eq!(looks(seconds(12), seconds(6), 4), [8]);
        assert_eq!(looks(seconds(6), seconds(6), 4), [4]);
        assert!(looks(seconds(5), seconds(6), 4).is_empty());
    }
}
