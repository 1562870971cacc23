//! Distribution of requests over keys.

use std::fmt;
use std::time::Duration;

use crate::format::error::ScenarioError;
use crate::format::fields::Fields;
use crate::format::units::format_duration;
use crate::random::permutation::Permutation;
use crate::random::stream::Stream;

mod flash_crowd;
mod hot_set;
mod latest;
mod uniform;
mod zipfian;

pub use flash_crowd::FlashCrowd;
pub use hot_set::HotSet;
pub use latest::Latest;
pub use zipfian::Zipfian;

/// Distribution of requests over keys.
#[derive(Debug, Clone, PartialEq)]
pub enum Popularity {
    /// All keys equally often.
    Uniform,
    /// The key of rank `r` in proportion to `1 / r^exponent`.
    Zipfian(Zipfian),
    /// A few keys get most of the requests.
    HotSet(HotSet),
    /// The highest keys are the most popular, as if the newest items were read most.
    Latest(Latest),
    /// Zipfian until a given time; then unpopular keys get a large share.
    FlashCrowd(FlashCrowd),
}

/// A popularity prepared for a number of keys.
#[derive(Debug, Clone)]
pub(crate) enum Sampler {
    Uniform(uniform::Sampler),
    Zipfian(zipfian::Sampler),
    HotSet(hot_set::Sampler),
    Latest(latest::Sampler),
    FlashCrowd(flash_crowd::Sampler),
}

/// A key's popularity rank, 0 for the most popular, and its index in the key space.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pick {
    pub(crate) rank: u64,
    pub(crate) index: u64,
}

type ReadPopularity = fn(&mut Fields<'_>) -> Result<Popularity, ScenarioError>;

/// The kinds by name.
const KINDS: [(&str, ReadPopularity); 5] = [
    ("uniform", |_| Ok(Popularity::Uniform)),
    ("zipfian", |fields| {
        Zipfian::read(fields).map(Popularity::Zipfian)
    }),
    ("hot-set", |fields| {
        HotSet::read(fields).map(Popularity::HotSet)
    }),
    ("latest", |fields| {
        Latest::read(fields).map(Popularity::Latest)
    }),
    ("flash-crowd", |fields| {
        FlashCrowd::read(fields).map(Popularity::FlashCrowd)
    }),
];

impl Popularity {
    pub(crate) fn read(mut fields: Fields<'_>) -> Result<Self, ScenarioError> {
        let kind = fields.required("kind")?;
        let read = kind.choice(&KINDS)?;
        fields.describe(format!("a popularity of kind `{}`", kind.text()?));
        let popularity = read(&mut fields)?;
        fields.finish()?;
        Ok(popularity)
    }

    pub(crate) fn sampler(&self, count: u64) -> Sampler {
        match self {
            Self::Uniform => Sampler::Uniform(uniform::Sampler::new(count)),
            Self::Zipfian(popularity) => Sampler::Zipfian(popularity.sampler(count)),
            Self::HotSet(popularity) => Sampler::HotSet(popularity.sampler(count)),
            Self::Latest(popularity) => Sampler::Latest(popularity.sampler(count)),
            Self::FlashCrowd(popularity) => Sampler::FlashCrowd(popularity.sampler(count)),
        }
    }
}

/// Formats it as in `Zipfian, exponent 0.99`.
impl fmt::Display for Popularity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = |fraction: f64| fraction * 100.0;
        match self {
            Self::Uniform => f.write_str("uniform"),
            Self::Zipfian(Zipfian { exponent }) => write!(f, "Zipfian, exponent {exponent}"),
            Self::HotSet(HotSet { hot, share }) => {
                write!(
                    f,
                    "hot set, {}% of the keys get {}%",
                    percent(*hot),
                    percent(*share)
                )
            }
            Self::Latest(Latest { exponent }) => write!(f, "latest first, exponent {exponent}"),
            Self::FlashCrowd(crowd) => write!(
                f,
                "Zipfian, exponent {}; from {} on, {}% of the requests go to {}% of the keys",
                crowd.exponent,
                format_duration(crowd.at),
                percent(crowd.share),
                percent(crowd.hot),
            ),
        }
    }
}

impl Sampler {
    /// Draws a key at a time of the run.
    pub(crate) fn pick(&self, random: &mut Stream, shuffle: &Permutation, at: Duration) -> Pick {
        match self {
            Self::Uniform(sampler) => sampler.pick(random, shuffle),
            Self::Zipfian(sampler) => sampler.pick(random, shuffle),
            Self::HotSet(sampler) => sampler.pick(random, shuffle),
            Self::Latest(sampler) => sampler.pick(random),
            Self::FlashCrowd(sampler) => sampler.pick(random, shuffle, at),
        }
    }

    /// Returns the share of requests for the `k` most popular keys, computed from the distribution.
    pub(crate) fn share_of_top(&self, k: u64, at: Duration) -> f64 {
        match self {
            Self::Uniform(sampler) => sampler.share_of_top(k),
            Self::Zipfian(sampler) => sampler.share_of_top(k),
            Self::HotSet(sampler) => sampler.share_of_top(k),
            Self::Latest(sampler) => sampler.share_of_top(k),
            Self::FlashCrowd(sampler) => sampler.share_of_top(k, at),
        }
    }
}
