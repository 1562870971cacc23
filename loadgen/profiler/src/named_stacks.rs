//! Stacks by the names of their functions, in bounded memory.

use std::collections::HashMap;
use std::sync::Arc;

use crate::thread_pools::PoolId;

/// Most names of functions. Further ones share one name.
const FUNCTIONS_MAX: usize = 500_000;

/// Most functions of all stacks: 4 bytes each.
const FRAMES_MAX: usize = 16 << 20;

/// Index of a function.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct FunctionId(u32);

/// Index of a stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct NamedId(u32);

/// A stack, with its functions innermost first.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct NamedStack {
    /// Threads that it belongs to.
    pub(crate) pool: PoolId,
    /// Functions of the kernel.
    pub(crate) kernel: Arc<[FunctionId]>,
    /// Functions of the process.
    pub(crate) process: Arc<[FunctionId]>,
}

/// The distinct stacks of a profile by names.
#[derive(Debug)]
pub(crate) struct NamedStacks {
    stacks: Vec<NamedStack>,
    ids: HashMap<NamedStack, NamedId>,
    stacks_max: usize,
    frames: usize,
    functions: Vec<Arc<str>>,
    function_ids: HashMap<Arc<str>, FunctionId>,
}

impl NamedStacks {
    /// Creates a table for at most `stacks_max` stacks.
    pub(crate) fn new(stacks_max: usize) -> Self {
        let mut stacks = Self {
            stacks: Vec::new(),
            ids: HashMap::new(),
            stacks_max,
            frames: 0,
            functions: Vec::new(),
            function_ids: HashMap::new(),
        };
        stacks.function(&Arc::from("[other functions]"));
        stacks
    }

    /// Returns the id of a function.
    pub(crate) fn function(&mut self, name: &Arc<str>) -> FunctionId {
        if let Some(id) = self.function_ids.get(name) {
            return *id;
        }
        if self.functions.len() >= FUNCTIONS_MAX {
            return FunctionId(0);
        }
        let id = FunctionId(u32::try_from(self.functions.len()).unwrap_or(0));
        self.functions.push(Arc::clone(name));
        self.function_ids.insert(Arc::clone(name), id);
        id
    }

    /// Returns the id of a stack. `None` if there are too many.
    pub(crate) fn id(&mut self, stack: NamedStack) -> Option<NamedId> {
        if let Some(id) = self.ids.get(&stack) {
            return Some(*id);
        }
        let frames = self.frames + stack.kernel.len() + stack.process.len();
        if self.stacks.len() >= self.stacks_max || frames > FRAMES_MAX {
            return None;
        }
        let id = NamedId(u32::try_from(self.stacks.len()).ok()?);
        self.frames = frames;
        self.stacks.push(stack.clone());
        self.ids.insert(stack, id);
        Some(id)
    }

    /// The stack with this id.
    pub(crate) fn get(&self, id: NamedId) -> Option<&NamedStack> {
        self.stacks.get(id.0 as usize)
    }

    /// Names of functions.
    pub(crate) fn names(&self, functions: &[FunctionId]) -> Vec<&str> {
        let name = |id: &FunctionId| self.functions.get(id.0 as usize).map_or("", |name| name);
        functions.iter().map(name).collect()
    }

    /// Number of stacks.
    pub(crate) fn len(&self) -> usize {
        self.stacks.len()
    }
}
