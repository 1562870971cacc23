//! The distinct stacks of a profile, in bounded memory: first by addresses, then by names.
//!
//! Nearly every sample on the CPU has an address of its own. Stacks are therefore named whenever there are many, and those
//! with the same names become one.

use std::collections::HashMap;

use crate::code_place::{CodePlaces, Frame, PlaceId};
use crate::named_stacks::{NamedId, NamedStack, NamedStacks};
use crate::stack::Stack;
use crate::symbols::Symbols;
use crate::thread_pools::{PoolId, ThreadPools};

/// Stacks by addresses at which they are named.
const STACKS_BY_ADDRESS_MAX: usize = 32 * 1024;

/// Frames of stacks by addresses at which they are named: 16 bytes each.
const FRAMES_MAX: usize = 2 << 20;

/// Most ids.
const IDS_MAX: usize = 8 << 20;

/// Index of a stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct StackId(u32);

/// The distinct stacks of a profile.
#[derive(Debug)]
pub(crate) struct StackTable {
    /// Stacks that are named. `None` if there were too many.
    named_ids: Vec<Option<NamedId>>,
    named: NamedStacks,
    /// Stacks by addresses. Their ids follow those of `named_ids`.
    stacks: Vec<Stack>,
    ids: HashMap<Stack, StackId>,
    frames: usize,
    pools: ThreadPools,
}

impl StackTable {
    /// Creates a table for at most `stacks_max` stacks with different names.
    pub(crate) fn new(stacks_max: usize) -> Self {
        Self {
            named_ids: Vec::new(),
            named: NamedStacks::new(stacks_max),
            stacks: Vec::new(),
            ids: HashMap::new(),
            frames: 0,
            pools: ThreadPools::new(),
        }
    }

    /// Returns the pool of a thread by its name.
    pub(crate) fn pool(&mut self, thread_name: &str) -> PoolId {
        self.pools.id(thread_name)
    }

    /// Name of a pool.
    pub(crate) fn pool_name(&self, id: PoolId) -> &str {
        self.pools.name(id)
    }

    /// Returns the id of a stack. `None` if there are too many.
    pub(crate) fn id(&mut self, pool: PoolId, frames: Vec<Frame>) -> Option<StackId> {
        let stack = Stack {
            pool,
            frames: frames.into(),
        };
        if let Some(id) = self.ids.get(&stack) {
            return Some(*id);
        }
        let index = self.named_ids.len() + self.stacks.len();
        if index >= IDS_MAX {
            return None;
        }
        let id = StackId(u32::try_from(index).ok()?);
        self.frames += stack.frames.len();
        self.stacks.push(stack.clone());
        self.ids.insert(stack, id);
        Some(id)
    }

    /// Whether the stacks are to be named now, to free memory.
    pub(crate) fn is_full(&self) -> bool {
        self.stacks.len() >= STACKS_BY_ADDRESS_MAX || self.frames >= FRAMES_MAX
    }

    /// Names all stacks. Their ids stay.
    pub(crate) fn name_all(&mut self, symbols: &mut Symbols, places: &CodePlaces) {
        symbols.learn(&self.stacks, places);
        self.ids.clear();
        self.frames = 0;
        for stack in std::mem::take(&mut self.stacks) {
            let (mut kernel, mut process) = (Vec::new(), Vec::new());
            for frame in stack.frames.iter() {
                let side = if frame.place == PlaceId::KERNEL {
                    &mut kernel
                } else {
                    &mut process
                };
                for name in symbols.names(*frame) {
                    side.push(self.named.function(name));
                }
            }
            let id = self.named.id(NamedStack {
                pool: stack.pool,
                kernel: kernel.into(),
                process: process.into(),
            });
            self.named_ids.push(id);
        }
        symbols.forget();
    }

    /// The stack with this id by names. `None` if it is not named, or there were too many.
    pub(crate) fn named(&self, id: StackId) -> Option<&NamedStack> {
        let id = *self.named_ids.get(id.0 as usize)?;
        self.named.get(id?)
    }

    /// All stacks by names.
    pub(crate) fn named_stacks(&self) -> &NamedStacks {
        &self.named
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(address: u64) -> Frame {
        Frame {
            place: PlaceId::UNKNOWN,
            address,
        }
    }

    #[test]
    fn same_stack_has_one_id() {
        let mut table = StackTable::new(10);
        let pool = table.pool("worker-1");
        assert_eq!(table.pool("worker-22"), pool);
        assert_eq!(table.pool_name(pool), "worker");
        let first = table.id(pool, vec![frame(1), frame(2)]).unwrap();
        assert_eq!(table.id(pool, vec![frame(1), frame(2)]), Some(first));
        let other = table.pool("main");
        assert_ne!(table.id(other, vec![frame(1), frame(2)]), Some(first));
        assert_eq!(table.named(first), None, "not yet");
    }

    #[test]
    fn stacks_with_the_same_names_become_one() {
        let mut table = StackTable::new(1);
        let pool = table.pool("main");
        let mut symbols = Symbols::default();
        let places = CodePlaces::default();
        let first = table.id(pool, vec![frame(1), frame(2)]).unwrap();
        let second = table.id(pool, vec![frame(3), frame(4)]).unwrap();
        let deeper = table.id(pool, vec![frame(1), frame(2), frame(3)]).unwrap();
        table.name_all(&mut symbols, &places);
        let third = table.id(pool, vec![frame(1), frame(2)]).unwrap();
        assert!(![first, second, deeper].contains(&third));
        table.name_all(&mut symbols, &places);
        assert_eq!(table.named(first), table.named(second));
        assert_eq!(table.named(first), table.named(third));
        assert_eq!(table.named(deeper), None, "too many");
        let names = table.named_stacks();
        assert_eq!(names.len(), 1);
        let stack = table.named(first).unwrap();
        assert_eq!(names.names(&stack.process), ["[unknown]", "[unknown]"]);
        assert!(stack.kernel.is_empty());
    }

    #[test]
    fn is_full_by_stacks_or_frames() {
        let mut by_frames = StackTable::new(usize::MAX);
        let pool = by_frames.pool("main");
        while by_frames.frames < FRAMES_MAX {
            assert!(!by_frames.is_full());
            let deep = vec![frame(by_frames.frames as u64); 64 * 1024];
            by_frames.id(pool, deep);
        }
        assert!(by_frames.is_full());
        let mut by_stacks = StackTable::new(usize::MAX);
        for address in 0..STACKS_BY_ADDRESS_MAX as u64 {
            assert!(!by_stacks.is_full());
            by_stacks.id(pool, vec![frame(address)]);
        }
        assert!(by_stacks.is_full());
        by_stacks.name_all(&mut Symbols::default(), &CodePlaces::default());
        assert!(!by_stacks.is_full());
        assert_eq!(by_stacks.named_stacks().len(), 1);
    }
}
