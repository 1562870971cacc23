//! Whom to follow: those whom the followed users follow.

use std::fmt;

use async_trait::async_trait;

use crate::model::UserId;
use crate::store::StoreError;

/// Maximum number of users that one call makes a user follow.
pub const FOLLOWEES_MAX: usize = 1_000;

/// A user to follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recommendation {
    /// The user.
    pub user: UserId,
    /// Number of followed users who follow this one.
    pub paths: u64,
}

/// Graph of who follows whom.
#[async_trait]
pub trait Recommendations: Send + Sync + fmt::Debug + 'static {
    /// Makes a user follow at most [`FOLLOWEES_MAX`] others. Following again changes nothing. `Invalid` if there are too many, or the user is among
    /// them. After an error, some may be followed: repeat the call.
    async fn follow(&self, follower: UserId, followees: &[UserId]) -> Result<(), StoreError>;

    /// Makes a user unfollow another. Succeeds if they did not follow.
    async fn unfollow(&self, follower: UserId, followee: UserId) -> Result<(), StoreError>;

    /// Returns users whom the followed users follow, but `user` does not, at most `limit`: those with most paths first, and of these the lowest
    /// identifiers. Empty for an unknown user.
    async fn recommend(&self, user: UserId, limit: u32) -> Result<Vec<Recommendation>, StoreError>;
}

/// Checks whom a user is to follow, as every implementation of [`Recommendations::follow`] does.
///
/// # Errors
/// `Invalid` if there are more than [`FOLLOWEES_MAX`], or the user is among them.
pub fn check_followees(follower: UserId, followees: &[UserId]) -> Result<(), StoreError> {
    if followees.contains(&follower) {
        let why = "users cannot follow themselves";
        return Err(StoreError::Invalid(why.to_owned()));
    }
    match followees.len() {
        0..=FOLLOWEES_MAX => Ok(()),
        more => Err(StoreError::Invalid(format!(
            "a call makes a user follow at most {FOLLOWEES_MAX} others, not {more}"
        ))),
    }
}
