//! Cost of a point read of the SQLite store in three designs: on the async thread, on tokio's blocking threads,
//! and on dedicated threads behind a channel; idle and beside 400 writes/s.
//!
//! Run it with `cargo bench --profile dist -p tenfold-server --bench store_reads`. It also prints the time to load the default
//! data set.

#![expect(clippy::print_stdout, reason = "a bench prints its figures")]
#![expect(clippy::unwrap_used, reason = "a bench that fails has no figures")]

use std::cell::RefCell;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::time::{Duration, Instant};

use rand::RngExt;
use rand_pcg::Pcg64Mcg;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};
use rustix::time::{ClockId, clock_gettime};
use tenfold_server::data_set::DataSet;
use tenfold_server::model::{NewPost, PostId, Timestamp, UserId};
use tenfold_server::store::{Store, resolve};
use tokio::sync::oneshot;

const TASKS: usize = 32;
const WINDOW: Duration = Duration::from_secs(3);
const POST: &str = "\
    SELECT p.id, p.author_id, u.handle, p.content, p.html, p.created_at, p.updated_at, p.has_photo \
    FROM posts p JOIN users u ON u.id = p.author_id WHERE p.id = ?1";

#[derive(Clone)]
enum Design {
    AsyncThread(Arc<dyn Store>),
    BlockingThreads(Arc<Path>),
    DedicatedThreads(Arc<[SyncSender<Request>]>, Arc<AtomicUsize>),
}

type Request = (i64, oneshot::Sender<usize>);

impl Design {
    /// Reads a post and returns its size.
    async fn read(&self, id: i64) -> usize {
        match self {
            Self::AsyncThread(store) => {
                let post = store.post(PostId(id)).await.unwrap();
                post.content.len() + post.html.len()
            }
            Self::BlockingThreads(path) => {
                let path = Arc::clone(path);
                tokio::task::spawn_blocking(move || {
                    thread_local! {
                        static CONNECTION: RefCell<Option<Connection>> = const { RefCell::new(None) };
                    }
                    CONNECTION.with_borrow_mut(|connection| {
                        read(connection.get_or_insert_with(|| open(&path)), id)
                    })
                })
                .await
                .unwrap()
            }
            Self::DedicatedThreads(threads, next) => {
                let (sender, receiver) = oneshot::channel();
                let thread = next.fetch_add(1, Ordering::Relaxed) % threads.len();
                threads[thread].send((id, sender)).unwrap();
                receiver.await.unwrap()
            }
        }
    }
}

fn open(path: &Path) -> Connection {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).unwrap();
    connection
        .pragma_update(None, "mmap_size", 64_i64 << 30)
        .unwrap();
    // As in the store: without it, SQLite would plan each read again.
    let stable = DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG;
    connection.set_db_config(stable, true).unwrap();
    connection
}

fn read(connection: &Connection, id: i64) -> usize {
    let mut statement = connection.prepare_cached(POST).unwrap();
    let post = statement.query_row([id], |row| {
        let handle: String = row.get(2)?;
        let (content, html): (String, String) = (row.get(3)?, row.get(4)?);
        std::hint::black_box(handle);
        Ok(content.len() + html.len())
    });
    post.unwrap()
}

/// Starts threads that each read all queued requests in one transaction.
fn dedicated(path: &Path) -> Design {
    let threads = (0..2).map(|_| {
        let (sender, requests) = sync_channel::<Request>(1_024);
        let connection = open(path);
        std::thread::spawn(move || {
            while let Ok(first) = requests.recv() {
                let mut transaction = Some(connection.unchecked_transaction().unwrap());
                let mut next = Some(first);
                while let Some((id, sender)) = next {
                    let _ = sender.send(read(&connection, id));
                    next = requests.try_recv().ok();
                }
                drop(transaction.take());
            }
        });
        sender
    });
    Design::DedicatedThreads(threads.collect(), Arc::default())
}

fn cpu() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

async fn measure(name: &str, design: &Design, posts: i64) {
    let stop = Arc::new(AtomicBool::new(false));
    let (begun, cpu_begun) = (Instant::now(), cpu());
    let tasks: Vec<_> = (0..TASKS)
        .map(|task| {
            let (design, stop) = (design.clone(), Arc::clone(&stop));
            tokio::spawn(async move {
                let mut rng = Pcg64Mcg::new(task as u128);
                let (mut reads, mut bytes, mut waits_ns) = (0_u64, 0_usize, Vec::new());
                while !stop.load(Ordering::Relaxed) {
                    let sent = Instant::now();
                    bytes += design.read(rng.random_range(1..=posts)).await;
                    waits_ns.push(sent.elapsed().as_nanos() as u64);
                    reads += 1;
                    tokio::task::yield_now().await;
                }
                assert!(bytes as u64 > reads * 500);
                (reads, waits_ns)
            })
        })
        .collect();
    tokio::time::sleep(WINDOW).await;
    stop.store(true, Ordering::Relaxed);
    let (mut reads, mut waits_ns) = (0, Vec::new());
    for task in tasks {
        let (count, waits) = task.await.unwrap();
        reads += count;
        waits_ns.extend(waits);
    }
    let (took, used) = (begun.elapsed(), cpu() - cpu_begun);
    waits_ns.sort_unstable();
    let quantile = |q: f64| waits_ns[(waits_ns.len() as f64 * q) as usize] as f64 / 1e3;
    println!(
        "{name:<40} {:>8.0} reads/s {:>6.2} CPU us/read   p50 {:>6.1} us  p99 {:>7.1} us",
        reads as f64 / took.as_secs_f64(),
        used.as_secs_f64() * 1e6 / reads as f64,
        quantile(0.5),
        quantile(0.99),
    );
}

fn render(markdown: &str) -> String {
    let mut html = String::new();
    pulldown_cmark::html::push_html(&mut html, pulldown_cmark::Parser::new(markdown));
    ammonia::clean(&html)
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store.sqlite");
    let store = resolve(&format!("sqlite:{}", path.display()))
        .await
        .unwrap();
    let data_set = DataSet::default();
    let begun = Instant::now();
    let content = Arc::new(data_set.content("$argon2id$".to_owned(), render).unwrap());
    let generated = begun.elapsed();
    let loaded = store.load(Arc::clone(&content)).await.unwrap();
    let took = begun.elapsed();
    println!("generated in {generated:.2?}, loaded in {took:.2?}: {loaded:?}");
    let bytes: usize = content.posts().map(|post| post.content.len()).sum();
    println!(
        "{} bytes of content per post on average",
        bytes / data_set.posts as usize
    );
    let begun = Instant::now();
    assert!(store.load(content).await.unwrap().reused);
    println!("reused in {:.2?}", begun.elapsed());

    let posts = data_set.posts as i64;
    let designs = [
        (
            "on the async thread (the store)",
            Design::AsyncThread(Arc::clone(&store)),
        ),
        (
            "spawn_blocking",
            Design::BlockingThreads(path.clone().into()),
        ),
        ("2 dedicated threads, batched", dedicated(&path)),
    ];
    for writes in [false, true] {
        let stop = Arc::new(AtomicBool::new(false));
        let writer = writes.then(|| {
            println!("beside 400 writes/s (including their CPU):");
            tokio::spawn(write_steadily(Arc::clone(&store), Arc::clone(&stop)))
        });
        for _ in 0..2 {
            for (name, design) in &designs {
                measure(name, design, posts).await;
            }
        }
        stop.store(true, Ordering::Relaxed);
        if let Some(writer) = writer {
            writer.await.unwrap();
            println!("{:?}", store.write_stats());
        }
    }
    store.close().await;
}

async fn write_steadily(store: Arc<dyn Store>, stop: Arc<AtomicBool>) {
    let mut tick = tokio::time::interval(Duration::from_micros(2_500));
    while !stop.load(Ordering::Relaxed) {
        tick.tick().await;
        let store = Arc::clone(&store);
        tokio::spawn(async move {
            let post = NewPost {
                author: UserId(1),
                content: "x".repeat(1_000),
                html: "x".repeat(1_200),
                created_at: Timestamp(0),
            };
            store.create_post(post).await.unwrap();
        });
    }
}
