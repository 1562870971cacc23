//! Measures what the profiler costs the process that it profiles.
//!
//! A worker process serves requests over loopback to a client, so that it computes, allocates and switches. Rounds without a
//! profile, with one on the CPU, and with one on and off the CPU follow each other in turn. Prints the worker's CPU time a
//! request, and the CPU time of the profiler itself.
//!
//! `cargo run --profile dist -p tenfold-profiler --example overhead -- [ROUNDS [SECONDS]]`

#![expect(clippy::print_stdout, reason = "the output of a program")]

use std::error::Error;
use std::hint::black_box;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::sync::atomic::AtomicBool;
use std::thread;
use std::time::{Duration, Instant};

use rustix::time::ClockId;
use tenfold_profiler::{Options, profile};

/// Time between two requests of a client.
const INTERVAL: Duration = Duration::from_micros(500);

/// First byte of a request for the worker's CPU time.
const CPU_TIME: u8 = 2;

/// Clients, each with a connection and a thread of the worker.
const CLIENTS: usize = 2;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let first = arguments.next();
    if first.as_deref() == Some("serve") {
        return serve();
    }
    let rounds: usize = first.map_or(Ok(8), |text| text.parse())?;
    let seconds: u64 = arguments.next().map_or(Ok(5), |text| text.parse())?;
    let options = |off_cpu| Options {
        duration: Duration::from_secs(seconds),
        off_cpu,
        ..Options::default()
    };
    let ways = [
        ("no profile", None),
        ("on the CPU", Some(options(false))),
        ("on and off", Some(options(true))),
    ];

    let mut worker = Command::new(std::env::current_exe()?)
        .arg("serve")
        .stdout(Stdio::piped())
        .spawn()?;
    let mut port = [0; 5];
    let mut stdout = worker.stdout.take().ok_or("no output of the worker")?;
    stdout.read_exact(&mut port)?;
    let port: u16 = str::from_utf8(&port)?.trim().parse()?;

    let mut per_request = [const { Vec::new() }; 3];
    for round in 0..rounds {
        for turn in 0..ways.len() {
            let way = (round + turn) % ways.len();
            let (name, options) = &ways[way];
            let own_before = cpu_ns(ClockId::ThreadCPUTime);
            let before = worker_cpu_ns(port)?;
            let clients: Vec<_> = (0..CLIENTS)
                .map(|_| thread::spawn(move || request_for(port, Duration::from_secs(seconds))))
                .collect();
            let own = match options {
                Some(options) => {
                    let profile = profile(&[worker.id()], options, &AtomicBool::new(false))?;
                    format!(
                        "{} of {:.0} samples, {} waits of {}",
                        profile.on_cpu.captured,
                        profile.on_cpu.expected,
                        profile
                            .off_cpu
                            .as_ref()
                            .map_or(0, |off_cpu| off_cpu.captured),
                        profile
                            .off_cpu
                            .as_ref()
                            .map_or(0, |off_cpu| off_cpu.expected),
                    )
                }
                None => String::new(),
            };
            let mut requests = 0;
            for client in clients {
                requests += client.join().map_err(|_| "a client failed")??;
            }
            let us = (worker_cpu_ns(port)? - before) as f64 / 1e3 / requests as f64;
            let own_ms = (cpu_ns(ClockId::ThreadCPUTime) - own_before) as f64 / 1e6;
            println!(
                "{name:>10}: {us:.2} us of CPU a request, {requests} requests; profiler {own_ms:.0} ms; {own}"
            );
            per_request[way].push(us);
        }
    }
    worker.kill()?;
    worker.wait()?;
    let medians = per_request.map(median);
    println!(
        "\nmedians: {:.2}, {:.2}, {:.2} us",
        medians[0], medians[1], medians[2]
    );
    for (name, median) in ["on the CPU", "on and off"].iter().zip(&medians[1..]) {
        println!("{name}: {:+.2}%", (median / medians[0] - 1.0) * 100.0);
    }
    Ok(())
}

/// Sends requests at a steady rate. Returns their number.
fn request_for(port: u16, duration: Duration) -> std::io::Result<u64> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_nodelay(true)?;
    let begun = Instant::now();
    let mut requests = 0_u32;
    while begun.elapsed() < duration {
        stream.write_all(&[1; 64])?;
        stream.read_exact(&mut [0; 64])?;
        requests += 1;
        thread::sleep((INTERVAL * requests).saturating_sub(begun.elapsed()));
    }
    Ok(requests.into())
}

/// The worker: a thread for each connection, about 100 us of work a request.
fn serve() -> Result<(), Box<dyn Error>> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    println!("{:<5}", listener.local_addr()?.port());
    for stream in listener.incoming() {
        let mut stream = stream?;
        stream.set_nodelay(true)?;
        thread::spawn(move || {
            let mut request = [0; 64];
            while stream.read_exact(&mut request).is_ok() {
                if request[0] == CPU_TIME {
                    request[..8].copy_from_slice(&cpu_ns(ClockId::ProcessCPUTime).to_ne_bytes());
                    // If the answer can't be sent, the asker fails.
                    let _ = stream.write_all(&request);
                    break;
                }
                let words: Vec<String> = (0..200)
                    .map(|n: u64| format!("{:x}", black_box(n * n)))
                    .collect();
                black_box(words.concat());
                if stream.write_all(&request).is_err() {
                    break;
                }
            }
        });
    }
    Ok(())
}

/// CPU time by a clock of this process or thread, in nanoseconds.
fn cpu_ns(clock: ClockId) -> u64 {
    let time = rustix::time::clock_gettime(clock);
    u64::try_from(time.tv_sec).unwrap_or(0) * 1_000_000_000
        + u64::try_from(time.tv_nsec).unwrap_or(0)
}

/// Asks the worker for its CPU time, in nanoseconds.
fn worker_cpu_ns(port: u16) -> std::io::Result<u64> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.write_all(&[CPU_TIME; 64])?;
    let mut answer = [0; 64];
    stream.read_exact(&mut answer)?;
    let mut ns = [0; 8];
    ns.copy_from_slice(&answer[..8]);
    Ok(u64::from_ne_bytes(ns))
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    if values.len() % 2 == 1 {
        values[middle]
    } else {
        (values[middle - 1] + values[middle]) / 2.0
    }
}
