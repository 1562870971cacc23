//! Contract of [`Cache`], as a suite for every backend.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::Cache;

const LONG: Duration = Duration::from_secs(60);

/// Runs the suite on an empty cache, large enough to evict nothing.
pub(crate) async fn is_kept(cache: Arc<dyn Cache>) {
    set_value_is_read(&*cache).await;
    values_survive_unchanged(&*cache).await;
    many_are_read_in_order(&*cache).await;
    deleted_value_is_gone(&*cache).await;
    values_expire(&*cache).await;
    one_caller_sets_absent_key(&cache).await;
    replace_requires_expected_value(&*cache).await;
    one_caller_replaces(&cache).await;
    deleted_lease_is_rejected(&*cache).await;
}

fn bytes(text: &'static str) -> Bytes {
    Bytes::from_static(text.as_bytes())
}

async fn set_value_is_read(cache: &dyn Cache) {
    assert_eq!(cache.get(b"a").await, Ok(None));
    cache.set(b"a", bytes("one"), LONG).await.unwrap();
    assert_eq!(cache.get(b"a").await, Ok(Some(bytes("one"))));
    cache.set(b"a", bytes("two"), LONG).await.unwrap();
    assert_eq!(cache.get(b"a").await, Ok(Some(bytes("two"))));
}

async fn values_survive_unchanged(cache: &dyn Cache) {
    let all: Bytes = (0..=255_u8).cycle().take(70_000).collect();
    for (key, value) in [(&all[..300], all.clone()), (b"empty", Bytes::new())] {
        cache.set(key, value.clone(), LONG).await.unwrap();
        assert_eq!(cache.get(key).await, Ok(Some(value)));
    }
}

async fn many_are_read_in_order(cache: &dyn Cache) {
    let pairs = [(bytes("m1"), bytes("1")), (bytes("m2"), bytes("2"))];
    cache.set_many(&pairs, LONG).await.unwrap();
    let keys = [bytes("m2"), bytes("absent"), bytes("m1"), bytes("m2")];
    let expected = vec![Some(bytes("2")), None, Some(bytes("1")), Some(bytes("2"))];
    assert_eq!(cache.get_many(&keys).await, Ok(expected));
    assert_eq!(cache.get_many(&[]).await, Ok(Vec::new()));
    cache.set_many(&[], LONG).await.unwrap();
}

async fn deleted_value_is_gone(cache: &dyn Cache) {
    for key in [b"d1", b"d2"] {
        cache.set(key, bytes("x"), LONG).await.unwrap();
    }
    let keys = [bytes("d1"), bytes("absent"), bytes("d2")];
    cache.delete_many(&keys).await.unwrap();
    cache.delete_many(&keys).await.unwrap();
    cache.delete_many(&[]).await.unwrap();
    assert_eq!(cache.get_many(&keys).await, Ok(vec![None, None, None]));
}

async fn values_expire(cache: &dyn Cache) {
    let begun = Instant::now();
    let short = Duration::from_millis(300);
    let pairs = [(bytes("e1"), bytes("x"))];
    cache.set_many(&pairs, short).await.unwrap();
    cache.set(b"e2", bytes("x"), short).await.unwrap();
    assert!(cache.set_if_absent(b"e3", bytes("x"), short).await.unwrap());
    cache.set(b"e4", bytes("x"), LONG).await.unwrap();
    assert!(cache.replace(b"e4", b"x", bytes("y"), short).await.unwrap());
    // Setting a key again resets its time to live.
    cache.set(b"e5", bytes("x"), short).await.unwrap();
    cache.set(b"e5", bytes("y"), LONG).await.unwrap();
    let keys = ["e1", "e2", "e3", "e4", "e5"].map(bytes);
    let read = cache.get_many(&keys).await.unwrap();
    // On a stalled machine, they may have expired.
    if begun.elapsed() < short {
        assert!(read.iter().all(Option::is_some), "{read:?}");
    }
    tokio::time::sleep(2 * short).await;
    let expected = vec![None, None, None, None, Some(bytes("y"))];
    assert_eq!(cache.get_many(&keys).await, Ok(expected));
    assert!(!cache.replace(b"e2", b"x", bytes("z"), LONG).await.unwrap());
    assert!(cache.set_if_absent(b"e3", bytes("z"), LONG).await.unwrap());
}

async fn one_caller_sets_absent_key(cache: &Arc<dyn Cache>) {
    let tries: Vec<_> = (0..16)
        .map(|number: u8| {
            let cache = Arc::clone(cache);
            tokio::spawn(async move {
                let value = Bytes::copy_from_slice(&[number]);
                (
                    number,
                    cache.set_if_absent(b"lease", value, LONG).await.unwrap(),
                )
            })
        })
        .collect();
    let mut winners = Vec::new();
    for attempt in tries {
        let (number, won) = attempt.await.unwrap();
        winners.extend(won.then_some(number));
    }
    assert_eq!(winners.len(), 1, "{winners:?}");
    let value = cache.get(b"lease").await.unwrap().unwrap();
    assert_eq!(value, winners);
}

async fn replace_requires_expected_value(cache: &dyn Cache) {
    assert!(
        !cache
            .replace(b"r", b"old", bytes("new"), LONG)
            .await
            .unwrap()
    );
    assert_eq!(cache.get(b"r").await, Ok(None));
    cache.set(b"r", bytes("old"), LONG).await.unwrap();
    assert!(
        !cache
            .replace(b"r", b"ol", bytes("new"), LONG)
            .await
            .unwrap()
    );
    assert_eq!(cache.get(b"r").await, Ok(Some(bytes("old"))));
    assert!(
        cache
            .replace(b"r", b"old", bytes("new"), LONG)
            .await
            .unwrap()
    );
    assert_eq!(cache.get(b"r").await, Ok(Some(bytes("new"))));
}

async fn one_caller_replaces(cache: &Arc<dyn Cache>) {
    cache.set(b"version", bytes("0"), LONG).await.unwrap();
    let tries: Vec<_> = (1..=16)
        .map(|number: u8| {
            let cache = Arc::clone(cache);
            tokio::spawn(async move {
                let value = Bytes::copy_from_slice(&[number]);
                cache.replace(b"version", b"0", value, LONG).await.unwrap()
            })
        })
        .collect();
    let mut replaced = 0;
    for attempt in tries {
        replaced += u32::from(attempt.await.unwrap());
    }
    assert_eq!(replaced, 1);
}

async fn deleted_lease_is_rejected(cache: &dyn Cache) {
    assert!(
        cache
            .set_if_absent(b"l", bytes("lease 1"), LONG)
            .await
            .unwrap()
    );
    cache.delete_many(&[bytes("l")]).await.unwrap();
    assert!(
        !cache
            .replace(b"l", b"lease 1", bytes("stale"), LONG)
            .await
            .unwrap()
    );
    assert!(
        cache
            .set_if_absent(b"l", bytes("lease 2"), LONG)
            .await
            .unwrap()
    );
    assert!(
        !cache
            .replace(b"l", b"lease 1", bytes("stale"), LONG)
            .await
            .unwrap()
    );
    assert!(
        cache
            .replace(b"l", b"lease 2", bytes("fresh"), LONG)
            .await
            .unwrap()
    );
}
