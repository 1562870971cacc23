//! Whom to follow: a graph of persons and edges between them.

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{ArcadeDb, Language};
use crate::model::UserId;
use crate::polyglot::recommendations::{Recommendation, Recommendations, check_followees};
use crate::store::StoreError;

/// Attempts to create persons that others create at the same time.
const ATTEMPTS_MAX: u32 = 20;

#[async_trait]
impl Recommendations for ArcadeDb {
    async fn follow(&self, follower: UserId, followees: &[UserId]) -> Result<(), StoreError> {
        check_followees(follower, followees)?;
        if followees.is_empty() {
            return Ok(());
        }
        let statement = "MERGE (me:Person {user: $follower}) WITH me UNWIND $followees AS id \
             MERGE (other:Person {user: id}) MERGE (me)-[:FOLLOWS]->(other)";
        let parameters = json!({ "follower": follower, "followees": followees });
        let mut attempts = 1;
        loop {
            let merged = self
                .command::<Value>(Language::Cypher, statement, parameters.clone())
                .await;
            match merged {
                // Another call created the same person at this moment.
                Err(StoreError::Conflict(_)) if attempts < ATTEMPTS_MAX => attempts += 1,
                merged => return merged.map(drop),
            }
        }
    }

    async fn unfollow(&self, follower: UserId, followee: UserId) -> Result<(), StoreError> {
        let statement = "MATCH (:Person {user: $follower})-[edge:FOLLOWS]->(:Person {user: $followee}) DELETE edge";
        let parameters = json!({ "follower": follower, "followee": followee });
        self.command::<Value>(Language::Cypher, statement, parameters)
            .await?;
        Ok(())
    }

    async fn recommend(&self, user: UserId, limit: u32) -> Result<Vec<Recommendation>, StoreError> {
        let statement = format!(
            "MATCH (me:Person {{user: $user}})-[:FOLLOWS]->(:Person)-[:FOLLOWS]->(other:Person) \
             WHERE other.user <> $user AND NOT (me)-[:FOLLOWS]->(other) \
             RETURN other.user AS user, count(*) AS paths ORDER BY paths DESC, user ASC LIMIT {limit}"
        );
        #[derive(Deserialize)]
        struct Found {
            user: UserId,
            paths: u64,
        }
        let found: Vec<Found> = self
            .query(Language::Cypher, &statement, json!({ "user": user }))
            .await?;
        let found = found.into_iter().map(|own| Recommendation {
            user: own.user,
            paths: own.paths,
        });
        Ok(found.collect())
    }
}
