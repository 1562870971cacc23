//! Number of boxes in zones.

use thiserror::Error;

/// Most boxes of a fleet: more than any has.
const BOXES_MAX: f64 = 1e7;

/// A fleet with more boxes than any has.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "the peak needs more than 10 million boxes of {kind}; plan less traffic, a lower --peak, or a higher --utilisation"
)]
pub struct TooManyBoxes {
    kind: String,
}

/// Returns the boxes in zones, one of which may fail, if `needed` are enough. A single zone may not.
///
/// # Errors
/// If there are more than ten million, or the number is not known.
pub(crate) fn box_count(needed: f64, zones: u64, kind: &str) -> Result<u64, TooManyBoxes> {
    let zones = zones.max(1);
    // The other zones have to suffice.
    let left = (zones - 1).max(1) as f64;
    let boxes = (needed / left).ceil().max(1.0) * zones as f64;
    let is_sane = !needed.is_nan() && boxes <= BOXES_MAX;
    is_sane.then_some(boxes as u64).ok_or_else(|| TooManyBoxes {
        kind: kind.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rest_is_enough_without_a_zone() {
        for (needed, zones, expected) in [
            (0.0, 1, 1),
            (26.2, 1, 27),
            (26.2, 0, 27),
            (26.2, 2, 54),
            (26.2, 3, 42),
            (1e7, 1, 10_000_000),
        ] {
            assert_eq!(box_count(needed, zones, "app"), Ok(expected), "{needed}");
        }
        for (needed, zones) in [
            (1e7, 2),
            (1e7 + 1.0, 1),
            (f64::INFINITY, 2),
            (f64::NAN, 2),
            (f64::MAX, u64::MAX),
        ] {
            let error = box_count(needed, zones, "`app`").unwrap_err().to_string();
            assert!(error.contains("boxes of `app`"), "{error}");
        }
    }
}
