//! Data set of a fresh service: users, posts and follows, generated from a seed.

use std::sync::Arc;

use rand_pcg::Pcg64Mcg;
use serde::{Deserialize, Serialize};

use crate::model::{InvalidInput, NAME_BYTES_MAX, Post, PostId, Timestamp, User, UserId};

mod follow_graph;
mod load_progress;
mod power_law;
mod prose;

pub use load_progress::{LoadProgress, LoadState, LoadStep};

use load_progress::Counted;
use power_law::PowerLaw;
use prose::Prose;

/// Password of every user of a data set.
pub const PASSWORD: &str = "tenfold";

/// Version of the generator: incremented when the same seed generates other data.
const FORMAT: u32 = 1;
/// Sign-up time of the users: 2025-01-01T00:00:00Z.
const SIGNED_UP_MS: i64 = 1_735_689_600_000;
/// Period over which posts are spread evenly: the following year.
const POSTING_SPAN_MS: i64 = 365 * 86_400_000;
/// Maximum number of users or posts. Identifiers must fit 32 bits while the graph is generated.
const SIZE_MAX: u64 = 100_000_000;

/// Parameters of a data set. The same values always generate the same data.
///
/// Users are `user1` to `userN` with identifiers 1 to N. Posts have identifiers 1 to M. Low identifiers
/// are popular: followers and posts are distributed by a power law.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DataSet {
    /// Seed of the random numbers.
    pub seed: u64,
    /// Number of users.
    pub users: u64,
    /// Number of posts, about 1 KB each.
    pub posts: u64,
    /// Mean number of users that a user follows.
    pub follows_per_user: u64,
}

impl Default for DataSet {
    fn default() -> Self {
        Self {
            seed: 42,
            users: 10_000,
            posts: 100_000,
            follows_per_user: 20,
        }
    }
}

/// Result of loading a data set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Loaded {
    /// Number of users.
    pub users: u64,
    /// Number of posts.
    pub posts: u64,
    /// Number of follows.
    pub follows: u64,
    /// True if the data set was already in the store.
    pub reused: bool,
}

impl DataSet {
    /// Identifies the data: data sets with equal fingerprints are equal.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        let Self {
            seed,
            users,
            posts,
            follows_per_user,
        } = self;
        format!(
            "format={FORMAT} seed={seed} users={users} posts={posts} follows={follows_per_user}"
        )
    }

    /// Prepares the data set for loading.
    ///
    /// `password_hash` is the hash of [`PASSWORD`], shared by all users: hashing ten thousand would take
    /// minutes. `render` turns Markdown into sanitised HTML. It must render a block independently of the
    /// blocks around it.
    ///
    /// # Errors
    /// `Invalid` if there are posts without users, too many of either, or the hash is invalid.
    pub fn content(
        &self,
        password_hash: String,
        render: fn(&str) -> String,
    ) -> Result<Content, InvalidInput> {
        self.content_with_progress(password_hash, render, Arc::default())
    }

    /// Prepares the data set as [`DataSet::content`] does, and shows in `progress` how far that and the loading
    /// are.
    ///
    /// # Errors
    /// As [`DataSet::content`].
    pub fn content_with_progress(
        &self,
        password_hash: String,
        render: fn(&str) -> String,
        progress: Arc<LoadProgress>,
    ) -> Result<Content, InvalidInput> {
        if self.users > SIZE_MAX || self.posts > SIZE_MAX {
            return Err(InvalidInput(format!(
                "the data set has {} users and {} posts; the maximum is {SIZE_MAX} each",
                self.users, self.posts
            )));
        }
        if self.users == 0 && self.posts > 0 {
            return Err(InvalidInput(format!(
                "the data set has {} posts but no users",
                self.posts
            )));
        }
        if password_hash.is_empty() || password_hash.len() > NAME_BYTES_MAX {
            return Err(InvalidInput(format!(
                "a password hash must be 1 to {NAME_BYTES_MAX} bytes long, not {}",
                password_hash.len()
            )));
        }
        progress.begin(LoadStep::Generating, self.users);
        let follows = follow_graph::follows(self.seed, self.users, self.follows_per_user, || {
            progress.count();
        });
        progress.begin(LoadStep::Composing, 0);
        let (authors, prose) = (self.authors(), Prose::new(self.seed, render));
        progress.begin(LoadStep::Waiting, 0);
        Ok(Content {
            data_set: self.clone(),
            password_hash,
            follows,
            authors,
            prose,
            progress,
        })
    }

    /// Returns the author of each post, in order.
    fn authors(&self) -> Vec<u32> {
        let mut rng = stream(self.seed, Stream::Authors);
        let law = PowerLaw::new(self.users);
        (0..self.posts).map(|_| law.draw(&mut rng)).collect()
    }
}

/// Data set prepared for loading.
#[derive(Debug)]
pub struct Content {
    data_set: DataSet,
    password_hash: String,
    follows: Vec<(u32, u32)>,
    authors: Vec<u32>,
    prose: Prose,
    progress: Arc<LoadProgress>,
}

impl Content {
    /// Returns the parameters.
    #[must_use]
    pub fn data_set(&self) -> &DataSet {
        &self.data_set
    }

    /// Returns the hash of the password that all users share.
    #[must_use]
    pub fn password_hash(&self) -> &str {
        &self.password_hash
    }

    /// Returns the result of loading this data set.
    #[must_use]
    pub fn loaded(&self, reused: bool) -> Loaded {
        Loaded {
            users: self.data_set.users,
            posts: self.data_set.posts,
            follows: self.follows.len() as u64,
            reused,
        }
    }

    /// Returns the time at which users signed up and followed each other.
    #[must_use]
    pub fn signed_up(&self) -> Timestamp {
        Timestamp(SIGNED_UP_MS)
    }

    /// Returns the users in order of identifier, with their counts.
    pub fn users(&self) -> impl Iterator<Item = User> {
        let slots = self.data_set.users as usize + 1;
        let (mut followers, mut following, mut posts) =
            (vec![0_u64; slots], vec![0_u64; slots], vec![0_u64; slots]);
        for &(follower, followee) in &self.follows {
            following[follower as usize] += 1;
            followers[followee as usize] += 1;
        }
        for &author in &self.authors {
            posts[author as usize] += 1;
        }
        let users = (1..slots).map(move |id| User {
            id: UserId(id as i64),
            handle: handle(id as u64),
            created_at: Timestamp(SIGNED_UP_MS),
            followers: followers[id],
            following: following[id],
            posts: posts[id],
        });
        let of = self.data_set.users;
        Counted::new(&self.progress, LoadStep::Users, of, users, None)
    }

    /// Returns the follows as pairs of follower and followee, in ascending order without duplicates.
    pub fn follows(&self) -> impl Iterator<Item = (UserId, UserId)> {
        let follows = self
            .follows
            .iter()
            .map(|&(follower, followee)| (UserId(follower.into()), UserId(followee.into())));
        let of = self.follows.len() as u64;
        Counted::new(&self.progress, LoadStep::Follows, of, follows, None)
    }

    /// Returns the author of each post, in order of identifier.
    pub fn post_authors(&self) -> impl Iterator<Item = (PostId, UserId)> {
        let authors = (1..).zip(&self.authors);
        authors.map(|(post, &author)| (PostId(post), UserId(author.into())))
    }

    /// Returns the posts in order of identifier.
    pub fn posts(&self) -> impl Iterator<Item = Post> {
        let mut rng = stream(self.data_set.seed, Stream::Prose);
        let gap_ms = POSTING_SPAN_MS / (self.authors.len() as i64).max(1);
        let posts = self
            .authors
            .iter()
            .enumerate()
            .map(move |(index, &author)| {
                let (content, html) = self.prose.post(index as u64 + 1, &mut rng);
                let created_at = Timestamp(SIGNED_UP_MS + gap_ms * index as i64);
                Post {
                    id: PostId(index as i64 + 1),
                    author: UserId(author.into()),
                    author_handle: handle(author.into()),
                    content,
                    html,
                    created_at,
                    updated_at: created_at,
                    has_photo: false,
                }
            });
        let (of, next) = (self.data_set.posts, Some(LoadStep::Storing));
        Counted::new(&self.progress, LoadStep::Posts, of, posts, next)
    }
}

fn handle(user: u64) -> String {
    format!("user{user}")
}

/// Independent streams of random numbers: drawing more from one leaves the others unchanged.
#[derive(Clone, Copy)]
enum Stream {
    Authors = 1,
    Follows = 2,
    Blocks = 3,
    Prose = 4,
}

fn stream(seed: u64, stream: Stream) -> Pcg64Mcg {
    Pcg64Mcg::new(u128::from(seed) << 64 | stream as u128)
}

#[cfg(test)]
mod tests {
    use sha2::{Digest, Sha256};

    use super::*;

    fn digest(data_set: &DataSet) -> String {
        let content = data_set.content("hash".to_owned(), |markdown| format!("<p>{markdown}</p>"));
        let content = content.unwrap();
        let mut sha = Sha256::new();
        for user in content.users() {
            sha.update(format!("{user:?}\n"));
        }
        for follow in content.follows() {
            sha.update(format!("{follow:?}\n"));
        }
        for post in content.posts() {
            sha.update(format!("{post:?}\n"));
        }
        sha.finalize()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }

    /// The fixed digest detects a library update that changes the data. If the data must change, increment
    /// `FORMAT`.
    #[test]
    fn same_seed_generates_same_data() {
        let small = DataSet {
            users: 1_000,
            posts: 2_000,
            ..DataSet::default()
        };
        assert_eq!(
            digest(&small),
            "d514316648cea58e0819ca35b41ebcea0f2f69612f74addf8e7fd0d15b7823eb"
        );
        assert_ne!(
            digest(&DataSet {
                seed: 43,
                ..small.clone()
            }),
            digest(&small)
        );
    }

    #[test]
    fn counts_match_data() {
        let data_set = DataSet {
            users: 200,
            posts: 1_000,
            ..DataSet::default()
        };
        let content = data_set.content("hash".to_owned(), str::to_owned).unwrap();
        let (mut followers, mut following, mut posts) = (0, 0, 0);
        for user in content.users() {
            followers += user.followers;
            following += user.following;
            posts += user.posts;
        }
        assert_eq!(posts, 1_000);
        assert_eq!(
            (followers, following),
            (content.loaded(false).follows, followers)
        );
        assert!(content.posts().map(|post| post.id.0).eq(1..=1_000));
        assert!(content.posts().is_sorted_by_key(|post| post.created_at));
    }

    #[test]
    fn rejects_impossible_sizes() {
        let rejected = |users, posts| {
            let data_set = DataSet {
                users,
                posts,
                ..DataSet::default()
            };
            data_set.content("hash".to_owned(), str::to_owned).is_err()
        };
        assert!(rejected(0, 1));
        assert!(rejected(SIZE_MAX + 1, 0));
        assert!(rejected(1, SIZE_MAX + 1));
        assert!(!rejected(0, 0));
        assert!(!rejected(1, 10));
    }
}
