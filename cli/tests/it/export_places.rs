//! Destinations of exports; unwritable ones are rejected before the run.

use crate::support;

use std::os::unix::fs::{FileTypeExt, symlink};

use rustix::fs::{CWD, FileType, Mode, mknodat};
use support::{Workplace, light_scenario, read_json};

#[test]
fn exports_to_files_links_pipes_and_stdout() {
    let place = Workplace::new();
    let service = place.serve(&["--empty"]);
    place.write("light.toml", &light_scenario("100/s", "1s"));
    let url = service.url();
    std::fs::create_dir(place.path("elsewhere")).unwrap();
    symlink("elsewhere/junit.xml", place.path("link.xml")).unwrap();
    mknodat(
        CWD,
        place.path("fifo"),
        FileType::Fifo,
        Mode::RUSR | Mode::WUSR,
        0,
    )
    .unwrap();
    let fifo = place.path("fifo");
    let reader = std::thread::spawn(move || std::fs::read_to_string(fifo).unwrap());
    let exports = "k6=-,junit=link.xml,csv=fifo,markdown=/dev/null";
    let run = [
        "run",
        "light.toml",
        "--target",
        &url,
        "--out",
        "run",
        "--export",
        exports,
    ];
    // A run this short may be invalid on a busy machine.
    let ended = place.run(&run);

    let k6 = ended.json();
    assert_eq!(k6.pointer("/metrics/http_reqs/count").unwrap(), 100);
    assert!(k6.pointer("/metrics/data_sent/count").unwrap().as_u64() > Some(1_000));
    for trend in ["blocked", "connecting", "waiting", "receiving"] {
        let median = k6.pointer(&format!("/metrics/http_req_{trend}/med"));
        let median = median.and_then(serde_json::Value::as_f64);
        assert!(median.is_some_and(|ms| ms >= 0.0), "{trend}: {k6:#}");
    }
    assert!(
        ended.stderr.contains("measurement "),
        "what people read gives way: {}",
        ended.stderr
    );
    let csv = reader.join().unwrap();
    assert!(csv.lines().count() >= 2, "{csv}");
    assert!(
        std::fs::symlink_metadata(place.path("link.xml"))
            .unwrap()
            .is_symlink()
    );
    assert!(place.path("elsewhere/junit.xml").exists());
    let null = std::fs::metadata("/dev/null").unwrap().file_type();
    assert!(null.is_char_device());

    // Standard output by the name of its file, here a pipe.
    let report = ["report", "run", "--export", "csv=/dev/stdout"];
    let ended = place.run(&report).expect(0);
    assert!(ended.stdout.lines().count() >= 2, "{}", ended.stdout);
    assert!(!ended.stdout.contains("measurement"), "{}", ended.stdout);

    for (arguments, expected) in [
        (
            vec!["report", "run", "--json", "--export", "csv=-"],
            "--json",
        ),
        (
            vec!["report", "run", "--export", "csv=-,k6=/dev/stdout"],
            "--export k6=/dev/stdout",
        ),
    ] {
        let ended = place.run(&arguments).expect(104);
        assert!(
            ended.stderr.contains("both write to standard output"),
            "{}",
            ended.stderr
        );
        assert!(ended.stderr.contains(expected), "{}", ended.stderr);
        assert_eq!(ended.stdout, "");
    }

    // A directory can't be replaced by a report.
    let mut report = place.tenfold(&["report", "run"]);
    report.env("TENFOLD_OUT", place.path("elsewhere"));
    assert!(report.output().unwrap().status.success());
    assert!(place.path("run/report.html").exists());
    let mut report = place.tenfold(&["report", "run"]);
    report.env("TENFOLD_REPORT_OUT", place.path("elsewhere/mine.html"));
    assert!(report.output().unwrap().status.success());
    assert!(place.path("elsewhere/mine.html").exists());
    assert_eq!(
        read_json(&place.path("run/counts.json"))["traffic"]["sent_bytes"],
        k6["metrics"]["data_sent"]["count"]
    );
}

#[test]
fn rejects_unwritable_export_before_sending() {
    let place = Workplace::new();
    place.write("light.toml", &light_scenario("100/s", "1s"));
    place.write("file", "");
    std::fs::create_dir(place.path("directory")).unwrap();
    symlink("round", place.path("round")).unwrap();
    let long = "x".repeat(300);
    for (name, expected) in [
        ("missing/k6.json", "create it first"),
        ("file/k6.json", "is no directory"),
        ("directory", "is a directory"),
        ("round", "round"),
        (&long, "name a file that can be written"),
    ] {
        let export = format!("k6={name}");
        // Nothing listens there: an attempt to send would report the target instead of the export.
        let run = [
            "run",
            "light.toml",
            "--target",
            "http://127.0.0.1:1",
            "--out",
            "run",
            "--export",
            &export,
        ];
        let ended = place.run(&run).expect(104);
        assert!(ended.stderr.contains(expected), "{name}: {}", ended.stderr);
        assert!(!place.path("run").exists(), "{name}");
    }
    assert_eq!(std::fs::read(place.path("file")).unwrap(), b"");
}
