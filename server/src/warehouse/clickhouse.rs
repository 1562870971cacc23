//! Warehouse in ClickHouse, over HTTP.

use std::fmt;
use std::fmt::Write as _;
use std::time::Duration;

use async_trait::async_trait;
use reqwest::Client;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;

use super::{AnswerRow, Question, Warehouse};
use crate::database_url::DatabaseUrl;
use crate::model::{Page, Photo, Post, PostId, Timestamp, UserId};
use crate::store::StoreError;
use crate::store::old_posts::{Mark, MonthTotals, month_of};
use crate::store::sharded::PostCopy;
use crate::tls_provider;

/// Timeout of a call. A question reads every post.
const CALL_TIMEOUT: Duration = Duration::from_secs(60);
/// Maximum number of calls at once.
const CALLS_MAX: usize = 64;
/// Maximum number of rows of an answer.
const ROWS_MAX: usize = 1_000;

/// One row for each version of a post. Of those with the same author and identifier, the highest version counts: `FINAL` reads that one, and merges
/// in the background keep it alone.
const SCHEMA: &str = "CREATE TABLE IF NOT EXISTS posts (\
    month UInt32, author Int64, id Int64, version UInt64, is_deleted UInt8, created_at Int64, updated_at Int64, author_handle String, \
    content String, html String, has_photo UInt8, photo String) \
    ENGINE = ReplacingMergeTree(version) PARTITION BY month ORDER BY (author, id)";

/// Warehouse in a ClickHouse server, of any version since 18.16.
pub(super) struct ClickHouse {
    client: Client,
    url: DatabaseUrl,
    calls: Semaphore,
}

impl fmt::Debug for ClickHouse {
    /// Omits the account.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClickHouse")
            .field("address", &self.url.address)
            .field("database", &self.url.database)
            .finish_non_exhaustive()
    }
}

/// A version of a post.
#[derive(Serialize, Deserialize)]
struct Row {
    month: u32,
    author: i64,
    id: i64,
    version: u64,
    is_deleted: u8,
    created_at: i64,
    updated_at: i64,
    author_handle: String,
    content: String,
    html: String,
    has_photo: u8,
    /// Record of the photo as JSON. Empty without one.
    photo: String,
}

impl Row {
    fn of(copy: &PostCopy, version: u64) -> Result<Self, StoreError> {
        let post = &copy.post;
        let photo = match &copy.photo {
            None => String::new(),
            Some(photo) => serde_json::to_string(photo).map_err(|error| malformed(&error))?,
        };
        Ok(Self {
            month: month_of(post.created_at),
            author: post.author.0,
            id: post.id.0,
            version,
            is_deleted: 0,
            created_at: post.created_at.0,
            updated_at: post.updated_at.0,
            author_handle: post.author_handle.clone(),
            content: post.content.clone(),
            html: post.html.clone(),
            has_photo: post.has_photo.into(),
            photo,
        })
    }

    /// Version without the post.
    fn deleted(mark: &Mark, version: u64) -> Self {
        Self {
            month: month_of(mark.created_at),
            author: mark.author.0,
            id: mark.post.0,
            version,
            is_deleted: 1,
            created_at: mark.created_at.0,
            updated_at: mark.created_at.0,
            author_handle: String::new(),
            content: String::new(),
            html: String::new(),
            has_photo: 0,
            photo: String::new(),
        }
    }

    fn copy(self) -> Result<PostCopy, StoreError> {
        let photo: Option<Photo> = match self.photo.as_str() {
            "" => None,
            text => Some(serde_json::from_str(text).map_err(|error| malformed(&error))?),
        };
        Ok(PostCopy {
            post: Post {
                id: PostId(self.id),
                author: UserId(self.author),
                author_handle: self.author_handle,
                content: self.content,
                html: self.html,
                created_at: Timestamp(self.created_at),
                updated_at: Timestamp(self.updated_at),
                has_photo: self.has_photo != 0,
            },
            photo,
        })
    }
}

fn malformed(error: &serde_json::Error) -> StoreError {
    StoreError::Other(format!("clickhouse: a row is malformed: {error}"))
}

impl ClickHouse {
    /// Connects, and creates the table if it is missing.
    ///
    /// # Errors
    /// `Invalid` if the URL is invalid, `Unavailable` if the server does not respond.
    pub(super) async fn open(url: &str) -> Result<Self, StoreError> {
        let url = DatabaseUrl::parse(url, "clickhouse").ok_or_else(|| {
            StoreError::Invalid(
                "invalid URL of a warehouse; use `clickhouse://user:password@host:port/database`"
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
        own.post(SCHEMA.to_owned()).await?;
        Ok(own)
    }

    async fn insert(&self, rows: &[Row]) -> Result<(), StoreError> {
        let mut body = String::from(
            "INSERT INTO posts (month, author, id, version, is_deleted, created_at, updated_at, author_handle, content, html, has_photo, photo) \
             FORMAT JSONEachRow\n",
        );
        for row in rows {
            body += &serde_json::to_string(row).map_err(|error| malformed(&error))?;
            body.push('\n');
        }
        self.post(body).await.map(drop)
    }

    async fn query<T: DeserializeOwned>(&self, query: &str) -> Result<Vec<T>, StoreError> {
        let answer = self.post(format!("{query} FORMAT JSONEachRow")).await?;
        let lines = answer.lines().filter(|line| !line.is_empty());
        lines
            .map(|line| serde_json::from_str(line).map_err(|error| malformed(&error)))
            .collect()
    }

    /// Sends a statement, with the data of an insert after it.
    async fn post(&self, body: String) -> Result<String, StoreError> {
        let address = &self.url.address;
        let unavailable =
            |why: String| StoreError::Unavailable(format!("clickhouse at {address}: {why}"));
        let _permit = self
            .calls
            .try_acquire()
            .map_err(|_| unavailable(format!("too many calls: {CALLS_MAX}")))?;
        // Numbers of 64 bits as numbers. Without a limit of the URL's length, the statement is in the body.
        let query = format!(
            "database={}&output_format_json_quote_64bit_integers=0&max_query_size=10000000",
            self.url.database
        );
        let request = self
            .client
            .post(format!("http://{address}/?{query}"))
            .header("x-clickhouse-user", &self.url.user)
            .header("x-clickhouse-key", &self.url.password)
            .body(body);
        let answered = async {
            let answer = request.send().await?;
            Ok((answer.status(), answer.text().await?))
        };
        let (status, text) = answered.await.map_err(|error: reqwest::Error| {
            let error = error.without_url();
            unavailable(format!("{error}; is it running?"))
        })?;
        // An error may also come after the first rows, with status 200. Its line is no row then.
        if status.is_success() {
            return Ok(text);
        }
        // The first line: the rest may repeat the statement.
        let why: String = text
            .lines()
            .next()
            .unwrap_or_default()
            .chars()
            .take(200)
            .collect();
        Err(StoreError::Other(format!("clickhouse: {status}: {why}")))
    }

    async fn copies(&self, condition: &str, order: &str) -> Result<Vec<PostCopy>, StoreError> {
        let rows: Vec<Row> = self
            .query(&format!(
                "SELECT month, author, id, version, is_deleted, created_at, updated_at, author_handle, content, html, has_photo, photo \
                 FROM posts FINAL WHERE is_deleted = 0 AND {condition} {order}"
            ))
            .await?;
        rows.into_iter().map(Row::copy).collect()
    }
}

#[async_trait]
impl Warehouse for ClickHouse {
    async fn put(&self, posts: &[PostCopy], version: u64) -> Result<(), StoreError> {
        let rows: Result<Vec<_>, _> = posts.iter().map(|own| Row::of(own, version)).collect();
        self.insert(&rows?).await
    }

    async fn bury(&self, posts: &[Mark], version: u64) -> Result<(), StoreError> {
        let rows: Vec<_> = posts.iter().map(|own| Row::deleted(own, version)).collect();
        self.insert(&rows).await
    }

    async fn totals_by_month(&self) -> Result<Vec<MonthTotals>, StoreError> {
        self.query(
            "SELECT month, count() AS posts, sum(toUInt64(id % 1000003)) AS ids, sum(length(content)) AS content_bytes, \
             sum(toUInt64(reinterpretAsUInt32(reverse(substring(toString(MD5(content)), 1, 4))))) AS content_digests \
             FROM posts FINAL WHERE is_deleted = 0 GROUP BY month ORDER BY month",
        )
        .await
    }

    async fn post(&self, id: PostId) -> Result<PostCopy, StoreError> {
        let found = self.copies(&format!("id = {id}"), "LIMIT 1").await?;
        found.into_iter().next().ok_or(StoreError::NotFound)
    }

    async fn posts_by(&self, authors: &[UserId], page: Page) -> Result<Vec<Post>, StoreError> {
        if authors.is_empty() {
            return Ok(Vec::new());
        }
        let mut condition = String::from("author IN (");
        for (index, author) in authors.iter().enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            let _ = write!(condition, "{comma}{author}");
        }
        let before = page.before().map_or(i64::MAX, |post| post.0);
        let _ = write!(condition, ") AND id < {before}");
        let order = format!("ORDER BY id DESC LIMIT {}", page.limit());
        let found = self.copies(&condition, &order).await?;
        Ok(found.into_iter().map(|own| own.post).collect())
    }

    async fn answer(
        &self,
        question: Question,
        month: Option<u32>,
    ) -> Result<Vec<AnswerRow>, StoreError> {
        let when = month.map_or_else(String::new, |month| format!(" AND month = {month}"));
        let time = "toDateTime(intDiv(created_at, 1000), 'UTC')";
        let (key, count, order) = match question {
            Question::ActiveUsersByDay => (
                format!("toString(toDate({time}, 'UTC'))"),
                "uniqExact(author)",
                "key",
            ),
            Question::PostsByHour => (
                format!("toString(toHour({time}, 'UTC'))"),
                "count()",
                "toUInt8(key)",
            ),
            Question::HottestAuthors => (
                "any(author_handle)".to_owned(),
                "count()",
                "count DESC, key",
            ),
        };
        let group = match question {
            Question::HottestAuthors => "author",
            _ => "key",
        };
        self.query(&format!(
            "SELECT {key} AS key, {count} AS count FROM posts FINAL WHERE is_deleted = 0{when} GROUP BY {group} ORDER BY {order} LIMIT {ROWS_MAX}"
        ))
        .await
    }
}
