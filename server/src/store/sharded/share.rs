//! The share of a data set that one database gets.

use std::collections::BTreeSet;

use super::bucket::Bucket;
use crate::data_set::Content;
use crate::model::{Post, PostId, User, UserId};

/// The share of a data set that one database gets.
#[derive(Clone, Debug)]
pub enum Share {
    /// All of it, for a store that is not sharded.
    Everything,
    /// Users and follows, and the author of each post.
    Users,
    /// Posts of authors in these buckets, with their authors' handles.
    Posts(BTreeSet<Bucket>),
}

impl Share {
    /// Returns users with the counts that this database keeps.
    pub(in crate::store) fn users<'a>(
        &'a self,
        content: &'a Content,
    ) -> impl Iterator<Item = User> + use<'a> {
        content
            .users()
            .filter(|user| self.contains(user.id))
            .map(|mut user| {
                match self {
                    Self::Everything => {}
                    Self::Users => user.posts = 0,
                    Self::Posts(_) => (user.followers, user.following) = (0, 0),
                }
                user
            })
    }

    /// Returns the password hash of the users. Empty if nobody can log in here.
    pub(in crate::store) fn password_hash<'a>(&self, content: &'a Content) -> &'a str {
        match self {
            Self::Everything | Self::Users => content.password_hash(),
            Self::Posts(_) => "",
        }
    }

    /// Returns the authors to list by bucket.
    pub(in crate::store) fn authors(&self, content: &Content) -> impl Iterator<Item = UserId> {
        let is_shard = matches!(self, Self::Posts(_));
        let all =
            is_shard.then(|| (1..=content.data_set().users).map(|id| UserId(id.cast_signed())));
        all.into_iter().flatten().filter(|id| self.contains(*id))
    }

    /// Returns pairs of follower and followee.
    pub(in crate::store) fn follows<'a>(
        &self,
        content: &'a Content,
    ) -> impl Iterator<Item = (UserId, UserId)> + use<'a> {
        let has_users = !matches!(self, Self::Posts(_));
        has_users.then(|| content.follows()).into_iter().flatten()
    }

    /// Returns the author of each post.
    pub(in crate::store) fn post_authors<'a>(
        &self,
        content: &'a Content,
    ) -> impl Iterator<Item = (PostId, UserId)> + use<'a> {
        let is_directory = matches!(self, Self::Users);
        is_directory
            .then(|| content.post_authors())
            .into_iter()
            .flatten()
    }

    /// Returns posts.
    pub(in crate::store) fn posts<'a>(
        &'a self,
        content: &'a Content,
    ) -> impl Iterator<Item = Post> + use<'a> {
        let has_posts = !matches!(self, Self::Users);
        let all = has_posts.then(|| content.posts());
        all.into_iter()
            .flatten()
            .filter(|post| self.contains(post.author))
    }

    fn contains(&self, author: UserId) -> bool {
        match self {
            Self::Everything | Self::Users => true,
            Self::Posts(buckets) => buckets.contains(&Bucket::of_author(author)),
        }
    }
}
