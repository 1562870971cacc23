//! A service with planted faults: what a test of a gate starts as a build. It is the test binary itself,
//! started anew with its settings in the environment.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// What a planted service does to a request.
#[derive(Debug, Clone)]
pub(crate) struct Planted {
    /// Steps of arithmetic: processor time.
    pub(crate) work: u64,
    /// How long it then waits for its store.
    pub(crate) wait: Duration,
    /// What it never gives back.
    pub(crate) leak_bytes: usize,
    /// The time from its start after which it ends itself, with exit code 3; none where it doesn't.
    pub(crate) die_after: Option<Duration>,
    /// The status of every answer.
    pub(crate) status: u16,
    /// The body of every answer; `time` for one that is never the same.
    pub(crate) body: String,
    /// Says in an environment who has started it.
    pub(crate) mark: String,
}

impl Default for Planted {
    fn default() -> Self {
        Self {
            work: 2_000,
            wait: Duration::ZERO,
            leak_bytes: 0,
            die_after: None,
            status: 200,
            body: "as always".to_owned(),
            mark: String::new(),
        }
    }
}

impl Planted {
    /// The command that starts it, through the test named `planted_server` of this binary.
    pub(crate) fn command(&self) -> String {
        let binary = std::env::current_exe().expect("a test knows its binary");
        let die_after = self.die_after.map_or(0, |after| after.as_millis());
        format!(
            "PLANTED_PORT={{port}} PLANTED_ADMIN={{admin_port}} PLANTED_WORK={} PLANTED_WAIT_US={} \
             PLANTED_LEAK_BYTES={} PLANTED_DIE_AFTER_MS={die_after} PLANTED_STATUS={} PLANTED_BODY='{}' \
             PLANTED_MARK='{}' exec '{}' planted_server --exact --ignored --nocapture",
            self.work,
            self.wait.as_micros(),
            self.leak_bytes,
            self.status,
            self.body,
            self.mark,
            binary.display()
        )
    }

    /// Serves as the environment says, for good; at once done where nobody asks for it.
    pub(crate) fn serve_from_environment() {
        let said = |name: &str| std::env::var(name).unwrap_or_default();
        let number = |name: &str| said(name).parse::<u64>().unwrap_or(0);
        let Ok(port) = said("PLANTED_PORT").parse::<u16>() else {
            return;
        };
        let planted = Self {
            work: number("PLANTED_WORK"),
            wait: Duration::from_micros(number("PLANTED_WAIT_US")),
            leak_bytes: number("PLANTED_LEAK_BYTES") as usize,
            die_after: Some(number("PLANTED_DIE_AFTER_MS"))
                .filter(|after| *after > 0)
                .map(Duration::from_millis),
            status: number("PLANTED_STATUS") as u16,
            body: said("PLANTED_BODY"),
            mark: String::new(),
        };
        let bind = |port: u16| TcpListener::bind(("127.0.0.1", port)).expect("the port is free");
        let service = Arc::new(Service::new(planted));
        if let Ok(port) = said("PLANTED_ADMIN").parse() {
            let (listener, service) = (bind(port), Arc::clone(&service));
            std::thread::spawn(move || accept(&listener, &service, Service::metrics));
        }
        accept(&bind(port), &service, Service::answer);
    }

    /// Serves in this process, until it ends; returns where.
    pub(crate) fn serve_here(self) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
        let address = listener.local_addr().expect("a listener has an address");
        let service = Arc::new(Service::new(self));
        std::thread::spawn(move || accept(&listener, &service, Service::answer));
        format!("http://{address}")
    }
}

struct Service {
    planted: Planted,
    started: Instant,
    answered: AtomicU64,
    waited_us: AtomicU64,
    leaked: Mutex<Vec<Vec<u8>>>,
}

impl Service {
    fn new(planted: Planted) -> Self {
        Self {
            planted,
            started: Instant::now(),
            answered: AtomicU64::new(0),
            waited_us: AtomicU64::new(0),
            leaked: Mutex::default(),
        }
    }

    fn answer(&self) -> (u16, String) {
        let planted = &self.planted;
        if planted
            .die_after
            .is_some_and(|after| self.started.elapsed() > after)
        {
            let _ = writeln!(std::io::stderr(), "the store is gone");
            std::process::exit(3);
        }
        let count = self.answered.fetch_add(1, Ordering::Relaxed);
        let worked = (0..planted.work).fold(count, |sum, step| std::hint::black_box(sum ^ step));
        std::hint::black_box(worked);
        if !planted.wait.is_zero() {
            let before = Instant::now();
            std::thread::sleep(planted.wait);
            let waited = before.elapsed().as_micros() as u64;
            self.waited_us.fetch_add(waited, Ordering::Relaxed);
        }
        if planted.leak_bytes > 0 {
            let leaked = vec![1; planted.leak_bytes];
            let all = self.leaked.lock();
            all.unwrap_or_else(PoisonError::into_inner).push(leaked);
        }
        let body = match planted.body.as_str() {
            "time" => format!("{:?}", self.started.elapsed()),
            body => body.to_owned(),
        };
        (planted.status, body)
    }

    /// What it tells of itself; allocations go with its work.
    fn metrics(&self) -> (u16, String) {
        let answered = self.answered.load(Ordering::Relaxed);
        let allocations = answered * (10 + self.planted.work / 1_000);
        let mut text = String::new();
        let _ = writeln!(text, "# TYPE process_heap_allocations_total counter");
        let _ = writeln!(text, "process_heap_allocations_total {allocations}");
        let waited_s = self.waited_us.load(Ordering::Relaxed) as f64 / 1e6;
        let _ = writeln!(text, "# TYPE component_wait_seconds summary");
        let _ = writeln!(
            text,
            "component_wait_seconds_sum{{component=\"store\"}} {waited_s}"
        );
        let _ = writeln!(
            text,
            "component_wait_seconds_count{{component=\"store\"}} {answered}"
        );
        (200, text)
    }
}

fn accept(listener: &TcpListener, service: &Arc<Service>, answer: fn(&Service) -> (u16, String)) {
    for stream in listener.incoming().flatten() {
        let service = Arc::clone(service);
        std::thread::spawn(move || {
            // Whoever goes away is not waited for.
            let _ = keep_alive(stream, || answer(&service));
        });
    }
}

fn keep_alive(stream: TcpStream, answer: impl Fn() -> (u16, String)) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut writer = stream.try_clone()?;
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    loop {
        loop {
            line.clear();
            if reader.read_line(&mut line)? == 0 {
                return Ok(());
            }
            if line == "\r\n" {
                break;
            }
        }
        let (status, body) = answer();
        let length = body.len();
        let head = format!("HTTP/1.1 {status} Planted\r\nContent-Length: {length}\r\n\r\n");
        writer.write_all(format!("{head}{body}").as_bytes())?;
    }
}
