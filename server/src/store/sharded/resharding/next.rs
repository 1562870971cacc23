//! The step of a move that is due. Pure: everything that it depends on is stored, except how far this mover is behind.

use crate::model::PostId;
use crate::store::sharded::shard::{Holding, HoldingState};

/// State of a bucket's move, as a mover reads it.
#[derive(Clone, Copy, Debug)]
pub(super) struct View {
    /// True once the shard map names the new shard.
    pub(super) is_switched: bool,
    pub(super) source: Option<Holding>,
    pub(super) target: Option<Holding>,
    /// The last look at the recorded changes, and the state of the source that was seen before it.
    pub(super) backlog: Option<(HoldingState, Backlog)>,
    /// True once every process knows of the move, or does not trust its map.
    pub(super) is_settled: bool,
}

/// Changes that a look has found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Backlog {
    /// None.
    Empty,
    /// Few: the next look finds about as many.
    Short,
}

/// A step of a move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Wait until the move is settled.
    Wait,
    /// Give up: another mover took over.
    GiveUp,
    /// Record changes.
    Follow,
    /// Copy everything.
    Fill,
    /// Copy changes, with the source in this state.
    CatchUp(HoldingState),
    /// Refuse writes on the old shard.
    Freeze,
    /// Accept writes on the new shard, with identifiers above this one.
    Own(PostId),
    /// Name the new shard in the map.
    Switch,
    /// The bucket has moved.
    Done,
    /// Neither shard has the bucket as it should.
    Stuck,
}

/// Returns the step that is due for the mover with this token.
pub(super) fn next(view: &View, token: i64) -> Step {
    use HoldingState::{Copied, Followed, Frozen, Owned};
    if view.is_switched {
        return Step::Done;
    }
    let is_copied = view.target.is_some_and(|target| target.state == Copied);
    if view.target.is_some_and(|target| target.state.is_served()) {
        return Step::Switch;
    }
    let Some(source) = view.source else {
        return Step::Stuck;
    };
    match source.state {
        Owned => return Step::Follow,
        Followed | Frozen => {}
        _ => return Step::Stuck,
    }
    let is_mine = view.target.is_none_or(|target| target.token == token);
    if source.token != token || !is_mine {
        return Step::GiveUp;
    }
    if !is_copied {
        return Step::Fill;
    }
    // A look that began before the freeze may have missed the last changes.
    let seen = view.backlog.filter(|(state, _)| *state == source.state);
    match (source.state, seen) {
        (Frozen, Some((_, Backlog::Empty))) => Step::Own(source.last_post),
        (Followed, Some(_)) if view.is_settled => Step::Freeze,
        (Followed, Some((_, Backlog::Empty))) => Step::Wait,
        _ => Step::CatchUp(source.state),
    }
}
