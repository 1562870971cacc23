//! Live feed: the posts of followed users as they appear, as Server-Sent Events.

use std::collections::{BTreeSet, VecDeque};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use http::{HeaderMap, HeaderName, HeaderValue};

use super::Shared;
use super::extract::{Paging, Session};
use super::response::to_json;
use super::view::PostView;
use crate::model::{PAGE_POSTS_MAX, Page, Post, PostId, UserId};
use crate::problem::{Problem, ProblemDocument};
use crate::store::StoreError;

/// Time between two looks for new posts. The store is polled, so that a feed shows the writes of every process.
const POLL: Duration = Duration::from_secs(1);
/// Time without an event after which a comment shows that the service is alive.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// Pages read at one look, at most. A reader who falls further behind misses the oldest posts.
const PAGES_MAX: usize = 10;
/// Posts remembered while a shard does not answer, at most. Then older ones of that shard are missed.
const AHEAD_MAX: usize = 10_000;

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// Tells a proxy to forward each event at once.
const X_ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// Streams the posts of all followed users: first the newest, oldest first, then each new one within about a second.
///
/// Each is an event `post` with the post as its data and its identifier as `id`.
#[utoipa::path(
    get, path = "/v1/feed/live", tag = "feed",
    params(
        ("limit" = Option<u32>, Query, description = "Posts to begin with, 1 to 100, 10 by default"),
        ("last-event-id" = Option<i64>, Header,
            description = "Begins after this post instead, as a client does that reconnects"),
    ),
    security(("bearer" = []), ("cookie" = [])),
    responses(
        (status = 200, description = "A stream of events `post`", body = String,
            content_type = "text/event-stream"),
        (status = 401, description = "Not logged in", body = ProblemDocument,
            content_type = "application/problem+json"),
        (status = "default", description = "A problem", body = ProblemDocument,
            content_type = "application/problem+json"),
    )
)]
pub(super) async fn read(
    State(app): State<Shared>,
    session: Session,
    headers: HeaderMap,
    Paging(page): Paging,
) -> Result<Response, Problem> {
    let mut feed = LiveFeed {
        app,
        user: session.user,
        newest: 0,
        ahead: BTreeSet::new(),
        ready: VecDeque::new(),
    };
    match last_event_id(&headers)? {
        Some(id) => {
            feed.newest = id;
            feed.look().await?;
        }
        None => {
            let (posts, is_complete) = feed.page(None, page.limit()).await?;
            feed.add(posts, is_complete);
        }
    }
    let events = stream::unfold(feed, async |mut feed| {
        let event = feed.next().await?;
        Some((Ok::<_, Infallible>(event), feed))
    });
    let sse = Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE));
    let mut response = sse.into_response();
    let no = HeaderValue::from_static("no");
    response.headers_mut().insert(X_ACCEL_BUFFERING, no);
    Ok(response)
}

fn last_event_id(headers: &HeaderMap) -> Result<Option<i64>, Problem> {
    let Some(value) = headers.get(LAST_EVENT_ID) else {
        return Ok(None);
    };
    let id = value
        .to_str()
        .ok()
        .and_then(|text| text.trim().parse().ok());
    match id {
        Some(id) if id >= 0 => Ok(Some(id)),
        _ => Err(Problem::bad_request(
            "`Last-Event-ID` must be the identifier of a post",
        )),
    }
}

/// The feed of one connected user.
struct LiveFeed {
    app: Shared,
    user: UserId,
    /// Highest identifier of the posts that have all been added.
    newest: i64,
    /// Higher identifiers that were added while some shards did not answer.
    ahead: BTreeSet<i64>,
    /// Posts to send, oldest first.
    ready: VecDeque<Post>,
}

impl LiveFeed {
    /// Returns the next event. `None` once the service stops.
    async fn next(&mut self) -> Option<Event> {
        let mut stopped = self.app.stopped.clone();
        loop {
            while let Some(post) = self.ready.pop_front() {
                let json = to_json(&PostView::from(&post)).ok()?;
                if let Ok(data) = std::str::from_utf8(&json) {
                    let event = Event::default().event("post");
                    return Some(event.id(post.id.0.to_string()).data(data));
                }
            }
            tokio::select! {
                // An error means that the service is gone.
                _ = stopped.wait_for(|stopped| *stopped) => return None,
                () = tokio::time::sleep(POLL) => {}
            }
            if let Err(error) = self.look().await {
                // The store may be back at the next look. Client and tests see that events stay away.
                tracing::debug!(%error, "a live feed could not be read");
            }
        }
    }

    /// Reads the posts newer than those added so far.
    async fn look(&mut self) -> Result<(), StoreError> {
        let mut posts = Vec::new();
        let mut before = None;
        let mut is_complete = true;
        for _ in 0..PAGES_MAX {
            let (read, is_whole) = self.page(before, PAGE_POSTS_MAX).await?;
            is_complete &= is_whole;
            let is_last = read.len() < PAGE_POSTS_MAX as usize;
            before = read.last().map(|post| post.id);
            let new = read.into_iter().take_while(|post| post.id.0 > self.newest);
            let count = posts.len();
            posts.extend(new);
            if is_last || posts.len() - count < PAGE_POSTS_MAX as usize {
                break;
            }
        }
        self.add(posts, is_complete);
        Ok(())
    }

    /// Reads a page. Also returns whether all shards answered.
    async fn page(
        &self,
        before: Option<PostId>,
        limit: u32,
    ) -> Result<(Vec<Post>, bool), StoreError> {
        match self
            .app
            .store
            .feed(self.user, Page::new(before, limit))
            .await
        {
            Err(StoreError::Incomplete(posts)) => Ok((Arc::unwrap_or_clone(posts), false)),
            posts => Ok((posts?, true)),
        }
    }

    /// Adds posts, newest first, except those that were added before. After an incomplete look, older ones may
    /// follow.
    fn add(&mut self, posts: Vec<Post>, is_complete: bool) {
        let known = &self.ahead;
        let new = posts.iter().filter(|post| !known.contains(&post.id.0));
        self.ready.extend(new.rev().cloned());
        if is_complete || self.ahead.len() > AHEAD_MAX {
            let newest = posts.iter().map(|post| post.id.0);
            let newest = newest.chain(self.ahead.last().copied()).max();
            self.newest = newest.unwrap_or(0).max(self.newest);
            self.ahead.clear();
        } else {
            self.ahead.extend(posts.iter().map(|post| post.id.0));
        }
    }
}
