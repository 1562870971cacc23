//! Process that the other tests profile. Ends by itself after a minute.
//!
//! Usage: `tenfold-profiled-target burn|wait|children|burn-briefly`.

#![expect(clippy::unwrap_used, reason = "a failed step fails the test")]

use std::hint::black_box;
use std::io::{Read, pipe};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// Time after which it ends by itself.
const LIFE: Duration = Duration::from_secs(60);

/// Length of each wait.
const WAIT: Duration = Duration::from_millis(15);

fn main() {
    let work = std::env::args().nth(1).unwrap();
    let end = Instant::now() + LIFE;
    let going = move || Instant::now() < end;
    match work.as_str() {
        "burn" => {
            while going() {
                burn_in_a_named_function();
            }
        }
        "wait" => wait(going),
        "children" => {
            while going() {
                let mut child = Command::new(std::env::current_exe().unwrap())
                    .arg("burn-briefly")
                    .stdout(Stdio::null())
                    .spawn()
                    .unwrap();
                child.wait().unwrap();
                let burner = thread::Builder::new().name("brief-1".to_owned());
                burner
                    .spawn(burn_in_a_named_function)
                    .unwrap()
                    .join()
                    .unwrap();
            }
        }
        "burn-briefly" => burn_in_a_named_function(),
        other => panic!("no work {other}"),
    }
}

/// Some 20 ms of work.
#[inline(never)]
fn burn_in_a_named_function() {
    let end = Instant::now() + Duration::from_millis(20);
    let mut sum = 0_u64;
    while Instant::now() < end {
        for n in 0..20_000_u64 {
            sum = black_box(sum.wrapping_mul(31).wrapping_add(n));
        }
    }
    black_box(sum);
}

fn wait(going: impl Fn() -> bool + Copy + Send + 'static) {
    let lock = Arc::new(Mutex::new(()));
    let (mut reader, mut writer) = pipe().unwrap();
    let holder = Arc::clone(&lock);
    let mut threads = vec![
        run("sleeper", move || {
            while going() {
                sleep_in_a_named_function();
            }
        }),
        run("reader", move || {
            while going() {
                read_in_a_named_function(&mut reader);
            }
        }),
        run("writer", move || {
            while going() {
                thread::sleep(WAIT);
                std::io::Write::write_all(&mut writer, b"x").unwrap();
            }
        }),
        run("locker", move || {
            while going() {
                lock_in_a_named_function(&lock);
            }
        }),
    ];
    threads.push(run("holder", move || {
        while going() {
            let held = holder.lock().unwrap();
            thread::sleep(WAIT);
            drop(held);
            // Long enough for the other thread to get it.
            thread::sleep(Duration::from_millis(1));
        }
    }));
    for thread in threads {
        thread.join().unwrap();
    }
}

fn run(name: &str, work: impl FnOnce() + Send + 'static) -> thread::JoinHandle<()> {
    thread::Builder::new()
        .name(name.to_owned())
        .spawn(work)
        .unwrap()
}

#[inline(never)]
fn sleep_in_a_named_function() {
    thread::sleep(WAIT);
    black_box(());
}

#[inline(never)]
fn read_in_a_named_function(reader: &mut impl Read) {
    reader.read_exact(&mut [0]).unwrap();
    black_box(());
}

#[inline(never)]
fn lock_in_a_named_function(lock: &Mutex<()>) {
    drop(lock.lock().unwrap());
    black_box(());
}
