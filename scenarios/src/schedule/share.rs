//! Shares of a schedule: the arrivals and users of one generator of several.

use super::arrival::Arrival;
use crate::load::Model;
use crate::request::data_file::RowOrder;
use crate::scenario::Scenario;

/// One of several equal shares of a schedule.
///
/// The shares of one count are disjoint, and together they are the whole schedule: each arrival is in exactly one, with
/// the time and the random choices that it has in the whole schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Share {
    index: u32,
    count: u32,
}

/// The number by which arrivals and users are dealt out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Dealing {
    /// The arrival's own number, or that of its pair.
    Arrivals,
    /// The number of the user's session, of this many.
    Sessions(u64),
    /// The number of the user.
    Users,
}

impl Share {
    /// The whole schedule.
    pub const WHOLE: Self = Self { index: 0, count: 1 };

    /// Returns share number `index`, from 0, of `count`. `None` unless `index` is below `count`.
    pub fn new(index: u32, count: u32) -> Option<Self> {
        (index < count).then_some(Self { index, count })
    }

    /// Returns all shares of a schedule in `count` parts; the whole one for 0.
    pub fn all(count: u32) -> impl Iterator<Item = Self> {
        let count = count.max(1);
        (0..count).map(move |index| Self { index, count })
    }

    /// Number of the share, from 0.
    pub fn index(self) -> u32 {
        self.index
    }

    /// Number of shares.
    pub fn count(self) -> u32 {
        self.count
    }

    /// Returns whether there is only one share.
    pub fn is_whole(self) -> bool {
        self.count == 1
    }

    /// Returns whether a number belongs to this share: every number whose remainder is its index.
    pub fn takes(self, number: u64) -> bool {
        self.count == 1 || number % u64::from(self.count) == u64::from(self.index)
    }

    /// Returns this share of a total. The parts of all shares add up to the total, and differ by at most 1.
    pub fn part_of(self, total: u32) -> u32 {
        total / self.count + u32::from(self.index < total % self.count)
    }
}

impl Scenario {
    /// Returns one share of the schedule, in time order.
    ///
    /// Arrivals are dealt out in turn by their numbers. If users have state, that is sessions or rows of their own
    /// (`order = "unique-per-user"`), arrivals are dealt out by the number of their session or user instead, so that no user
    /// is in two shares. The shares then differ in size as far as the popularity of users does.
    ///
    /// Each share draws the whole schedule and leaves out the arrivals of the others.
    pub fn schedule_of(&self, share: Share) -> impl Iterator<Item = Arrival> + '_ {
        let dealing = self.dealing();
        let pair = if self.is_paired() { 2 } else { 1 };
        self.schedule().filter(move |arrival| {
            share.takes(match dealing {
                Dealing::Arrivals => arrival.sequence / pair,
                Dealing::Sessions(count) => arrival.draw.user % count,
                Dealing::Users => arrival.draw.user,
            })
        })
    }

    /// Returns the numbers of the virtual users of a closed model that are in a share, in ascending order.
    ///
    /// Users that use the same session are in the same share.
    pub fn users_of(&self, share: Share) -> impl Iterator<Item = u32> + use<> {
        let dealing = self.dealing();
        (0..self.load.users).filter(move |number| {
            let number = u64::from(*number);
            share.takes(match dealing {
                Dealing::Sessions(count) => number % count,
                Dealing::Arrivals | Dealing::Users => number,
            })
        })
    }

    /// Returns the highest number of shares of which each has at least one virtual user and, if users have state, one user
    /// or session.
    pub fn shares_max(&self) -> u32 {
        let dealt = match (self.dealing(), self.load.model) {
            (Dealing::Sessions(count), _) => count,
            (Dealing::Users, Model::Open) => self.user_space.count,
            (Dealing::Users, Model::Closed) | (Dealing::Arrivals, _) => u64::MAX,
        };
        u32::try_from(dealt)
            .unwrap_or(u32::MAX)
            .min(self.load.users)
            .max(1)
    }

    /// Returns the highest planned rate that one of `count` shares can have, per second. `None` if it is not known before the
    /// run: in a closed model, and for recordings.
    ///
    /// If arrivals are dealt out by session or user, one share may have all of them.
    pub fn share_rate_max(&self, count: u32) -> Option<f64> {
        let mut highest: f64 = 0.0;
        for phase in &self.phases {
            highest = highest.max(phase.peak_rate()?);
        }
        match (self.load.model, self.dealing()) {
            (Model::Closed, _) => None,
            (Model::Open, Dealing::Arrivals) => Some(highest / f64::from(count.max(1))),
            (Model::Open, Dealing::Sessions(_) | Dealing::Users) => Some(highest),
        }
    }

    /// Returns how arrivals and users are dealt out.
    fn dealing(&self) -> Dealing {
        let unique = |order| order == RowOrder::UniquePerUser;
        match &self.sessions {
            Some(sessions) => Dealing::Sessions(sessions.count.max(1)),
            None if self.data().any(|data| unique(data.order)) => Dealing::Users,
            None => Dealing::Arrivals,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn share_is_below_its_count() {
        assert_eq!(Share::new(0, 1), Some(Share::WHOLE));
        assert_eq!(Share::new(1, 1), None);
        assert_eq!(Share::new(0, 0), None);
        assert_eq!(
            Share::all(3).map(Share::index).collect::<Vec<_>>(),
            [0, 1, 2]
        );
    }

    fn scenario(more: &str) -> Scenario {
        let text = format!(
            "version = 1\nname = \"x\"\n\
             phases = [{{ name = \"a\", kind = \"ramp\", from = \"10/s\", to = \"90/s\", duration = \"2s\" }}]\n\
             requests = [{{ name = \"r\", kind = \"read\", method = \"POST\", path = \"/\", capture = {{ token = \"json:/token\" }} }}]\n{more}"
        );
        Scenario::parse(&text, std::path::Path::new("x.toml")).unwrap()
    }

    #[test]
    fn rate_of_a_share_is_bounded() {
        assert_eq!(scenario("").share_rate_max(3), Some(30.0));
        let sessions = "sessions = { login = \"r\", count = 9 }\nusers = { count = 9 }\n";
        assert_eq!(scenario(sessions).share_rate_max(3), Some(90.0));
    }

    proptest! {
        #[test]
        fn every_number_is_in_one_share(number: u64, count in 1_u32..40) {
            let takers = Share::all(count).filter(|share| share.takes(number)).count();
            prop_assert_eq!(takers, 1);
        }

        #[test]
        fn parts_add_up(total: u32, count in 1_u32..1_000) {
            let parts: Vec<u64> = Share::all(count).map(|share| u64::from(share.part_of(total))).collect();
            prop_assert_eq!(parts.iter().sum::<u64>(), u64::from(total));
            prop_assert!(parts[0] - parts[parts.len() - 1] <= 1);
        }
    }
}
