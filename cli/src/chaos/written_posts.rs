//! Posts that the service acknowledged, and the journeys that write and read them.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tenfold_loadgen::{JourneyFunction, JourneyResult, Journeys, Reply, Visitor};
use tenfold_run_dir::faults::AcknowledgedWrites;

/// Name of the journey that writes a post.
const WRITE: &str = "write";

/// Name of the journey that reads an acknowledged post.
const READ: &str = "read";

/// Name of the journey that reads all acknowledged posts back.
const READ_BACK: &str = "read back";

/// Attempts to read a post back.
const ATTEMPTS: u32 = 5;

/// The load.
const LOAD: &str = include_str!("load.toml");

/// The check afterwards.
const CHECK: &str = include_str!("check.toml");

/// Posts that the service acknowledged. Shared by all users.
#[derive(Debug, Clone, Default)]
pub(crate) struct WrittenPosts {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    /// Number of the next post, which is its content.
    next: u64,
    acknowledged: Vec<Post>,
    /// Number of posts that were read back, or are about to be.
    taken: usize,
    result: AcknowledgedWrites,
}

#[derive(Debug, Clone)]
struct Post {
    id: u64,
    content: String,
}

/// Returns the scenario of the load and its journeys.
pub(crate) fn load(posts: &WrittenPosts) -> (&'static str, Journeys) {
    let journeys = Journeys::default()
        .register(
            WRITE,
            with(posts, |visitor, posts| Box::pin(write(visitor, posts))),
        )
        .register(
            READ,
            with(posts, |visitor, posts| Box::pin(read(visitor, posts))),
        );
    (LOAD, journeys)
}

/// Returns the scenario of the check and its journey. `on_end` is called once every post was read back.
pub(crate) fn reading_back(
    posts: &WrittenPosts,
    on_end: impl Fn() + Send + Sync + 'static,
) -> (&'static str, Journeys) {
    let (posts, on_end) = (posts.clone(), Arc::new(on_end));
    let journey: JourneyFunction = Arc::new(move |visitor| {
        let (posts, on_end) = (posts.clone(), Arc::clone(&on_end));
        Box::pin(async move {
            while let Some(post) = posts.take() {
                read_back(visitor, &posts, &post).await?;
            }
            on_end();
            Ok(())
        })
    });
    (CHECK, Journeys::default().register(READ_BACK, journey))
}

type Boxed<'r> = std::pin::Pin<Box<dyn Future<Output = JourneyResult> + Send + 'r>>;

/// Makes a journey of a function that also takes the posts.
fn with(
    posts: &WrittenPosts,
    function: impl for<'r, 'v> Fn(&'r mut Visitor<'v>, WrittenPosts) -> Boxed<'r>
    + Send
    + Sync
    + 'static,
) -> JourneyFunction {
    let posts = posts.clone();
    Arc::new(move |visitor| function(visitor, posts.clone()))
}

async fn write(visitor: &mut Visitor<'_>, posts: WrittenPosts) -> JourneyResult {
    let content = posts.next_content();
    let body = serde_json::json!({ "content": content }).to_string();
    let reply = visitor.request("create post").body(body).await?;
    match reply.status {
        201 => posts.acknowledge(&reply, content),
        // The session was lost with the cache.
        401 => {
            visitor.request("log in").await?;
        }
        _ => {}
    }
    Ok(())
}

async fn read(visitor: &mut Visitor<'_>, posts: WrittenPosts) -> JourneyResult {
    let id = posts.any().map_or(1, |post| post.id);
    visitor
        .get(&format!("/v1/posts/{id}"))
        .named("read post")
        .await?;
    Ok(())
}

async fn read_back(visitor: &mut Visitor<'_>, posts: &WrittenPosts, post: &Post) -> JourneyResult {
    for _ in 0..ATTEMPTS {
        let path = format!("/v1/posts/{}", post.id);
        let reply = visitor.get(&path).named("read post").await?;
        let found = match reply.status {
            200 => reply.json("/content"),
            404 => None,
            _ => continue,
        };
        posts.judge(post, found.as_ref().and_then(serde_json::Value::as_str));
        return Ok(());
    }
    posts.lock().result.unread += 1;
    Ok(())
}

impl WrittenPosts {
    /// Returns the result once the posts were read back. Those that were not count as unread.
    pub(crate) fn result(&self) -> AcknowledgedWrites {
        let state = self.lock();
        let count = state.acknowledged.len();
        let left = count.saturating_sub(state.taken);
        AcknowledgedWrites {
            count: count as u64,
            lost: state.result.lost.clone(),
            unread: state.result.unread + left as u64,
        }
    }

    fn next_content(&self) -> String {
        let mut state = self.lock();
        state.next += 1;
        format!("chaos {}", state.next)
    }

    fn acknowledge(&self, reply: &Reply, content: String) {
        let id = reply.json("/id").and_then(|id| id.as_u64());
        let mut state = self.lock();
        match id {
            Some(id) => state.acknowledged.push(Post { id, content }),
            None => state
                .result
                .lost
                .push(format!("`{content}` was acknowledged without an id")),
        }
    }

    /// An acknowledged post, another one at each call.
    fn any(&self) -> Option<Post> {
        let state = self.lock();
        let count = state.acknowledged.len() as u64;
        let index = state.next.wrapping_mul(0x9e37_79b9_7f4a_7c15) % count.max(1);
        let index = usize::try_from(index).ok()?;
        state.acknowledged.get(index).cloned()
    }

    /// Takes the next post to read back.
    fn take(&self) -> Option<Post> {
        let mut state = self.lock();
        let post = state.acknowledged.get(state.taken).cloned()?;
        state.taken += 1;
        Some(post)
    }

    fn judge(&self, post: &Post, found: Option<&str>) {
        if found != Some(post.content.as_str()) {
            let found = found.unwrap_or("nothing");
            let lost = format!(
                "post {} should be `{}`, and is {found}",
                post.id, post.content
            );
            self.lock().result.lost.push(lost);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn acknowledged(count: u64) -> WrittenPosts {
        let posts = WrittenPosts::default();
        for id in 1..=count {
            let content = posts.next_content();
            posts.lock().acknowledged.push(Post { id, content });
        }
        posts
    }

    #[test]
    fn names_what_was_lost() {
        let posts = acknowledged(3);
        let taken: Vec<Post> = std::iter::from_fn(|| posts.take()).collect();
        posts.judge(&taken[0], Some("chaos 1"));
        posts.judge(&taken[1], None);
        posts.judge(&taken[2], Some("chaos 4"));
        let expected = [
            "post 2 should be `chaos 2`, and is nothing",
            "post 3 should be `chaos 3`, and is chaos 4",
        ];
        let result = posts.result();
        assert_eq!((result.count, result.unread), (3, 0));
        assert_eq!(result.lost, expected);
    }

    #[test]
    fn what_was_not_read_back_is_unread() {
        let posts = acknowledged(3);
        let post = posts.take().unwrap();
        posts.judge(&post, Some("chaos 1"));
        assert_eq!(posts.result().unread, 2);
    }

    #[test]
    fn scenarios_are_valid() {
        for text in [LOAD, CHECK] {
            tenfold_scenarios::Scenario::parse(text, std::path::Path::new("chaos")).unwrap();
        }
    }
}
