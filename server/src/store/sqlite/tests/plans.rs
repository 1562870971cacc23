//! Query plans: every query uses an index.

use super::*;

/// Rejects scans and sorts. The newest posts of a user are read from the index alone.
#[tokio::test]
async fn no_query_scans() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store.sqlite");
    let store = open(&path).await;
    store.load(contract::small_content(42)).await.unwrap();
    let connection = schema::open_reader(&path).unwrap();
    let statements = [
        reads::CREDENTIALS,
        reads::USER,
        reads::USER_EXISTS,
        reads::SESSION,
        reads::POST,
        reads::POSTS_BY,
        reads::NEWEST_BY,
        reads::PHOTO,
        reads::FOLLOWEES,
        reads::NEWEST_BEAT,
        writes::DELETE_EXPIRED_SESSIONS,
        writes::AUTHOR,
        writes::COUNT_POST,
        writes::UPDATE_POST,
        writes::DELETE_POST,
        writes::DELETE_PHOTO,
        writes::DELETE_SESSION,
        writes::UNFOLLOW,
        writes::COUNT_FOLLOWING,
        writes::COUNT_FOLLOWERS,
        writes::HAS_PHOTO,
        writes::DELETE_OLD_BEATS,
        buckets::BUCKET,
        buckets::AUTHORS_IN,
        buckets::POSTS_IN,
        buckets::CHANGES,
        buckets::POST_AUTHORS,
        buckets::RAISE_LAST_POST,
        buckets::DELETE_CHANGES,
        feeds::HEAD,
        feeds::ENTRIES,
        feeds::FOLLOWERS,
        feeds::DELETE_OLD,
        feeds::DELETE_UNFOLLOWED,
        feeds::SET_FLOOR,
        feeds::POPULARITY,
        feeds::POPULAR_FOLLOWEES,
        feeds::POPULAR_AUTHORS,
        feeds::USERS_AFTER,
        feeds::FORGET_NOTE,
        feeds::COUNTS,
        photos::RECORD,
        photos::HAS_NOTE,
        photos::DELETE_RECORD,
        photos::DELETE_NOTE,
    ];
    for statement in statements {
        let mut explained = connection
            .prepare(&format!("EXPLAIN QUERY PLAN {statement}"))
            .unwrap();
        let plan: Vec<String> = explained
            .raw_query()
            .mapped(|row| row.get("detail"))
            .map(Result::unwrap)
            .collect();
        println!("{statement}\n    {}", plan.join("\n    "));
        for step in &plan {
            let sorts = step.contains("TEMP B-TREE");
            let scans = step.starts_with("SCAN");
            assert!(!scans && !sorts, "{statement}: {step}");
        }
        let by_author = plan
            .iter()
            .any(|step| step.contains("INDEX posts_author_id"));
        let lists = [reads::POSTS_BY, reads::NEWEST_BY].contains(&statement);
        assert!(by_author || !lists, "{statement}: {plan:?}");
        let covered = plan.iter().all(|step| step.contains("COVERING INDEX"));
        assert!(covered || statement != reads::NEWEST_BY, "{plan:?}");
    }
}
