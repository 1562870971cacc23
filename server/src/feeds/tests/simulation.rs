//! Any interleaving: users post, delete, follow and unfollow while jobs run, step by step in a random order. Jobs are
//! killed between two steps, repeated, and left undone. Once all that must be done is done, the written feeds are the
//! computed ones.

use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use proptest::prelude::*;
use rand::RngExt;
use rand_pcg::Pcg64Mcg;

use super::*;
use crate::feeds::feed_page::{FeedPage, feed_page};

const USERS: i64 = 5;
const STEPS: usize = 600;

type Running = Pin<Box<dyn Future<Output = ()>>>;

/// Work that runs a step at a time, and what to do if it is killed.
struct Task {
    running: Running,
    /// The job, which is delivered again.
    job: Option<TaskKind>,
}

struct World {
    base: Arc<MemoryStore>,
    feeds: Arc<Feeds>,
    tasks: Vec<Task>,
    /// Jobs of the queue, which are delivered in any order and more than once.
    jobs: Vec<TaskKind>,
    rng: Pcg64Mcg,
    kills: u32,
    done: u32,
}

impl World {
    fn new(seed: u64, mode: FeedMode) -> Self {
        let base = Arc::new(MemoryStore::default());
        let feeds = Feeds::new(base.clone(), base.clone(), options(mode));
        feeds.note_posts();
        for number in 1..=USERS {
            let user = base.create_user(new_user(&format!("u{number}")));
            assert!(now(user).is_ok());
        }
        base.takes_turns.store(true, Ordering::Relaxed);
        Self {
            base,
            feeds: Arc::new(feeds),
            tasks: Vec::new(),
            jobs: Vec::new(),
            rng: Pcg64Mcg::new(u128::from(seed)),
            kills: 0,
            done: 0,
        }
    }

    fn user(&mut self) -> UserId {
        UserId(self.rng.random_range(1..=USERS))
    }

    fn chance(&mut self, percent: u32) -> bool {
        self.rng.random_range(0..100) < percent
    }

    fn spawn(&mut self, running: impl Future<Output = ()> + 'static) {
        let running = Box::pin(running);
        self.tasks.push(Task { running, job: None });
    }

    /// A user does something.
    fn act(&mut self) {
        let (user, other, base) = (self.user(), self.user(), self.base.clone());
        match self.rng.random_range(0..10) {
            0..4 => self.spawn(async move {
                // Its job is left to the note.
                base.create_post(new_post(user, "x")).await.unwrap();
            }),
            4..7 => self.spawn(async move {
                let _ = base.follow(user, other, Timestamp(1)).await;
            }),
            7 => self.spawn(async move {
                let _ = base.unfollow(user, other).await;
            }),
            8 => {
                let posts = now(base.posts_by(user, Page::new(None, 5))).unwrap();
                if let Some(post) = posts.last().map(|post| post.id) {
                    self.spawn(async move {
                        let _ = base.delete_post(user, post).await;
                    });
                }
            }
            _ => self.jobs.push(TaskKind::Write {
                user,
                version: self.rng.random_range(0..3),
            }),
        }
    }

    /// The queue delivers a job, or a sweep finds a note.
    fn deliver(&mut self) {
        let feeds = Arc::clone(&self.feeds);
        if self.chance(30) {
            self.spawn(async move {
                feeds.sweep().await.unwrap();
            });
            return;
        }
        if self.chance(10) {
            let author = self.user();
            self.spawn(async move {
                feeds.leave_popular(author).await.unwrap();
            });
            return;
        }
        if self.jobs.is_empty() {
            return;
        }
        let index = self.rng.random_range(0..self.jobs.len());
        let job = match self.chance(20) {
            true => self.jobs[index],
            false => self.jobs.swap_remove(index),
        };
        let running = Box::pin(async move {
            if let TaskKind::Write { user, .. } = job {
                feeds.write(user).await.unwrap();
            }
        });
        self.tasks.push(Task {
            running,
            job: Some(job),
        });
    }

    /// Lets a task take a step, or kills it.
    fn step(&mut self) {
        if self.tasks.is_empty() {
            return;
        }
        let index = self.rng.random_range(0..self.tasks.len());
        if self.chance(3) {
            let killed = self.tasks.swap_remove(index);
            self.jobs.extend(killed.job);
            self.kills += 1;
            return;
        }
        let mut context = Context::from_waker(Waker::noop());
        if self.tasks[index]
            .running
            .as_mut()
            .poll(&mut context)
            .is_ready()
        {
            drop(self.tasks.swap_remove(index));
            self.done += 1;
        }
    }

    fn run(&mut self) {
        for _ in 0..STEPS {
            match self.rng.random_range(0..10) {
                0 => self.act(),
                1 => self.deliver(),
                _ => self.step(),
            }
            // Whatever is under way, no feed shows what it must not.
            if self.chance(5) {
                self.no_feed_is_wrong();
            }
        }
    }

    /// Reads a feed as the service does. `None` if it is computed.
    fn written(&self, user: UserId, page: Page) -> Option<Vec<Post>> {
        let read = feed_page(self.feeds.table(), &*self.base, user, page);
        match now(read).unwrap() {
            FeedPage::Written(posts) => Some(posts.result().unwrap()),
            FeedPage::Stale { .. } => None,
        }
    }

    /// Every post in a feed is there, by somebody who is followed; and what is missing has a note.
    fn no_feed_is_wrong(&self) {
        let noted = now(self.base.noted_posts(Timestamp(i64::MAX), u32::MAX));
        let noted: BTreeSet<PostId> = noted.unwrap().iter().map(|note| note.post).collect();
        for user in (1..=USERS).map(UserId) {
            let page = Page::new(None, 100);
            let computed = now(self.base.feed(user, page)).unwrap();
            let Some(written) = self.written(user, page) else {
                continue;
            };
            let expected: Vec<&Post> = computed
                .iter()
                .filter(|post| written.contains(post) || !noted.contains(&post.id))
                .collect();
            let written: Vec<&Post> = written.iter().collect();
            assert_eq!(written, expected, "feed of {user}");
        }
    }

    /// Ends what runs, and works off notes. Then nothing may be missing.
    fn settle(&mut self) {
        while let Some(task) = self.tasks.pop() {
            now(task.running);
        }
        while now(self.feeds.sweep()).unwrap() > 0 {}
        for user in (1..=USERS).map(UserId) {
            for limit in [1, 3, 100] {
                let mut before = None;
                loop {
                    let page = Page::new(before, limit);
                    let computed = now(self.base.feed(user, page)).unwrap();
                    if let Some(written) = self.written(user, page) {
                        assert_eq!(written, computed, "feed of {user}, {page:?}");
                    }
                    before = computed.last().map(|post| post.id);
                    if computed.len() < limit as usize {
                        break;
                    }
                }
            }
        }
    }
}

/// Runs a future that waits for nothing but its turns.
fn now<T>(future: impl Future<Output = T>) -> T {
    let mut future = std::pin::pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    for _ in 0..100_000 {
        if let Poll::Ready(value) = future.as_mut().poll(&mut context) {
            return value;
        }
    }
    panic!("the future waits for something");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn written_feeds_are_the_computed_ones(seed in any::<u64>(), is_hybrid in any::<bool>()) {
        let mode = if is_hybrid { FeedMode::Hybrid } else { FeedMode::Write };
        let mut world = World::new(seed, mode);
        world.run();
        world.settle();
    }
}

/// Guards against a simulation in which nothing happens.
#[test]
fn simulation_writes_feeds_and_kills_jobs() {
    let mut world = World::new(1, FeedMode::Hybrid);
    for _ in 0..5 {
        world.run();
    }
    world.settle();
    assert!(world.kills > 10 && world.done > 100);
    let written = (1..=USERS).map(UserId);
    let written = written.filter(|user| world.written(*user, Page::new(None, 9)).is_some());
    assert!(written.count() > 0);
    assert!(world.feeds.counters.count(FeedEvent::Written) > 10);
}
