//! The shard map: which shard holds each bucket, and which buckets are moving. Pure.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::bucket::{BUCKETS, Bucket};

/// A version of the shard map. Each change is a new version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Stored", into = "Stored")]
pub struct ShardMap {
    version: u64,
    shards: Vec<String>,
    /// Index of the shard of each bucket.
    owners: Vec<u16>,
    moves: BTreeMap<Bucket, Move>,
}

/// A bucket that is moving to another shard.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Move {
    /// Shard that it leaves.
    pub from: String,
    /// Shard that it goes to.
    pub to: String,
    /// True once the map names the new shard, while the old one still has the rows.
    pub switched: bool,
}

/// Reason why a map is not valid, or can't be changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ShardMapError(String);

impl ShardMapError {
    /// Refuses for a reason.
    pub(super) fn new(why: String) -> Self {
        Self(why)
    }
}

fn refused<T>(why: impl Into<String>) -> Result<T, ShardMapError> {
    Err(ShardMapError(why.into()))
}

impl ShardMap {
    /// Creates version 1, which spreads the buckets evenly.
    ///
    /// # Errors
    /// No shards, more than buckets, a name that is not valid, or twice the same.
    pub fn even(shards: &[String]) -> Result<Self, ShardMapError> {
        let owners = (0..usize::from(BUCKETS))
            .map(|bucket| (bucket * shards.len() / usize::from(BUCKETS)) as u16)
            .collect();
        Self {
            version: 1,
            shards: shards.to_vec(),
            owners,
            moves: BTreeMap::new(),
        }
        .checked()
    }

    fn checked(self) -> Result<Self, ShardMapError> {
        if self.shards.is_empty() || self.shards.len() > usize::from(BUCKETS) {
            return refused(format!(
                "a shard map has 1 to {BUCKETS} shards, not {}",
                self.shards.len()
            ));
        }
        for (index, name) in self.shards.iter().enumerate() {
            let allowed = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
            if name.is_empty() || name.len() > 32 || !name.chars().all(allowed) {
                return refused(format!(
                    "`{name}` is not a name of a shard; use 1 to 32 letters, digits, - and _"
                ));
            }
            if self.shards[..index].contains(name) {
                return refused(format!("two shards have the name `{name}`"));
            }
        }
        if self.owners.len() != usize::from(BUCKETS) {
            return refused(format!("a shard map has {BUCKETS} buckets"));
        }
        if let Some(owner) = self
            .owners
            .iter()
            .find(|owner| usize::from(**owner) >= self.shards.len())
        {
            return refused(format!("there is no shard {owner}"));
        }
        for (bucket, own) in &self.moves {
            let now = if own.switched { &own.to } else { &own.from };
            if own.from == own.to || self.shard_of(*bucket) != now {
                return refused(format!("the move of bucket {bucket} contradicts the map"));
            }
        }
        Ok(self)
    }

    /// Returns the version.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.version
    }

    /// Returns the names of the shards.
    #[must_use]
    pub fn shards(&self) -> &[String] {
        &self.shards
    }

    /// Returns the shard that holds a bucket.
    #[must_use]
    pub fn shard_of(&self, bucket: Bucket) -> &str {
        &self.shards[usize::from(self.owners[usize::from(bucket.number())])]
    }

    /// Returns the buckets of a shard.
    pub fn buckets_of(&self, shard: &str) -> impl Iterator<Item = Bucket> {
        Bucket::all().filter(move |bucket| self.shard_of(*bucket) == shard)
    }

    /// Returns the move of a bucket. `None` if it stays.
    #[must_use]
    pub fn move_of(&self, bucket: Bucket) -> Option<&Move> {
        self.moves.get(&bucket)
    }

    /// Returns all moves.
    #[must_use]
    pub fn moves(&self) -> &BTreeMap<Bucket, Move> {
        &self.moves
    }

    /// Returns the next version, which announces moves.
    ///
    /// # Errors
    /// A bucket that is already moving, or is already there.
    pub fn announce(&self, wanted: &[(Bucket, String)]) -> Result<Self, ShardMapError> {
        let mut next = self.next();
        for (bucket, to) in wanted {
            let from = self.shard_of(*bucket).to_owned();
            if from == *to {
                return refused(format!("bucket {bucket} is already on `{to}`"));
            }
            let own = Move {
                from,
                to: to.clone(),
                switched: false,
            };
            if next.moves.insert(*bucket, own).is_some() {
                return refused(format!("bucket {bucket} is already moving"));
            }
            if !next.shards.contains(to) {
                next.shards.push(to.clone());
            }
        }
        next.checked()
    }

    /// Returns the next version, in which a moving bucket is on its new shard.
    ///
    /// # Errors
    /// A bucket that is not moving, or has moved.
    pub fn switch(&self, bucket: Bucket) -> Result<Self, ShardMapError> {
        let mut next = self.next();
        let Some(own) = next.moves.get_mut(&bucket).filter(|own| !own.switched) else {
            return refused(format!("bucket {bucket} is not about to move"));
        };
        own.switched = true;
        let to = own.to.clone();
        let Some(index) = next.shards.iter().position(|name| *name == to) else {
            return refused(format!("there is no shard `{to}`"));
        };
        next.owners[usize::from(bucket.number())] = index as u16;
        next.checked()
    }

    /// Returns the next version, which forgets moves that are complete.
    ///
    /// # Errors
    /// A bucket that has not moved.
    pub fn forget(&self, buckets: &[Bucket]) -> Result<Self, ShardMapError> {
        let mut next = self.next();
        for bucket in buckets {
            if next.moves.remove(bucket).is_none_or(|own| !own.switched) {
                return refused(format!("bucket {bucket} has not moved"));
            }
        }
        next.checked()
    }

    /// Returns the fewest moves after which these shards hold equally many buckets, and others none.
    ///
    /// # Errors
    /// No shards, or a bucket that is moving.
    pub fn rebalance(&self, shards: &[String]) -> Result<Vec<(Bucket, String)>, ShardMapError> {
        // Validates the names.
        Self::even(shards)?;
        if let Some(bucket) = self.moves.keys().next() {
            return refused(format!("bucket {bucket} is moving"));
        }
        let count = shards.len();
        let size = |index: usize| {
            let all = usize::from(BUCKETS);
            all / count + usize::from(index < all % count)
        };
        // The fullest shards get the larger sizes, so that no bucket moves that could stay.
        let mut order: Vec<&String> = shards.iter().collect();
        order.sort_by_key(|name| std::cmp::Reverse(self.buckets_of(name).count()));
        let mut room: Vec<(&String, usize)> = order
            .into_iter()
            .enumerate()
            .map(|(index, name)| (name, size(index)))
            .collect();
        let mut leaving = Vec::new();
        for bucket in Bucket::all() {
            let owner = self.shard_of(bucket);
            match room.iter_mut().find(|(name, _)| *name == owner) {
                Some((_, left)) if *left > 0 => *left -= 1,
                _ => leaving.push(bucket),
            }
        }
        let places = room
            .into_iter()
            .flat_map(|(name, left)| std::iter::repeat_n(name.clone(), left));
        Ok(leaving.into_iter().zip(places).collect())
    }

    fn next(&self) -> Self {
        let mut next = self.clone();
        next.version += 1;
        next
    }
}

/// The stored form: shards by range of buckets.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    version: u64,
    shards: Vec<String>,
    /// Number of buckets in the range, and the index of their shard.
    ranges: Vec<(u16, u16)>,
    moves: BTreeMap<Bucket, Move>,
}

impl From<ShardMap> for Stored {
    fn from(map: ShardMap) -> Self {
        let mut ranges: Vec<(u16, u16)> = Vec::new();
        for owner in map.owners {
            match ranges.last_mut() {
                Some((count, of)) if *of == owner => *count += 1,
                _ => ranges.push((1, owner)),
            }
        }
        Self {
            version: map.version,
            shards: map.shards,
            ranges,
            moves: map.moves,
        }
    }
}

impl TryFrom<Stored> for ShardMap {
    type Error = ShardMapError;

    fn try_from(stored: Stored) -> Result<Self, ShardMapError> {
        let count: u64 = stored
            .ranges
            .iter()
            .map(|(count, _)| u64::from(*count))
            .sum();
        if count != u64::from(BUCKETS) {
            return refused(format!("a shard map has {BUCKETS} buckets, not {count}"));
        }
        let owners = stored
            .ranges
            .iter()
            .flat_map(|(count, owner)| std::iter::repeat_n(*owner, usize::from(*count)))
            .collect();
        Self {
            version: stored.version,
            shards: stored.shards,
            owners,
            moves: stored.moves,
        }
        .checked()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::UserId;

    fn names(count: usize) -> Vec<String> {
        (1..=count)
            .map(|number| format!("posts-{number}"))
            .collect()
    }

    fn moved(map: &ShardMap, wanted: &[(Bucket, String)]) -> ShardMap {
        let mut map = map.announce(wanted).unwrap();
        let buckets: Vec<Bucket> = wanted.iter().map(|(bucket, _)| *bucket).collect();
        for bucket in &buckets {
            map = map.switch(*bucket).unwrap();
        }
        map.forget(&buckets).unwrap()
    }

    #[test]
    fn refuses_maps_that_are_not_valid() {
        assert!(ShardMap::even(&[]).is_err());
        assert!(ShardMap::even(&["a".to_owned(), "a".to_owned()]).is_err());
        assert!(ShardMap::even(&["a b".to_owned()]).is_err());
        for text in [
            r#"{"version":1,"shards":["a"],"ranges":[[1023,0]],"moves":{}}"#,
            r#"{"version":1,"shards":["a"],"ranges":[[1024,1]],"moves":{}}"#,
            r#"{"version":1,"shards":[],"ranges":[],"moves":{}}"#,
            r#"{"version":1,"shards":["a"],"ranges":[[1024,0]],"moves":{"1024":{"from":"a","to":"b","switched":false}}}"#,
            r#"{"version":1,"shards":["a","b"],"ranges":[[1024,0]],"moves":{"3":{"from":"b","to":"a","switched":false}}}"#,
        ] {
            assert!(serde_json::from_str::<ShardMap>(text).is_err(), "{text}");
        }
    }

    #[test]
    fn steps_of_a_move_have_an_order() {
        let map = ShardMap::even(&names(2)).unwrap();
        let bucket = Bucket::new(0).unwrap();
        assert!(map.switch(bucket).is_err());
        assert!(map.forget(&[bucket]).is_err());
        assert!(map.announce(&[(bucket, "posts-1".to_owned())]).is_err());
        let announced = map.announce(&[(bucket, "posts-2".to_owned())]).unwrap();
        assert_eq!(announced.shard_of(bucket), "posts-1");
        assert!(
            announced
                .announce(&[(bucket, "posts-2".to_owned())])
                .is_err()
        );
        assert!(announced.forget(&[bucket]).is_err());
        assert!(announced.rebalance(&names(3)).is_err());
        let switched = announced.switch(bucket).unwrap();
        assert_eq!(switched.shard_of(bucket), "posts-2");
        assert!(switched.switch(bucket).is_err());
        let done = switched.forget(&[bucket]).unwrap();
        assert_eq!(done.version(), 4);
        assert_eq!(done.move_of(bucket), None);
    }

    proptest! {
        #[test]
        fn every_bucket_belongs_to_one_shard(count in 1_usize..40, author in any::<i64>()) {
            let map = ShardMap::even(&names(count)).unwrap();
            let bucket = Bucket::of_author(UserId(author));
            let owners = map.shards().iter().filter(|name| {
                map.buckets_of(name).any(|own| own == bucket)
            });
            prop_assert_eq!(owners.count(), 1);
            let sizes: Vec<usize> = names(count).iter().map(|name| map.buckets_of(name).count()).collect();
            prop_assert_eq!(sizes.iter().sum::<usize>(), usize::from(BUCKETS));
            prop_assert!(sizes.iter().max().unwrap() - sizes.iter().min().unwrap() <= 1);
        }

        #[test]
        fn any_text_is_harmless(text in ".*") {
            let _ = serde_json::from_str::<ShardMap>(&text);
        }

        #[test]
        fn moves_keep_the_rest_in_place(
            count in 2_usize..6,
            chosen in prop::collection::btree_map(0_u16..BUCKETS, 0_usize..8, 1..30),
        ) {
            let map = ShardMap::even(&names(count)).unwrap();
            let wanted: Vec<(Bucket, String)> = chosen
                .into_iter()
                .map(|(bucket, to)| (Bucket::new(bucket).unwrap(), format!("posts-{}", to + 1)))
                .filter(|(bucket, to)| map.shard_of(*bucket) != to)
                .collect();
            let after = moved(&map, &wanted);
            for bucket in Bucket::all() {
                let to = wanted.iter().find(|(own, _)| *own == bucket).map(|(_, to)| to.as_str());
                prop_assert_eq!(after.shard_of(bucket), to.unwrap_or(map.shard_of(bucket)));
            }
            let stored = serde_json::to_string(&after).unwrap();
            prop_assert_eq!(serde_json::from_str::<ShardMap>(&stored).unwrap(), after);
        }

    }

    proptest! {
        // Each case makes some hundred maps.
        #![proptest_config(ProptestConfig::with_cases(16))]

        #[test]
        fn rebalancing_moves_as_little_as_possible(before in 1_usize..9, after in 1_usize..9) {
            let map = ShardMap::even(&names(before)).unwrap();
            let wanted = map.rebalance(&names(after)).unwrap();
            let spread = moved(&map, &wanted);
            let sizes: Vec<usize> = names(after).iter().map(|name| spread.buckets_of(name).count()).collect();
            prop_assert_eq!(sizes.iter().sum::<usize>(), usize::from(BUCKETS));
            prop_assert!(sizes.iter().max().unwrap() - sizes.iter().min().unwrap() <= 1);
            // Only what is beyond the new size of its shard, or on a shard that goes, moves.
            let least: usize = names(before).iter().enumerate().map(|(index, name)| {
                let stays = if index < after { sizes[index] } else { 0 };
                map.buckets_of(name).count().saturating_sub(stays)
            }).sum();
            prop_assert!(wanted.len() <= least, "{} > {least}", wanted.len());
        }

    }
}
