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
use super::extract::{Paging, Session, now};
use super::response::to_json;
use super::view::PostView;
use crate::model::{PAGE_POSTS_MAX, Page, Post, PostId, Timestamp, UserId};
use crate::problem::{Problem, ProblemDocument};
use crate::store::StoreError;

/// Time between two looks for new posts. The store is polled, so that a feed shows the writes of every process.
const POLL: Duration = Duration::from_secs(1);
/// Time without an event after which a comment shows that the service is alive.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// Pages read at one look, at most. A reader who falls further behind misses the oldest posts.
const PAGES_MAX: usize = 10;
/// Age from which on a post is taken for visible, whatever its commit and the clocks of other processes took, in
/// milliseconds.
const SETTLING_MS: i64 = 2_000;
/// The same, if posts are written to feeds by workers, which may have a lot to do.
const WRITTEN_SETTLING_MS: i64 = 60_000;
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
    let settling_ms = match app.has_written_feeds {
        true => WRITTEN_SETTLING_MS,
        false => SETTLING_MS,
    };
    let mut feed = LiveFeed {
        app,
        user: session.user,
        seen: Seen::new(settling_ms),
        ready: VecDeque::new(),
    };
    match last_event_id(&headers)? {
        Some(id) => {
            feed.seen.complete_to = id;
            feed.look().await?;
        }
        None => {
            let (posts, is_complete) = feed.page(None, page.limit()).await?;
            // Older posts were not asked for.
            feed.seen.complete_to = posts.last().map_or(0, |oldest| oldest.id.0 - 1);
            let posts = feed.seen.add(posts, is_complete, now());
            feed.ready.extend(posts);
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
    seen: Seen,
    /// Posts to send, oldest first.
    ready: VecDeque<Post>,
}

/// Posts that have been added.
#[derive(Debug)]
struct Seen {
    /// Age from which on a post is taken for visible, in milliseconds.
    settling_ms: i64,
    /// Identifier up to which no post is missing.
    complete_to: i64,
    /// Higher identifiers. A lower one may still appear: of a shard that did not answer, or of a post whose commit took
    /// longer.
    ahead: BTreeSet<i64>,
}

impl Seen {
    fn new(settling_ms: i64) -> Self {
        Self {
            settling_ms,
            complete_to: 0,
            ahead: BTreeSet::new(),
        }
    }

    /// Adds posts, newest first, and returns those that are new, oldest first.
    fn add(&mut self, posts: Vec<Post>, is_complete: bool, now: Timestamp) -> Vec<Post> {
        let ids: Vec<(i64, Timestamp)> =
            posts.iter().map(|own| (own.id.0, own.created_at)).collect();
        let is_new = |post: &Post| !self.ahead.contains(&post.id.0);
        let new: Vec<Post> = posts.into_iter().rev().filter(is_new).collect();
        self.ahead.extend(ids.iter().map(|(id, _)| *id));
        if is_complete {
            let settled = |at: &Timestamp| at.0.saturating_add(self.settling_ms) <= now.0;
            let settled = ids.iter().filter(|(_, at)| settled(at)).map(|(id, _)| *id);
            self.complete_to = settled.max().unwrap_or(0).max(self.complete_to);
        }
        self.ahead = self.ahead.split_off(&(self.complete_to + 1));
        while self.ahead.len() > AHEAD_MAX {
            let lowest = self.ahead.pop_first();
            self.complete_to = lowest.unwrap_or(0).max(self.complete_to);
        }
        new
    }
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
            let new = read
                .into_iter()
                .take_while(|post| post.id.0 > self.seen.complete_to);
            let count = posts.len();
            posts.extend(new);
            if is_last || posts.len() - count < PAGE_POSTS_MAX as usize {
                break;
            }
        }
        self.ready.extend(self.seen.add(posts, is_complete, now()));
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
}

#[cfg(test)]
mod tests {
    use super::*;

    fn post(id: i64, at: i64) -> Post {
        Post {
            id: PostId(id),
            author: UserId(1),
            author_handle: "a".to_owned(),
            content: "x".to_owned(),
            html: String::new(),
            created_at: Timestamp(at),
            updated_at: Timestamp(at),
            has_photo: false,
        }
    }

    fn added(seen: &mut Seen, posts: &[(i64, i64)], is_complete: bool, now: i64) -> Vec<i64> {
        let posts = posts.iter().map(|(id, at)| post(*id, *at)).collect();
        let new = seen.add(posts, is_complete, Timestamp(now));
        new.iter().map(|post| post.id.0).collect()
    }

    #[test]
    fn post_with_late_commit_is_sent_once() {
        let mut seen = Seen::new(SETTLING_MS);
        assert_eq!(
            added(&mut seen, &[(7, 10_000), (3, 0)], true, 10_000),
            [3, 7]
        );
        assert_eq!(seen.complete_to, 3);
        let all = [(7, 10_000), (6, 10_000)];
        assert_eq!(added(&mut seen, &all, true, 11_000), [6]);
        assert_eq!(added(&mut seen, &all, true, 12_000), [0; 0]);
        assert_eq!((seen.complete_to, seen.ahead.len()), (7, 0));
    }

    #[test]
    fn posts_of_a_shard_that_is_back_are_sent() {
        let mut seen = Seen::new(SETTLING_MS);
        assert_eq!(added(&mut seen, &[(9, 0), (5, 0)], false, 60_000), [5, 9]);
        assert_eq!(seen.complete_to, 0);
        let all = [(9, 0), (8, 0), (5, 0), (4, 0)];
        assert_eq!(added(&mut seen, &all, true, 70_000), [4, 8]);
        assert_eq!(seen.complete_to, 9);
    }

    #[test]
    fn post_that_a_worker_wrote_late_is_sent() {
        let mut seen = Seen::new(WRITTEN_SETTLING_MS);
        assert_eq!(added(&mut seen, &[(9, 10_000)], true, 11_000), [9]);
        let all = [(9, 10_000), (7, 5_000)];
        assert_eq!(added(&mut seen, &all, true, 40_000), [7]);
        assert_eq!(added(&mut seen, &all, true, 70_000), [0; 0]);
        assert_eq!(seen.complete_to, 9);
    }

    #[test]
    fn long_outage_takes_bounded_memory() {
        let mut seen = Seen::new(SETTLING_MS);
        for id in 0..3 * AHEAD_MAX as i64 {
            added(&mut seen, &[(id, 0)], false, 60_000);
        }
        assert_eq!(seen.ahead.len(), AHEAD_MAX);
    }
}
