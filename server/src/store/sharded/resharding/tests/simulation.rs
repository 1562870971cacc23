//! One bucket that moves back and forth, in virtual time: two movers that crash between any two steps, processes with
//! old maps, and writes and reads in flight. Steps of all of them interleave at random.

use proptest::prelude::*;
use rand::RngExt;
use rand_pcg::Pcg64Mcg;

use self::model::{Map, Shard};
use super::super::next::{Backlog, Step, View, next};
use crate::model::PostId;
use crate::store::sharded::shard::{Advance, Holding, HoldingState};

mod model;

/// Ticks for which a process trusts its map, and after which a mover presumes that all know of a move.
const TRUSTED: u64 = 20;
const SETTLING: u64 = 2 * TRUSTED;
const POSTS: usize = 4;

/// Next micro-step of a mover.
#[derive(Clone)]
enum Task {
    TakeOver,
    TakeOverTarget,
    Look,
    /// The source was read.
    LookAtTarget(Option<Holding>),
    LookAtMap(Option<Holding>, Option<Holding>),
    Do(Step),
    /// Posts to copy, and the state to go on with.
    Copy(Vec<usize>, After),
    /// A post that was read, and the rest.
    Import(usize, Option<u64>, Vec<usize>, After),
}

#[derive(Clone, Copy)]
enum After {
    Copied,
    CaughtUp(HoldingState, Backlog),
    CatchUpAgain(HoldingState),
}

struct Mover {
    token: i64,
    announced: u64,
    from: usize,
    applied: usize,
    backlog: Option<(HoldingState, Backlog)>,
    task: Task,
}

enum Call {
    Idle,
    /// The shard and the post.
    Write(usize, usize),
    /// Also the length of the post's history at the start.
    Read(usize, usize, usize),
    /// Also what the shard said before, and the post, once it was read.
    CheckBefore(usize, usize, usize),
    CheckedRead(usize, usize, usize, i64),
    CheckAfter(usize, usize, usize, i64, Option<u64>),
}

struct Process {
    map: Map,
    confirmed: u64,
    attempt: usize,
    call: Call,
}

struct World {
    shards: [Shard; 2],
    map: Map,
    now: u64,
    next_value: u64,
    next_token: i64,
    /// All values that each post has had.
    history: [Vec<Option<u64>>; POSTS],
    announced: u64,
    cleanable: u64,
    movers: Vec<Mover>,
    processes: Vec<Process>,
    rng: Pcg64Mcg,
    writes: u64,
    moves: u64,
}

impl World {
    fn new(seed: u64) -> Self {
        let map = Map {
            version: 1,
            owner: 0,
            moving: None,
        };
        let mut shards = [Shard::default(), Shard::default()];
        shards[0].holding = Some(Holding {
            state: HoldingState::Owned,
            token: 0,
            last_post: PostId(0),
        });
        let process = || Process {
            map,
            confirmed: 0,
            attempt: 0,
            call: Call::Idle,
        };
        Self {
            shards,
            map,
            now: 0,
            next_value: 1,
            next_token: 1,
            history: std::array::from_fn(|_| vec![None]),
            announced: 0,
            cleanable: 0,
            movers: Vec::new(),
            processes: (0..3).map(|_| process()).collect(),
            rng: Pcg64Mcg::new(u128::from(seed)),
            writes: 0,
            moves: 0,
        }
    }

    fn chance(&mut self, percent: u32) -> bool {
        self.rng.random_range(0..100) < percent
    }

    /// A mover that starts, or starts again after a crash, with what is stored.
    fn start_mover(&mut self) -> Mover {
        let token = self.next_token;
        self.next_token += 1;
        Mover {
            token,
            // It knows no better than that the move was announced by now.
            announced: self.now,
            from: self.map.owner,
            applied: 0,
            backlog: None,
            task: Task::TakeOver,
        }
    }

    fn step_mover(&mut self, index: usize) {
        let (from, token) = (self.movers[index].from, self.movers[index].token);
        let to = 1 - from;
        let task = std::mem::replace(&mut self.movers[index].task, Task::Look);
        let next_task = match task {
            Task::TakeOver => {
                self.shards[from].take_over(token);
                Task::TakeOverTarget
            }
            Task::TakeOverTarget => {
                self.shards[to].take_over(token);
                Task::Look
            }
            Task::Look => Task::LookAtTarget(self.shards[from].holding),
            Task::LookAtTarget(source) => Task::LookAtMap(source, self.shards[to].holding),
            Task::LookAtMap(source, target) => {
                if self.map.owner != from || self.map.moving.is_none() {
                    self.movers.remove(index);
                    return;
                }
                let mover = &self.movers[index];
                let view = View {
                    is_switched: self.map.moving == Some(true),
                    source,
                    target,
                    backlog: mover.backlog,
                    is_settled: self.now - mover.announced >= SETTLING,
                };
                Task::Do(next(&view, token))
            }
            Task::Do(step) => match self.take(index, step, from, to, token) {
                Some(task) => task,
                None => {
                    self.movers.remove(index);
                    return;
                }
            },
            Task::Copy(mut posts, after) => match posts.pop() {
                Some(post) => Task::Import(post, self.shards[from].rows[post], posts, after),
                None => match after {
                    After::Copied => match self.shards[to].advance(Advance::Copied, token) {
                        true => Task::Look,
                        false => {
                            self.movers.remove(index);
                            return;
                        }
                    },
                    After::CaughtUp(state, backlog) => {
                        self.movers[index].backlog = Some((state, backlog));
                        Task::Look
                    }
                    After::CatchUpAgain(state) => Task::Do(Step::CatchUp(state)),
                },
            },
            Task::Import(post, value, posts, after) => {
                let is_filled = self.shards[to]
                    .holding
                    .is_some_and(|own| own.is_filled_by(token));
                if !is_filled {
                    self.movers.remove(index);
                    return;
                }
                self.shards[to].rows[post] = value;
                Task::Copy(posts, after)
            }
        };
        self.movers[index].task = next_task;
    }

    /// Takes a step. `None` if another mover took over.
    fn take(
        &mut self,
        index: usize,
        step: Step,
        from: usize,
        to: usize,
        token: i64,
    ) -> Option<Task> {
        let done = |is_done: bool| is_done.then_some(Task::Look);
        match step {
            Step::Wait => {
                self.movers[index].backlog = None;
                Some(Task::Look)
            }
            Step::GiveUp => None,
            Step::Follow => done(self.shards[from].advance(Advance::Follow, token)),
            Step::Fill => {
                if !self.shards[to].advance(Advance::Fill, token) {
                    return None;
                }
                self.movers[index].applied = 0;
                Some(Task::Copy((0..POSTS).collect(), After::Copied))
            }
            Step::CatchUp(state) => {
                let applied = self.movers[index].applied;
                let changes = self.shards[from].changes.get(applied..).unwrap_or_default();
                let some: Vec<usize> = changes.iter().take(2).copied().collect();
                self.movers[index].applied += some.len();
                let after = match some.len() {
                    0 => After::CaughtUp(state, Backlog::Empty),
                    1 => After::CaughtUp(state, Backlog::Short),
                    _ => After::CatchUpAgain(state),
                };
                Some(Task::Copy(some, after))
            }
            Step::Freeze => done(self.shards[from].advance(Advance::Freeze, token)),
            Step::Own(last) => done(self.shards[to].advance(Advance::Own(last), token)),
            Step::Switch => {
                if self.map.moving == Some(false) && self.map.owner == from {
                    self.map = Map {
                        version: self.map.version + 1,
                        owner: to,
                        moving: Some(true),
                    };
                    self.cleanable = self.now + SETTLING;
                }
                None
            }
            Step::Done => None,
            Step::Stuck => panic!("stuck"),
        }
    }

    /// Announces a move, or cleans up after one.
    fn administer(&mut self) {
        match self.map.moving {
            None => {
                self.map.moving = Some(false);
                self.map.version += 1;
                self.announced = self.now;
                self.moves += 1;
            }
            Some(true) if self.now >= self.cleanable => {
                let token = self.next_token;
                self.next_token += 1;
                let old = 1 - self.map.owner;
                self.shards[old].take_over(token);
                self.shards[old].advance(Advance::Clean, token);
                assert!(self.shards[old].holding.is_none());
                self.map.moving = None;
                self.map.version += 1;
            }
            Some(_) => {}
        }
    }

    fn step_process(&mut self, index: usize) {
        let poll = self.chance(20);
        let process = &mut self.processes[index];
        // A call keeps the map that it began with.
        if poll && matches!(process.call, Call::Idle) {
            (process.map, process.confirmed) = (self.map, self.now);
        }
        let map = process.map;
        let target = match map.moving {
            // The owner is the new shard once switched.
            Some(false) if process.attempt % 2 == 1 => 1 - map.owner,
            _ => map.owner,
        };
        let call = std::mem::replace(&mut process.call, Call::Idle);
        match call {
            Call::Idle => {
                let post = self.rng.random_range(0..POSTS);
                let since = self.history[post].len() - 1;
                self.processes[index].call = match self.chance(50) {
                    true => Call::Write(target, post),
                    false if self.vouches(index) => Call::Read(target, post, since),
                    false => Call::CheckBefore(target, post, since),
                };
            }
            // Chosen some steps ago: the bucket may have left since.
            Call::Write(shard, post) => {
                if !self.shards[shard].serves() {
                    self.retry(index, Call::Write(1 - shard, post));
                    return;
                }
                let value = (!self.chance(20)).then_some(self.next_value);
                self.next_value += 1;
                let own = &mut self.shards[shard];
                own.rows[post] = value;
                if own
                    .holding
                    .is_some_and(|held| held.state == HoldingState::Followed)
                {
                    own.changes.push(post);
                }
                self.history[post].push(value);
                self.writes += 1;
                self.processes[index].attempt = 0;
            }
            Call::Read(shard, post, since) => {
                let found = self.shards[shard].rows[post];
                if self.vouches(index) {
                    self.check(post, since, found);
                } else {
                    self.processes[index].call = Call::CheckBefore(shard, post, since);
                }
            }
            Call::CheckBefore(shard, post, since) => match self.shards[shard].served() {
                Some(token) => {
                    self.processes[index].call = Call::CheckedRead(shard, post, since, token);
                }
                None => self.retry(index, Call::CheckBefore(1 - shard, post, since)),
            },
            Call::CheckedRead(shard, post, since, token) => {
                let found = self.shards[shard].rows[post];
                self.processes[index].call = Call::CheckAfter(shard, post, since, token, found);
            }
            Call::CheckAfter(shard, post, since, token, found) => {
                if self.shards[shard].served() == Some(token) {
                    self.check(post, since, found);
                    self.processes[index].attempt = 0;
                } else {
                    self.retry(index, Call::CheckBefore(1 - shard, post, since));
                }
            }
        }
    }

    /// As a process does before and after a read: its map is fresh, and has no move.
    fn vouches(&self, index: usize) -> bool {
        let process = &self.processes[index];
        self.now - process.confirmed <= TRUSTED && process.map.moving.is_none()
    }

    fn retry(&mut self, index: usize, call: Call) {
        let process = &mut self.processes[index];
        process.attempt += 1;
        (process.map, process.confirmed) = (self.map, self.now);
        process.call = call;
    }

    /// A read returns no value older than the newest at its start.
    fn check(&self, post: usize, since: usize, found: Option<u64>) {
        assert!(
            self.history[post][since..].contains(&found),
            "post {post} was {found:?}, since then {:?}",
            &self.history[post][since..]
        );
    }

    fn step(&mut self) {
        self.now += 1;
        match self.rng.random_range(0..10) {
            0..4 => {
                let index = self.rng.random_range(0..self.processes.len());
                self.step_process(index);
            }
            4..9 if !self.movers.is_empty() => {
                let index = self.rng.random_range(0..self.movers.len());
                // A crash between two steps.
                if self.chance(2) {
                    self.movers.remove(index);
                } else {
                    self.step_mover(index);
                }
            }
            _ if self.map.moving == Some(false)
                && (self.movers.is_empty() || self.movers.len() < 2 && self.chance(5)) =>
            {
                let mover = self.start_mover();
                self.movers.push(mover);
            }
            _ => self.administer(),
        }
        let serving = self.shards.iter().filter(|shard| shard.serves()).count();
        assert!(serving <= 1, "both shards serve the bucket");
    }

    /// Finishes the move in progress with one mover.
    fn finish(&mut self) {
        for _ in 0..100_000 {
            self.now += 1;
            match self.map.moving {
                None => break,
                Some(true) => self.administer(),
                Some(false) => {
                    if self.movers.is_empty() {
                        let mover = self.start_mover();
                        self.movers.push(mover);
                    }
                    self.step_mover(0);
                }
            }
        }
        assert!(self.map.moving.is_none(), "the move does not end");
        for (post, history) in self.history.iter().enumerate() {
            let [here, there] = [self.map.owner, 1 - self.map.owner].map(|own| &self.shards[own]);
            assert_eq!(Some(&here.rows[post]), history.last(), "post {post}");
            assert_eq!(there.rows[post], None, "post {post} is on both shards");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn no_write_is_lost_and_no_read_is_stale(seed in any::<u64>()) {
        let mut world = World::new(seed);
        for _ in 0..4_000 {
            world.step();
        }
        world.finish();
    }
}

/// Guards against a simulation without moves or writes.
#[test]
fn simulation_moves_the_bucket_under_load() {
    let mut world = World::new(1);
    for _ in 0..20_000 {
        world.step();
    }
    world.finish();
    assert!(world.moves > 5, "{} moves", world.moves);
    assert!(world.writes > 1_000, "{} writes", world.writes);
}
