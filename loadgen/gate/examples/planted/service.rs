//! HTTP service with planted faults. Its settings are environment variables.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Faults of a service.
#[derive(Debug, Clone)]
pub(crate) struct Planted {
    /// CPU time of a request, in steps of arithmetic.
    pub(crate) work: u64,
    /// Wait of a request for a store.
    pub(crate) wait: Duration,
    /// Memory leaked by a request, in bytes.
    pub(crate) leak_bytes: usize,
    /// Time from the start after which a request ends the process with exit code 3. `None` for never.
    pub(crate) die_after: Option<Duration>,
    /// Status of every response.
    pub(crate) status: u16,
    /// Body of every response; `time` for a body that always differs.
    pub(crate) body: String,
    /// Value of `PLANTED_MARK`, by which a test finds its processes.
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
    /// Returns the command that starts the service in the example named `example` of the running test's package.
    ///
    /// # Panics
    /// Panics if the example is not built. Cargo builds examples along with tests.
    pub(crate) fn command(&self, example: &str) -> String {
        let test = std::env::current_exe().expect("a test knows its binary");
        let profile = test
            .ancestors()
            .nth(2)
            .expect("tests are in target/PROFILE/deps");
        let binary = profile.join("examples").join(example);
        assert!(
            binary.exists(),
            "{} is missing: run cargo build --examples",
            binary.display()
        );
        let die_after = self.die_after.map_or(0, |after| after.as_millis());
        format!(
            "PLANTED_PORT={{port}} PLANTED_ADMIN={{admin_port}} PLANTED_WORK={} PLANTED_WAIT_US={} \
             PLANTED_LEAK_BYTES={} PLANTED_DIE_AFTER_MS={die_after} PLANTED_STATUS={} PLANTED_BODY='{}' \
             PLANTED_MARK='{}' exec '{}'",
            self.work,
            self.wait.as_micros(),
            self.leak_bytes,
            self.status,
            self.body,
            self.mark,
            binary.display()
        )
    }

    /// Serves until the process is killed, with the faults that the environment describes.
    ///
    /// # Panics
    /// Panics if `PLANTED_PORT` is missing, or the port is in use.
    pub(crate) fn serve_from_environment() {
        let variable = |name: &str| std::env::var(name).unwrap_or_default();
        let number = |name: &str| variable(name).parse::<u64>().unwrap_or(0);
        let port = variable("PLANTED_PORT")
            .parse()
            .expect("PLANTED_PORT is a port");
        let planted = Self {
            work: number("PLANTED_WORK"),
            wait: Duration::from_micros(number("PLANTED_WAIT_US")),
            leak_bytes: number("PLANTED_LEAK_BYTES") as usize,
            die_after: Some(number("PLANTED_DIE_AFTER_MS"))
                .filter(|after| *after > 0)
                .map(Duration::from_millis),
            status: number("PLANTED_STATUS") as u16,
            body: variable("PLANTED_BODY"),
            mark: String::new(),
        };
        let bind = |port: u16| TcpListener::bind(("127.0.0.1", port)).expect("the port is free");
        let service = Arc::new(Service::new(planted));
        if let Ok(port) = variable("PLANTED_ADMIN").parse() {
            let (listener, service) = (bind(port), Arc::clone(&service));
            std::thread::spawn(move || accept(&listener, &service, Service::metrics));
        }
        accept(&bind(port), &service, Service::answer);
    }

    /// Serves in this process until it exits, and returns the URL.
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

    /// Renders metrics. Allocations are proportional to the CPU time.
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
            // A client that disconnects ends only its own thread.
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
