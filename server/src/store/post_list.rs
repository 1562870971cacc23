//! List of posts, each shared separately.

use std::ops::Deref;
use std::sync::Arc;

use super::Shared;
use crate::model::{Post, UserId};

/// Posts, newest first. Each is shared separately, so that lists with a post in common share it and its
/// serialised body.
#[derive(Clone, Debug, Default)]
pub struct PostList(Vec<Arc<Shared<Post>>>);

impl PostList {
    /// Creates a list of posts that are in order.
    #[must_use]
    pub fn new(posts: Vec<Post>) -> Self {
        Self(posts.into_iter().map(Shared::new).collect())
    }

    /// Returns the posts, cloning those that are shared elsewhere.
    #[must_use]
    pub fn into_posts(self) -> Vec<Post> {
        self.0.into_iter().map(Shared::into_value).collect()
    }

    /// Returns the newest posts, at most `count`.
    #[must_use]
    pub fn newest(&self, count: usize) -> Self {
        Self(self.0.iter().take(count).cloned().collect())
    }

    /// Returns the posts of all other users.
    #[must_use]
    pub fn without(&self, author: UserId) -> Self {
        let others = self.0.iter().filter(|post| post.author != author);
        Self(others.cloned().collect())
    }

    /// Returns the newest posts of this list and `others`, at most `count`. A post in both is taken from
    /// this list.
    #[must_use]
    pub fn with(&self, others: &[Arc<Shared<Post>>], count: usize) -> Self {
        let mut all = self.0.clone();
        for other in others {
            let index = all.partition_point(|post| post.id > other.id);
            if all.get(index).is_none_or(|post| post.id != other.id) {
                all.insert(index, Arc::clone(other));
            }
            all.truncate(count);
        }
        Self(all)
    }
}

impl Deref for PostList {
    type Target = [Arc<Shared<Post>>];

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::{PostId, Timestamp, UserId};

    fn post(id: i64, content: &str) -> Post {
        Post {
            id: PostId(id),
            author: UserId(1),
            author_handle: "a".to_owned(),
            content: content.to_owned(),
            html: String::new(),
            created_at: Timestamp(id),
            updated_at: Timestamp(id),
            has_photo: false,
        }
    }

    proptest! {
        /// Adding posts one by one equals sorting them together.
        #[test]
        fn merged_posts_are_ordered(
            first in proptest::collection::btree_set(0_i64..40, 0..12),
            then in proptest::collection::vec(0_i64..40, 0..12),
            count in 1_usize..15,
        ) {
            let here: Vec<Post> = first.iter().rev().take(count).map(|id| post(*id, "here")).collect();
            let list = PostList::new(here.clone());
            let others: Vec<_> = then.iter().map(|id| Shared::new(post(*id, "other"))).collect();
            let joined = list.with(&others, count);
            let mut expected = here;
            expected.extend(then.iter().map(|id| post(*id, "other")));
            // The sort is stable: of two posts with one identifier, the list's own stays.
            expected.sort_by_key(|post| -post.id.0);
            expected.dedup_by_key(|post| post.id);
            expected.truncate(count);
            prop_assert_eq!(joined.into_posts(), expected);
            prop_assert_eq!(list.len(), first.len().min(count));
        }
    }

    #[test]
    fn lists_share_common_posts() {
        let one = Shared::new(post(7, "one"));
        let lists = [5, 9].map(|id| PostList::new(vec![post(id, "")]).with(&[Arc::clone(&one)], 2));
        assert!(Arc::ptr_eq(&lists[0][0], &lists[1][1]));
        assert_eq!(lists[0].newest(1).len(), 1);
    }
}
