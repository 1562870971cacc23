//! A page of a feed: posts of the written one, posts of popular authors, and older ones as they are computed.

use std::sync::Arc;

use super::NEWEST;
use crate::model::{Page, Post, PostId, UserId};
use crate::store::{FeedTable, Store, StoreError, WrittenFeed, newest};

/// Entries read beyond those of a page: some posts were deleted.
const SPARE: u32 = 4;

/// A page of a feed.
#[derive(Debug)]
pub(super) enum FeedPage {
    /// It was read from the written feed.
    Written(Gathered),
    /// The feed is stale, and has this version.
    Stale { version: i64 },
}

/// Reads a page of a feed from its table, and the posts from a store.
pub(super) async fn feed_page(
    table: &dyn FeedTable,
    store: &dyn Store,
    user: UserId,
    page: Page,
) -> Result<FeedPage, StoreError> {
    let limit = page.limit();
    let wanted = limit + SPARE;
    let mut before = page.before().unwrap_or(NEWEST);
    let mut gathered = Gathered::default();
    // Before the entries: posts of an author who stops to be popular are in the one or the other.
    let popular = table.popular_followees(user).await?;
    let popular: Vec<UserId> = popular.into_iter().map(|(author, _)| author).collect();
    loop {
        let (floor, entries) = match table.written_feed(user, before, wanted).await? {
            WrittenFeed::Complete { floor, entries } => (floor, entries),
            WrittenFeed::Stale { version } => return Ok(FeedPage::Stale { version }),
        };
        let is_last = entries.len() < wanted as usize;
        // From here on, no post is missing.
        let known_from = match entries.last() {
            Some(last) if !is_last => last.post,
            _ => floor,
        };
        let ids: Vec<PostId> = entries.iter().map(|entry| entry.post).collect();
        let page = Page::new(Some(before), limit);
        let (own, theirs) = tokio::join!(
            some(&ids, |ids| store.posts_with(ids)),
            some(&popular, |authors| store.posts_by_any(authors, page)),
        );
        gathered.add(own)?;
        let mut others = Gathered::default();
        others.add(theirs)?;
        others.posts.retain(|post| post.id >= known_from);
        gathered.join(others);
        gathered.posts = newest(std::mem::take(&mut gathered.posts), limit);
        if gathered.posts.len() == limit as usize {
            return Ok(FeedPage::Written(gathered));
        }
        if !is_last {
            before = known_from;
            continue;
        }
        if floor.0 > 0 {
            let left = limit - u32::try_from(gathered.posts.len()).unwrap_or(limit);
            let older = Page::new(Some(floor.min(before)), left);
            gathered.add(store.feed(user, older).await)?;
        }
        return Ok(FeedPage::Written(gathered));
    }
}

/// Reads something, unless there is nothing to read.
async fn some<T: Clone, R>(
    wanted: &[T],
    read: impl FnOnce(Vec<T>) -> R,
) -> Result<Vec<Post>, StoreError>
where
    R: Future<Output = Result<Vec<Post>, StoreError>>,
{
    match wanted {
        [] => Ok(Vec::new()),
        wanted => read(wanted.to_vec()).await,
    }
}

/// Posts of a page, and whether some are missing.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    posts: Vec<Post>,
    is_incomplete: bool,
}

impl Gathered {
    fn add(&mut self, posts: Result<Vec<Post>, StoreError>) -> Result<(), StoreError> {
        match posts {
            Ok(posts) => self.posts.extend(posts),
            Err(StoreError::Incomplete(posts)) => {
                self.posts.extend(Arc::unwrap_or_clone(posts));
                self.is_incomplete = true;
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    fn join(&mut self, other: Self) {
        self.posts.extend(other.posts);
        self.is_incomplete |= other.is_incomplete;
    }

    /// Returns the posts. `Incomplete` if some are missing.
    pub(super) fn result(self) -> Result<Vec<Post>, StoreError> {
        match self.is_incomplete {
            true => Err(StoreError::Incomplete(Arc::new(self.posts))),
            false => Ok(self.posts),
        }
    }
}
