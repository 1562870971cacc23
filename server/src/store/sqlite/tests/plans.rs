//! Query plans: every query uses an index.

use super::*;

/// Rejects scans, and sorts of more than a page.
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
        reads::FEED,
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
            // The feed sorts at most a page of identifiers per followee.
            let sorts = step.contains("TEMP B-TREE") && statement != reads::FEED;
            let scans = step.starts_with("SCAN") && step != "SCAN page";
            assert!(!scans && !sorts, "{statement}: {step}");
        }
        let by_author = plan
            .iter()
            .any(|step| step.contains("INDEX posts_author_id"));
        let lists = [reads::POSTS_BY, reads::FEED].contains(&statement);
        assert!(by_author || !lists, "{statement}: {plan:?}");
    }
}
