//! `tenfold run`: wrong flags, dead targets, Ctrl-C.

use crate::support;

use std::process::Stdio;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use support::{Ended, Workplace, light_scenario, read_json};

#[test]
fn reports_dead_target_within_a_second() {
    let place = Workplace::new();
    // No other test uses this address, so none takes the port.
    let listener = std::net::TcpListener::bind("127.0.0.9:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    drop(listener);
    let started = Instant::now();
    let target = format!("http://{address}");
    let ended = place
        .run(&["run", "steady", "--target", &target, "--out", "run"])
        .expect(107);
    assert!(
        started.elapsed() < Duration::from_secs(3),
        "{:?}",
        started.elapsed()
    );
    assert!(ended.stderr.contains(&address), "{}", ended.stderr);
    assert!(
        !place.path("run").exists(),
        "a run that sent nothing leaves no directory"
    );
}

#[test]
fn check_sends_and_writes_nothing() {
    let place = Workplace::new();
    let ended = place.run(&["run", "uneven", "--check"]).expect(0);
    for word in ["read post", "create post", "warm-up"] {
        assert!(
            ended.stdout.contains(word),
            "{word} is missing:\n{}",
            ended.stdout
        );
    }
    assert_eq!(std::fs::read_dir(place.path(".")).unwrap().count(), 0);
    place
        .run(&["run", "uneven", "--check", "--json"])
        .expect(0)
        .json();
}

#[test]
fn check_rejects_what_run_rejects() {
    let place = Workplace::new();
    let data = "\n[data.people]\nfile = \"people.csv\"\n";
    let scenario = light_scenario("1/s", "1s") + data;
    place.write("fifo.toml", &scenario);
    let made = std::process::Command::new("mkfifo")
        .arg(place.path("people.csv"))
        .status();
    assert!(made.unwrap().success());
    for (scenario, target, expected) in [
        ("uneven", "ftp://127.0.0.1", "it must begin with http://"),
        ("uneven", "http://user:pass@127.0.0.1", "--auth-basic-file"),
        ("uneven", "http://127.0.0.1:99999", "port"),
        ("fifo.toml", "http://127.0.0.1", "it is a named pipe"),
    ] {
        let ended = place
            .run(&["run", scenario, "--check", "--target", target])
            .expect(104);
        assert!(
            ended.stderr.contains(expected),
            "{target}:\n{}",
            ended.stderr
        );
    }
    let permission = ["--target", "http://198.51.100.7", "--i-may-test-this-host"];
    for (arguments, expected) in [
        (&permission[..2], "--i-may-test-this-host"),
        (&["--target", "http://[2001:db8::1]:81"], "2001:db8::1"),
        (
            &[
                "--target",
                "http://127.0.0.1",
                "--admin",
                "http://198.51.100.7",
            ],
            "198.51.100.7",
        ),
        (&["--export", "csv=nope/x.csv"], "nope is no directory"),
    ] {
        let ended = place
            .run(&[&["run", "uneven", "--check"], arguments].concat())
            .expect(104);
        assert!(
            ended.stderr.contains(expected),
            "{expected}:\n{}",
            ended.stderr
        );
    }
    // With permission it is checked, and the permission is not remembered.
    let granted = [
        &["run", "uneven", "--check"],
        &permission[..],
        &["198.51.100.7"],
    ]
    .concat();
    let ended = place.run(&granted).expect(0);
    assert!(!ended.stderr.contains("from now on"), "{}", ended.stderr);
    place.run(&granted[..granted.len() - 2]).expect(104);
}

#[test]
fn rejects_wrong_flags_and_files() {
    let place = Workplace::new();
    let misspelt = light_scenario("1/s", "1s").replace("[[phases]]", "[[phasse]]");
    place.write("broken.toml", &misspelt);
    for (arguments, expected) in [
        (vec!["run", "nowhere.toml"], "nowhere.toml"),
        (vec!["run", "stedy"], "steady"),
        (vec!["run", "broken.toml"], "phases"),
        (vec!["run", "steady", "--rate", "500"], "500/s"),
        (vec!["run", "steady", "-d", "30"], "30s"),
        (vec!["run", "steady", "--target", "localhost"], "http://"),
        (vec!["run", "steady", "--stage", "singel-box"], "single-box"),
        (vec!["run", "steady", "--users", "0"], "users"),
        (vec!["rnu"], "rnu"),
    ] {
        let ended = place.run(&arguments).expect(104);
        assert!(
            ended.stderr.contains(expected),
            "{arguments:?}:\n{}",
            ended.stderr
        );
        assert!(!ended.stderr.contains("panicked"), "{}", ended.stderr);
    }
}

#[test]
fn public_target_needs_permission_before_sending() {
    let place = Workplace::new();
    // RFC 5737 and RFC 3849 reserve these addresses for documentation. They need no resolver, and a rejected
    // command opens no connection. This test never gives permission.
    for target in ["http://198.51.100.7", "http://[2001:db8::7]:8080"] {
        let ended = place
            .run(&["run", "steady", "--target", target, "--out", "run"])
            .expect(104);
        for expected in ["attack", "--i-may-test-this-host", "hosts.toml"] {
            assert!(ended.stderr.contains(expected), "{}", ended.stderr);
        }
    }
    for (admin, permitted) in [
        ("http://198.51.100.7:8081", "127.0.0.1"),
        ("http://127.0.0.1:1", "198.51.100.7"),
        ("http://127.0.0.1:1", "*"),
    ] {
        let ended = place
            .run(&[
                "run",
                "steady",
                "--target",
                "http://127.0.0.1:1",
                "--admin",
                admin,
                "--i-may-test-this-host",
                permitted,
            ])
            .expect(104);
        assert!(
            ended.stderr.contains("--i-may-test-this-host"),
            "{}",
            ended.stderr
        );
    }
    assert_eq!(std::fs::read_dir(place.path(".")).unwrap().count(), 0);
}

#[test]
fn never_overwrites_another_run() {
    let place = Workplace::new();
    std::fs::create_dir(place.path("run")).unwrap();
    place.write("run/kept", "precious");
    let service = place.serve(&["--empty"]);
    place.write("light.toml", &light_scenario("100/s", "1s"));
    let url = service.url();
    let ended = place
        .run(&["run", "light.toml", "--target", &url, "--out", "run"])
        .expect(104);
    assert!(ended.stderr.contains("--out"), "{}", ended.stderr);
}

#[test]
fn interrupt_keeps_measurements() {
    let place = Workplace::new();
    let service = place.serve(&["--empty"]);
    place.write("light.toml", &light_scenario("200/s", "60s"));
    let (url, admin) = (service.url(), service.admin_url());
    let started = Instant::now();
    let running = place
        .tenfold(&[
            "run",
            "light.toml",
            "--target",
            &url,
            "--admin",
            &admin,
            "--out",
            "run",
        ])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    std::thread::sleep(Duration::from_secs(3));
    kill_process(Pid::from_child(&running), Signal::INT).unwrap();
    let ended = Ended::of(running.wait_with_output().unwrap()).expect(105);
    let says = "ended early: interrupted";
    assert!(ended.stdout.contains(says), "{}", ended.stdout);
    let page = std::fs::read_to_string(place.path("run/report.html")).unwrap();
    assert!(page.contains(says));
    assert!(
        started.elapsed() < Duration::from_secs(15),
        "{:?}",
        started.elapsed()
    );
    let summary = read_json(&place.path("run/summary.json"));
    let sent = summary.pointer("/arrivals/sent").unwrap().as_u64().unwrap();
    assert!((100..1_000).contains(&sent), "{sent} sent");
    for identity in summary["identities"].as_array().unwrap() {
        assert_ne!(identity["holds"], false, "{identity:#}");
    }
}

#[test]
fn interrupt_before_first_arrival_leaves_no_files() {
    let place = Workplace::new();
    // It accepts connections, but never responds to the first log-in.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let target = format!("http://{}", listener.local_addr().unwrap());
    let running = place
        .tenfold(&["run", "uneven", "--target", &target, "--out", "run"])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    std::thread::sleep(Duration::from_secs(1));
    kill_process(Pid::from_child(&running), Signal::INT).unwrap();
    let ended = Ended::of(running.wait_with_output().unwrap()).expect(105);
    assert!(
        ended.stderr.contains("nothing was measured"),
        "{}",
        ended.stderr
    );
    assert!(!place.path("run").exists());
}

#[test]
fn missed_objective_exits_99() {
    let place = Workplace::new();
    let service = place.serve(&["--empty"]);
    let scenario = light_scenario("200/s", "2s").replace("errors < 1%", "mean < 1ns");
    place.write("light.toml", &scenario);
    let url = service.url();
    let ended = place
        .run(&["run", "light.toml", "--target", &url, "--out", "run"])
        .expect(99);
    assert!(ended.stdout.contains("mean < 1ns"), "{}", ended.stdout);
}

#[test]
fn runs_journeys_of_closed_model() {
    let place = Workplace::new();
    let run = [
        "run", "journey", "-d", "6s", "-u", "10", "--json", "--out", "run",
    ];
    let summary = place.run(&run).json();
    assert_eq!(summary["model"], "closed");
    assert_eq!(
        summary.pointer("/arrivals/failed").unwrap(),
        0,
        "{summary:#}"
    );
    assert!(
        summary
            .pointer("/arrivals/completed")
            .unwrap()
            .as_u64()
            .unwrap()
            > 20
    );
    for identity in summary["identities"].as_array().unwrap() {
        assert_ne!(identity["holds"], false, "{identity:#}");
    }
}

#[test]
fn doctor_describes_this_machine() {
    let place = Workplace::new();
    let text = place.run(&["doctor"]).expect(0).stdout;
    let json = place.run(&["doctor", "--json"]).expect(0).json();
    let checks = json["checks"].as_array().unwrap();
    for check in checks {
        let (name, value) = (&check["name"], check["value"].as_str().unwrap());
        let standing = check["standing"].as_str().unwrap();
        assert!(["good", "poor", "unknown"].contains(&standing), "{check}");
        assert_eq!(check["advice"].is_null(), standing != "poor", "{check}");
        // Load and free memory change between the two calls.
        if name != "load average" && name != "memory" {
            let line = format!("{:<20} {value}", name.as_str().unwrap());
            assert!(text.contains(&line), "{line} is missing in:\n{text}");
        }
    }
    let value_of = |name: &str| {
        let check = checks.iter().find(|check| check["name"] == name).unwrap();
        check["value"].as_str().unwrap().to_owned()
    };
    let of_proc = |file: &str, name: &str| {
        let text = std::fs::read_to_string(format!("/proc/{file}")).unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        line.unwrap().trim().to_owned()
    };
    // Processors that the affinity permits. The quota of a control group may permit fewer.
    let permitted: u32 = of_proc("self/status", "Cpus_allowed:")
        .split(',')
        .map(|word| u32::from_str_radix(word, 16).unwrap().count_ones())
        .sum();
    let cores: u32 = value_of("cores").parse().unwrap();
    assert!((1..=permitted).contains(&cores), "{cores} of {permitted}");
    let total = of_proc("meminfo", "MemTotal:");
    let total_kib: u64 = total.trim_end_matches(" kB").parse().unwrap();
    let memory = value_of("memory");
    let free = memory.strip_prefix(&format!("{} MiB, ", total_kib >> 10));
    let free: u64 = free.unwrap().trim_end_matches(" MiB free").parse().unwrap();
    assert!((1..=total_kib >> 10).contains(&free), "{memory}");
    let components = json["components"].as_array().unwrap();
    for program in tenfold_lab::PROGRAMS {
        let row = components.iter().find(|row| row["program"] == program.name);
        let row = row.unwrap_or_else(|| panic!("{} has no row", program.name));
        assert_eq!(
            row["path"].as_str(),
            program.path().as_ref().and_then(|path| path.to_str()),
            "{row}"
        );
        assert!(text.contains(program.name), "{} in:\n{text}", program.name);
    }
}
