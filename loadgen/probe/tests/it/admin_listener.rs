//! The probe against admin listeners of every kind, over real sockets.

#![expect(
    clippy::unwrap_used,
    reason = "the lint exempts tests, but not their shared functions"
)]

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::GzEncoder;
use tenfold_probe::{AdminListener, HostSampler, Metrics, ProbeError, Target, profile};

/// Serves every connection with `respond`, which gets the path of the request, until the test ends.
fn serve(respond: impl Fn(&str, &mut TcpStream) + Send + Sync + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let respond = Arc::new(respond);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let respond = respond.clone();
            std::thread::spawn(move || {
                let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
                let Some(Ok(request)) = lines.next() else {
                    return;
                };
                for line in lines.by_ref() {
                    if line.is_ok_and(|line| line.is_empty()) {
                        break;
                    }
                }
                let path = request.split(' ').nth(1).unwrap_or_default().to_owned();
                let mut stream = stream;
                respond(&path, &mut stream);
            });
        }
    });
    address
}

fn respond(stream: &mut TcpStream, status: &str, headers: &str, body: &[u8]) {
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n{headers}\r\n",
        body.len()
    );
    let _ = stream.write_all(head.as_bytes());
    let _ = stream.write_all(body);
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Returns a profile of one function `f` with 7 samples of 10 ms, encoded by hand rather than by the code under test.
fn tiny_profile() -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut field = |number: u8, content: &[u8]| {
        bytes.extend([number << 3 | 2, content.len() as u8]);
        bytes.extend(content);
    };
    field(1, &[0x08, 1, 0x10, 2]); // sample_type: samples/count
    field(2, &[0x0a, 1, 1, 0x12, 1, 7]); // sample: packed location 1, packed value 7
    field(4, &[0x08, 1, 0x22, 2, 0x08, 1]); // location 1: line: function 1
    field(5, &[0x08, 1, 0x10, 3]); // function 1: name 3
    for text in ["", "samples", "count", "f", "cpu", "nanoseconds"] {
        field(6, text.as_bytes());
    }
    field(11, &[0x08, 4, 0x10, 5]); // period_type: cpu/nanoseconds
    bytes.extend([12 << 3, 0x80, 0xad, 0xe2, 0x04]); // period: 10,000,000
    gzip(&bytes)
}

fn listener(url: impl ToString) -> AdminListener {
    AdminListener::from(url.to_string().as_str())
}

#[test]
fn connects_to_fixed_addresses_by_name() {
    let admin = serve(|path, stream| {
        assert_eq!(path, "/admin/metrics");
        respond(stream, "200 OK", "", b"a_total 3\n");
    });
    // `.invalid` never resolves (RFC 6761).
    let admin = listener("http://a.invalid/admin").with_addresses(vec![admin]);
    let metrics = Metrics::scrape(&admin.join("/metrics")).unwrap();
    assert_eq!(metrics.counter_sum("a_total"), Some(3));
}

#[test]
fn does_not_follow_redirects() {
    let other = serve(|_, stream| respond(stream, "200 OK", "", b"a_total 3\n"));
    let headers = format!("location: http://{other}/metrics\r\n");
    let admin = serve(move |_, stream| respond(stream, "302 Found", &headers, b""));
    match Metrics::scrape(&listener(admin)) {
        Err(ProbeError::Status { status: 302, .. }) => {}
        other => panic!("{other:?}"),
    }
}

#[test]
fn scrapes_metrics() {
    let admin = serve(|path, stream| {
        assert_eq!(path, "/metrics");
        respond(
            stream,
            "200 OK",
            "",
            b"a_total{x=\"1\"} 1\na_total{x=\"2\"} 2\n",
        );
    });
    let metrics = Metrics::scrape(&listener(format!("http://{admin}"))).unwrap();
    assert_eq!(metrics.counter_sum("a_total"), Some(3));
}

#[test]
fn distinguishes_kinds_of_failure() {
    let absent = serve(|_, stream| respond(stream, "404 Not Found", "", b"no such page\nat all"));
    match Metrics::scrape(&listener(absent.to_string())) {
        Err(ProbeError::Status {
            status: 404, body, ..
        }) => assert_eq!(body, "no such page"),
        other => panic!("{other:?}"),
    }

    let page = serve(|_, stream| respond(stream, "200 OK", "", b"<html></html>"));
    let error = Metrics::scrape(&listener(page.to_string())).unwrap_err();
    assert!(
        matches!(error, ProbeError::NotMetrics { line: 1, .. }),
        "{error}"
    );

    let garbage = serve(|_, stream| {
        let _ = stream.write_all(b"SSH-2.0-OpenSSH_9.2\r\n");
    });
    let error = Metrics::scrape(&listener(garbage.to_string())).unwrap_err();
    assert!(
        matches!(
            error,
            ProbeError::Unreachable { .. } | ProbeError::Address { .. }
        ),
        "{error:?}"
    );

    let cut = serve(|_, stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\na 1\n");
    });
    let error = Metrics::scrape(&listener(cut.to_string())).unwrap_err();
    assert!(matches!(error, ProbeError::Unreachable { .. }), "{error:?}");

    // Bound and dropped, so that nothing listens there. No other test uses this address.
    let down = TcpListener::bind("127.0.0.9:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let error = Metrics::scrape(&listener(down.to_string())).unwrap_err();
    assert!(matches!(error, ProbeError::Unreachable { .. }), "{error:?}");
    assert!(error.to_string().contains(&down.to_string()), "{error}");

    let error = Metrics::scrape(&listener("https://127.0.0.1:1/metrics")).unwrap_err();
    assert!(error.to_string().contains("plain http"), "{error}");
    assert!(Metrics::scrape(&listener("http://a b/")).is_err());
    assert!(Metrics::scrape(&listener("")).is_err());
}

#[test]
fn scrape_of_a_hung_listener_times_out() {
    let hung = serve(|_, stream| {
        // A slow stream of bytes must not keep the probe waiting either.
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n");
        for _ in 0..100 {
            let _ = stream.write_all(b"#");
            std::thread::sleep(Duration::from_millis(100));
        }
    });
    let began = Instant::now();
    let error = Metrics::scrape(&listener(hung.to_string())).unwrap_err();
    assert!(matches!(error, ProbeError::Timeout { .. }), "{error:?}");
    assert!(
        began.elapsed() < Duration::from_secs(7),
        "{:?}",
        began.elapsed()
    );
}

#[test]
fn hung_listener_does_not_delay_the_sampler() {
    let hung = serve(|_, _| std::thread::sleep(Duration::from_secs(10)));
    let sampler = HostSampler::start(Target::Metrics(listener(hung)), Instant::now());
    let began = Instant::now();
    let timeline = sampler.stop();
    assert!(
        began.elapsed() < Duration::from_secs(2),
        "{:?}",
        began.elapsed()
    );
    assert_eq!(timeline.samples[0].target_cpu_ns, None);
}

#[test]
fn samples_a_remote_target_through_its_metrics() {
    let scrapes = AtomicU64::new(0);
    let admin = serve(move |_, stream| {
        let second = scrapes.fetch_add(1, Ordering::Relaxed);
        let body = format!(
            "process_cpu_seconds_total {}\nprocess_resident_memory_bytes 4096\n",
            100.0 + second as f64 * 0.25
        );
        respond(stream, "200 OK", "", body.as_bytes());
    });
    let sampler = HostSampler::start(Target::Metrics(listener(admin)), Instant::now());
    std::thread::sleep(Duration::from_millis(100));
    let timeline = sampler.stop();
    assert_eq!(timeline.samples.len(), 1);
    assert_eq!(timeline.samples[0].target_cpu_ns, Some(250_000_000));
    assert_eq!(timeline.samples[0].target_memory_bytes, Some(4096));
}

#[test]
fn captures_a_profile_and_its_expected_samples() {
    let start = Instant::now();
    std::thread::sleep(Duration::from_millis(20));
    let admin = serve(|path, stream| match path {
        "/debug/pprof/profile?seconds=1&hz=99" => respond(
            stream,
            "200 OK",
            "Tenfold-Profile-Hz: 99\r\nTenfold-Profile-CPU-Seconds: 0.125\r\n",
            &tiny_profile(),
        ),
        _ => respond(stream, "404 Not Found", "", b""),
    });
    let captured = profile::capture(&listener(format!("http://{admin}/")), 1, 99, start).unwrap();
    assert_eq!(captured.info.captured, 7);
    assert_eq!(captured.info.hz, 99.0);
    assert_eq!(captured.info.cpu_s, Some(0.125));
    assert_eq!(captured.info.expected, Some(0.125 * 99.0));
    assert!(captured.info.start_ns >= 20_000_000);
    assert!(captured.info.duration_ns > 0);
    assert_eq!(captured.encoded, tiny_profile());
    assert_eq!(profile::top(&captured.profile, 5)[0].name, "f");
}

#[test]
fn captures_a_foreign_profile_with_its_metrics() {
    let scrapes = AtomicU64::new(0);
    let admin = serve(move |path, stream| {
        if path == "/metrics" {
            let seconds = 1.0 + 0.5 * scrapes.fetch_add(1, Ordering::Relaxed) as f64;
            let body = format!("process_cpu_seconds_total {seconds}\n");
            respond(stream, "200 OK", "", body.as_bytes());
        } else {
            respond(stream, "200 OK", "", &tiny_profile());
        }
    });
    let captured = profile::capture(&listener(admin.to_string()), 1, 99, Instant::now()).unwrap();
    // The target samples at its own rate, which is in the profile.
    assert_eq!(captured.info.hz, 100.0);
    assert_eq!(captured.info.cpu_s, Some(0.5));
    assert_eq!(captured.info.expected, Some(50.0));

    let silent = serve(|path, stream| match path {
        "/metrics" => respond(stream, "404 Not Found", "", b""),
        _ => respond(stream, "200 OK", "", &tiny_profile()),
    });
    let captured = profile::capture(&listener(silent.to_string()), 1, 99, Instant::now()).unwrap();
    assert_eq!(captured.info.cpu_s, None);
    assert_eq!(captured.info.expected, None);
}

#[test]
fn refuses_other_responses() {
    let busy = serve(|_, stream| {
        respond(
            stream,
            "409 Conflict",
            "",
            b"another profile is in progress",
        );
    });
    let error = profile::capture(&listener(busy.to_string()), 1, 99, Instant::now()).unwrap_err();
    assert!(
        matches!(error, ProbeError::Status { status: 409, .. }),
        "{error:?}"
    );
    assert!(error.to_string().contains("in progress"), "{error}");

    let page = serve(|_, stream| respond(stream, "200 OK", "", b"<html></html>"));
    let error = profile::capture(&listener(page.to_string()), 1, 99, Instant::now()).unwrap_err();
    assert!(error.to_string().contains("not gzip"), "{error}");

    let other = serve(|_, stream| respond(stream, "200 OK", "", &gzip(b"<html></html>")));
    let error = profile::capture(&listener(other.to_string()), 1, 99, Instant::now()).unwrap_err();
    assert!(matches!(error, ProbeError::NotProfile { .. }), "{error:?}");
}
