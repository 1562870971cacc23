//! Model of two shards and the shard map, with one bucket.

use super::POSTS;
use crate::model::PostId;
use crate::store::sharded::shard::{Advance, Holding, HoldingState};

type Rows = [Option<u64>; POSTS];

#[derive(Clone, Default)]
pub(super) struct Shard {
    pub(super) holding: Option<Holding>,
    pub(super) rows: Rows,
    pub(super) changes: Vec<usize>,
}

impl Shard {
    pub(super) fn serves(&self) -> bool {
        self.served().is_some()
    }

    /// The token, if it serves the bucket.
    pub(super) fn served(&self) -> Option<i64> {
        let own = self.holding.filter(|own| own.state.is_served());
        own.map(|own| own.token)
    }

    pub(super) fn advance(&mut self, step: Advance, token: i64) -> bool {
        if !step.is_due(self.holding, token) {
            return false;
        }
        if step.removes_posts() {
            (self.rows, self.holding) = (Rows::default(), None);
        }
        if step.removes_changes() {
            self.changes.clear();
        }
        let last = self.holding.map_or(PostId(0), |own| own.last_post);
        self.holding = step.result().map(|(state, last_post)| Holding {
            state,
            token,
            last_post: last.max(last_post),
        });
        true
    }

    pub(super) fn take_over(&mut self, token: i64) {
        if let Some(own) = self
            .holding
            .as_mut()
            .filter(|own| own.state != HoldingState::Owned)
        {
            own.token = token;
        }
    }
}

/// The shard map of one bucket: its shard, and the move, which is switched or not.
#[derive(Clone, Copy, PartialEq)]
pub(super) struct Map {
    pub(super) version: u64,
    pub(super) owner: usize,
    pub(super) moving: Option<bool>,
}
