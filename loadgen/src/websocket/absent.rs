//! Conversations of a build without the feature `websocket`. A scenario that has any is refused before.

use crate::failure::Failure;
use crate::http::{Answer, Keep};
use crate::websocket::Conversation;

/// A connection, which can't be opened.
#[derive(Debug)]
pub(crate) enum Socket {}

/// Fails.
///
/// # Errors
/// [`Failure::Unsendable`].
pub(crate) async fn converse(
    _: &mut Option<Socket>,
    _: Conversation<'_>,
    _: impl Fn(u16) -> Keep,
    _: impl Fn(u64),
    _: impl Fn() -> u64,
) -> Result<Answer, Failure> {
    Err(Failure::Unsendable)
}
