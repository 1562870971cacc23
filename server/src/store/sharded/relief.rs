//! Which buckets leave a hot shard, so that its load is that of the others. Pure.

use super::bucket::{BUCKETS, Bucket};
use super::shard_map::{ShardMap, ShardMapError};

/// Bucket that much of the load of a shard is for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HotBucket {
    /// The bucket.
    pub bucket: Bucket,
    /// Its share of the calls of all shards, 0 to 1.
    pub share: f64,
}

/// Returns the moves after which a shard has its hot bucket, and of the others as many as its load allows. One bucket
/// can't be split: if it alone is more than the load of a shard should be, the shard keeps no other.
///
/// # Errors
/// No other shard, a shard without the bucket, or a bucket that is moving.
pub(super) fn relief(
    map: &ShardMap,
    shards: &[String],
    shard: &str,
    hot: HotBucket,
) -> Result<Vec<(Bucket, String)>, ShardMapError> {
    if let Some(bucket) = map.moves().keys().next() {
        return Err(ShardMapError::new(format!("bucket {bucket} is moving")));
    }
    if map.shard_of(hot.bucket) != shard {
        let bucket = hot.bucket;
        return Err(ShardMapError::new(format!(
            "bucket {bucket} is not on `{shard}`"
        )));
    }
    let others = shards.iter().filter(|name| *name != shard);
    let mut others: Vec<(usize, &String)> = others
        .map(|name| (map.buckets_of(name).count(), name))
        .collect();
    if others.is_empty() {
        return Err(ShardMapError::new(format!(
            "there is no other shard than `{shard}`"
        )));
    }
    let fair = 1.0 / (others.len() + 1) as f64;
    let share = hot.share.clamp(0.0, 1.0);
    // The load besides that of the hot bucket is spread evenly over all other buckets.
    let room = match share < 1.0 {
        true => ((fair - share) / (1.0 - share)).clamp(0.0, 1.0),
        false => 0.0,
    };
    let kept = (room * f64::from(BUCKETS)).round() as usize;
    let mut moves = Vec::new();
    let leaving = map.buckets_of(shard).filter(|own| *own != hot.bucket);
    for bucket in leaving.skip(kept) {
        others.sort();
        if let Some((count, name)) = others.first_mut() {
            *count += 1;
            moves.push((bucket, name.clone()));
        }
    }
    Ok(moves)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn names(count: usize) -> Vec<String> {
        (1..=count)
            .map(|number| format!("posts-{number}"))
            .collect()
    }

    #[test]
    fn shard_with_a_fifth_of_the_load_keeps_three_eighths_of_the_buckets() {
        let map = ShardMap::even(&names(2)).unwrap();
        let hot = HotBucket {
            bucket: Bucket::new(0).unwrap(),
            share: 0.2,
        };
        let moves = relief(&map, &names(2), "posts-1", hot).unwrap();
        // (1/2 - 0.2) / 0.8 of 1,024 stay, and the hot one.
        assert_eq!(512 - moves.len(), 384 + 1);
        let other = relief(&map, &names(2), "posts-2", hot).unwrap_err();
        assert_eq!(other.to_string(), "bucket 0 is not on `posts-2`");
        assert!(relief(&map, &names(1), "posts-1", hot).is_err());
    }

    proptest! {
        #[test]
        fn load_is_even_afterwards(count in 2_usize..6, share in 0.0_f64..1.0) {
            let map = ShardMap::even(&names(count)).unwrap();
            let hot = HotBucket { bucket: Bucket::new(0).unwrap(), share };
            let moves = relief(&map, &names(count), "posts-1", hot).unwrap();
            prop_assert!(moves.iter().all(|(bucket, to)| *bucket != hot.bucket && to != "posts-1"));
            let load = |name: &str| {
                let own = map.buckets_of(name).filter(|bucket| {
                    let to = moves.iter().find(|(own, _)| own == bucket);
                    to.map_or(name, |(_, to)| to) == name
                });
                let come = moves.iter().filter(|(_, to)| to == name && map.shard_of(hot.bucket) != name);
                let buckets = own.filter(|bucket| *bucket != hot.bucket).count() + come.count();
                let hot_share = if name == "posts-1" { share } else { 0.0 };
                hot_share + buckets as f64 * (1.0 - share) / 1_023.0
            };
            let loads: Vec<f64> = names(count).iter().map(|name| load(name)).collect();
            let fair = 1.0 / count as f64;
            // Except for a hot bucket that is more than a fair share by itself.
            let most = fair.max(share) + 0.01;
            prop_assert!(loads.iter().all(|load| *load <= most), "{loads:?}");
            prop_assert!((loads.iter().sum::<f64>() - 1.0).abs() < 1e-6);
        }
    }
}
