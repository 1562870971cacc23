//! Documents and a graph in ArcadeDB, over HTTP.

use std::fmt;
use std::time::Duration;

use reqwest::{Client, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use crate::database_url::DatabaseUrl;
use crate::store::StoreError;
use crate::tls_provider;

mod documents;
mod graph;
#[cfg(test)]
mod test_server;

/// Timeout of a call.
const CALL_TIMEOUT: Duration = Duration::from_secs(10);
/// Maximum number of calls at once.
const CALLS_MAX: usize = 1_024;
/// Attempts of the server at a command that conflicts with another one.
const RETRIES: u32 = 20;

/// Types and indexes, which may exist.
const SCHEMA: &[&str] = &[
    "CREATE DOCUMENT TYPE PostDocument IF NOT EXISTS",
    "CREATE PROPERTY PostDocument.post IF NOT EXISTS LONG",
    "CREATE INDEX IF NOT EXISTS ON PostDocument (post) UNIQUE",
    "CREATE VERTEX TYPE Person IF NOT EXISTS",
    "CREATE PROPERTY Person.user IF NOT EXISTS LONG",
    "CREATE INDEX IF NOT EXISTS ON Person (user) UNIQUE",
    "CREATE EDGE TYPE FOLLOWS IF NOT EXISTS",
];

/// A database of an ArcadeDB server.
pub(super) struct ArcadeDb {
    client: Client,
    url: DatabaseUrl,
    calls: Semaphore,
}

impl fmt::Debug for ArcadeDb {
    /// Omits the account.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ArcadeDb")
            .field("address", &self.url.address)
            .field("database", &self.url.database)
            .finish_non_exhaustive()
    }
}

/// Language of a statement.
#[derive(Clone, Copy, Debug)]
enum Language {
    Sql,
    Cypher,
}

/// Answer to a statement.
#[derive(Deserialize)]
struct Answer<T> {
    result: Vec<T>,
}

/// Answer to a statement that failed.
#[derive(Default, Deserialize)]
struct Refusal {
    #[serde(default)]
    error: String,
    #[serde(default)]
    detail: String,
    /// Class of the exception.
    #[serde(default)]
    exception: String,
}

impl ArcadeDb {
    /// Connects to a database, and creates it and its types if they are missing: `arcadedb://user:password@host:port/database`.
    ///
    /// # Errors
    /// `Invalid` if the URL is invalid, `Unavailable` if the server does not respond.
    pub(super) async fn open(url: &str) -> Result<Self, StoreError> {
        let url = DatabaseUrl::parse(url, "arcadedb").ok_or_else(|| {
            StoreError::Invalid(
                "invalid URL of an ArcadeDB database; use `arcadedb://user:password@host:port/database`"
                    .to_owned(),
            )
        })?;
        tls_provider::install();
        let client = Client::builder()
            .timeout(CALL_TIMEOUT)
            // No proxy of the environment.
            .no_proxy()
            .build()
            .map_err(|error| StoreError::Other(format!("could not set up HTTP: {error}")))?;
        let own = Self {
            client,
            url,
            calls: Semaphore::new(CALLS_MAX),
        };
        own.create_database().await?;
        for statement in SCHEMA {
            own.command::<Value>(Language::Sql, statement, json!({}))
                .await?;
        }
        Ok(own)
    }

    async fn create_database(&self) -> Result<(), StoreError> {
        let database = &self.url.database;
        let body = json!({ "command": format!("create database {database}") });
        match self.post("server", &body).await {
            // Another process may have created it.
            Err(Failed { refusal, .. }) if refusal.says("already exists") => Ok(()),
            Err(failed) => Err(failed.into()),
            Ok(_) => Ok(()),
        }
    }

    /// Runs a statement that may write. The server repeats it if it conflicts with another one.
    async fn command<T: DeserializeOwned>(
        &self,
        language: Language,
        statement: &str,
        parameters: Value,
    ) -> Result<Vec<T>, StoreError> {
        let body = json!({
            "language": language.name(),
            "command": statement,
            "params": parameters,
            "retries": RETRIES,
        });
        self.run("command", &body).await
    }

    /// Runs a statement that only reads.
    async fn query<T: DeserializeOwned>(
        &self,
        language: Language,
        statement: &str,
        parameters: Value,
    ) -> Result<Vec<T>, StoreError> {
        let body = json!({
            "language": language.name(),
            "command": statement,
            "params": parameters,
        });
        self.run("query", &body).await
    }

    async fn run<T: DeserializeOwned>(
        &self,
        kind: &str,
        body: &Value,
    ) -> Result<Vec<T>, StoreError> {
        let path = format!("{kind}/{}", self.url.database);
        let answer = self.post(&path, body).await?;
        let answer: Answer<T> = serde_json::from_slice(&answer).map_err(|error| {
            StoreError::Other(format!("arcadedb: could not read an answer: {error}"))
        })?;
        Ok(answer.result)
    }

    async fn post(&self, path: &str, body: &Value) -> Result<Vec<u8>, Failed> {
        let address = &self.url.address;
        let unavailable = |why: String| Failed {
            status: None,
            refusal: Refusal {
                error: format!("arcadedb at {address}: {why}"),
                ..Refusal::default()
            },
        };
        let _permit = self
            .calls
            .try_acquire()
            .map_err(|_| unavailable(format!("too many calls: {CALLS_MAX}")))?;
        let request = self
            .client
            .post(format!("http://{address}/api/v1/{path}"))
            .basic_auth(&self.url.user, Some(&self.url.password))
            .header("content-type", "application/json")
            .body(body.to_string());
        let answered = async {
            let answer = request.send().await?;
            Ok((answer.status(), answer.bytes().await?))
        };
        let (status, bytes) = answered.await.map_err(|error: reqwest::Error| {
            // Without the URL, and with the cause.
            let error = error.without_url();
            unavailable(format!("{error}; is it running?"))
        })?;
        match status.is_success() {
            true => Ok(bytes.into()),
            false => Err(Failed {
                status: Some(status),
                refusal: serde_json::from_slice(&bytes).unwrap_or_default(),
            }),
        }
    }
}

impl Language {
    fn name(self) -> &'static str {
        match self {
            Self::Sql => "sql",
            Self::Cypher => "cypher",
        }
    }
}

impl Refusal {
    fn says(&self, text: &str) -> bool {
        [&self.error, &self.detail, &self.exception]
            .iter()
            .any(|own| own.contains(text))
    }
}

/// A call that failed.
struct Failed {
    /// `None` without an answer.
    status: Option<StatusCode>,
    refusal: Refusal,
}

impl From<Failed> for StoreError {
    fn from(failed: Failed) -> Self {
        let Failed { status, refusal } = failed;
        let Some(status) = status else {
            return Self::Unavailable(refusal.error);
        };
        let text = format!("arcadedb: {status}: {} {}", refusal.error, refusal.detail);
        let text = text.trim().to_owned();
        if refusal.says("DuplicatedKey") {
            Self::Conflict("it exists already".to_owned())
        } else if status == StatusCode::SERVICE_UNAVAILABLE
            || status == StatusCode::TOO_MANY_REQUESTS
            || refusal.says("ConcurrentModification")
        {
            Self::Unavailable(text)
        } else {
            Self::Other(text)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::test_server::{ArcadeServer, PASSWORD};
    use super::*;
    use crate::model::{PostId, UserId};
    use crate::polyglot::{PostDocuments as _, Recommendations as _, contract};

    #[tokio::test(flavor = "multi_thread")]
    async fn satisfies_contracts_and_outlives_killed_server() {
        let Some(mut server) = ArcadeServer::start().await else {
            return;
        };
        let url = server.url();
        let arcade = Arc::new(ArcadeDb::open(&url).await.unwrap());
        contract::post_documents(arcade.clone()).await;
        contract::recommendations(arcade.clone()).await;
        assert!(!format!("{arcade:?}").contains(PASSWORD));
        let kept = contract::document(900, 2);
        arcade.create(&kept).await.unwrap();
        arcade.follow(UserId(901), &[UserId(902)]).await.unwrap();
        arcade.follow(UserId(902), &[UserId(903)]).await.unwrap();
        server.kill_and_restart().await;
        let again = ArcadeDb::open(&url).await.unwrap();
        assert_eq!(again.document(PostId(900)).await, Ok(kept));
        let found = again.recommend(UserId(901), 5).await.unwrap();
        assert_eq!(found[0].user, UserId(903));
        let wrong = url.replacen(PASSWORD, "wr0ng-pass", 1);
        let error = ArcadeDb::open(&wrong).await.unwrap_err();
        let text = format!("{error} {error:?}");
        assert!(
            !text.contains("wr0ng-pass") && !text.contains(PASSWORD),
            "{text}"
        );
    }

    #[tokio::test]
    async fn missing_server_is_unavailable() {
        let error = ArcadeDb::open("arcadedb://root:hunter2@127.0.0.1:9/d").await;
        let error = error.unwrap_err();
        let named = matches!(&error, StoreError::Unavailable(why) if why.contains("127.0.0.1:9"));
        assert!(named, "{error}");
        assert!(!format!("{error} {error:?}").contains("hunter2"));
    }
}
