//! Fleets for a peak: copies of a variant of the service.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{BoxCapacity, Needed, TooManyBoxes, Traffic};

/// As many copies of a variant of the service as the peak needs.
///
/// Users and their data are divided among the copies. What the copies share, such as follows between users of different copies,
/// is not counted.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Fleet {
    /// Name of the variant.
    pub step: String,
    /// Rate that one copy sustains, per second.
    pub sustained: f64,
    /// Copies.
    pub copies: u64,
    /// The arithmetic.
    pub arithmetic: String,
    /// Boxes of each role in all copies. Empty if the variant has none.
    pub boxes: BTreeMap<String, u64>,
    /// Price of all copies for a month. `None` if it is not known.
    pub price_month: Option<f64>,
    /// Currency of the price.
    pub currency: Option<String>,
}

impl Fleet {
    /// Counts the copies. Boxes and price are to be added.
    pub(crate) fn of(
        step: &str,
        traffic: &Traffic,
        capacity: BoxCapacity,
    ) -> Result<Self, TooManyBoxes> {
        let needed = Needed::of(traffic, capacity)?;
        Ok(Self {
            step: step.to_owned(),
            sustained: capacity.sustained,
            copies: needed.number,
            arithmetic: needed.arithmetic,
            boxes: BTreeMap::new(),
            price_month: None,
            currency: None,
        })
    }
}
