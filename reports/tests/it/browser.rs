//! The report in a real browser: it logs nothing on the console and sends no request.

use std::path::{Path, PathBuf};
use std::process::Command;

use tenfold_analysis::synthetic::MadeUp;
use tenfold_analysis::{compare, summarise};
use tenfold_reports::comparison::comparison;
use tenfold_reports::run::page;
use tenfold_run_dir::Flamegraph;

use crate::support::skip;

const BROWSERS: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "chrome"];

/// Stacks of an untrusted service.
const FLAMEGRAPH: &str = "main 6\nmain;<script>alert(3)</script> 4\n";

/// A flamegraph of an earlier version, with malicious additions.
const FLAMEGRAPH_OF_EARLIER_VERSION: &str = r#"<svg viewBox="0 0 1200 90" onload="alert(1)"><script>alert(2)</script>
    <g><title>all (10 samples, 100%)</title><rect x="0%" y="60" width="100%" height="15"/></g>
    <g><title>&lt;script&gt;alert(3)&lt;/script&gt; (4 samples, 40.00%)</title>
    <rect x="0%" y="44" width="40%" height="15"/></g>
    <image href="http://192.0.2.1/x.png"/></svg>"#;

fn browser() -> Option<PathBuf> {
    let paths = std::env::var_os("PATH")?;
    std::env::split_paths(&paths)
        .flat_map(|directory| BROWSERS.map(|name| directory.join(name)))
        .find(|path| path.is_file())
}

/// A run whose names attempt to run scripts and to load resources.
fn hostile() -> MadeUp {
    let name = "\"><img src=http://192.0.2.1/a onerror=alert(1)><script>alert(2)</script>";
    MadeUp {
        names: vec![
            name.to_owned(),
            "</style></title><svg onload=alert(3)>".to_owned(),
        ],
        rules: vec![format!("p99 < 1s for <script>{name}")],
        ..MadeUp::stall_oracle()
    }
}

struct Visit {
    dom: String,
    console: String,
    net_log: String,
}

fn visit(browser: &Path, directory: &Path, page: &Path) -> Visit {
    let net_log = directory.join("net.json");
    let visited = Command::new(browser)
        .args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--no-first-run",
        ])
        .args([
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
        ])
        .args([
            "--disable-default-apps",
            "--disable-extensions",
            "--no-default-browser-check",
        ])
        .args([
            "--enable-logging=stderr",
            "--v=0",
            "--window-size=1280,2000",
        ])
        .arg(format!(
            "--user-data-dir={}",
            directory.join("profile").display()
        ))
        .arg(format!("--log-net-log={}", net_log.display()))
        .arg("--dump-dom")
        .arg(format!("file://{}", page.display()))
        .output()
        .expect("the browser starts");
    let errors = String::from_utf8_lossy(&visited.stderr);
    Visit {
        dom: String::from_utf8_lossy(&visited.stdout).into_owned(),
        console: errors
            .lines()
            .filter(|line| line.contains("CONSOLE"))
            .collect::<Vec<_>>()
            .join("\n"),
        net_log: std::fs::read_to_string(net_log).unwrap_or_default(),
    }
}

/// Returns the addresses that the page requested, without the browser's own.
fn requests(net_log: &str, page: &Path) -> Vec<String> {
    let own = format!("file://{}", page.display());
    net_log
        .split("\"url\":\"")
        .skip(1)
        .filter_map(|rest| rest.split('"').next())
        .filter(|url| *url != own && !url.starts_with("data:") && url.contains("://"))
        // The browser sends requests of its own.
        .filter(|url| !BROWSERS_OWN.iter().any(|host| url.contains(host)))
        .map(str::to_owned)
        .collect()
}

const BROWSERS_OWN: [&str; 4] = [
    "google.com",
    "googleapis.com",
    "gvt1.com",
    "chrome-extension:",
];

#[test]
fn reports_log_nothing_and_request_nothing() {
    let Some(browser) = browser() else {
        skip(&format!("no browser on the PATH ({})", BROWSERS.join(", ")));
        return;
    };
    let directory = tempfile::tempdir().unwrap();
    let mut well = MadeUp::default().play();
    well.flamegraph = Some(Flamegraph::Stacks(FLAMEGRAPH.parse().unwrap()));
    let mut hostile = hostile().play();
    hostile.flamegraph = Some(Flamegraph::Drawing(
        FLAMEGRAPH_OF_EARLIER_VERSION.to_owned(),
    ));
    hostile.manifest.scenario = "<script>alert(4)</script>".to_owned();
    hostile.manifest.scenario_text = "</code></pre><script>alert(5)</script>".to_owned();
    hostile.manifest.command = vec!["<img src=http://192.0.2.1/b>".to_owned()];
    let pages = [
        ("well.html", page(&well, &summarise(&well)).html()),
        ("hostile.html", page(&hostile, &summarise(&hostile)).html()),
        (
            "comparison.html",
            comparison(&compare(&[well.clone(), hostile.clone()])).html(),
        ),
    ];
    for (name, text) in pages {
        let file = directory.path().join(name);
        std::fs::write(&file, text).unwrap();
        let visit = visit(&browser, directory.path(), &file);
        assert!(
            visit.dom.contains("</html>"),
            "{name} did not load: {}",
            visit.dom
        );
        assert_eq!(visit.console, "", "{name} logs to the console");
        assert!(visit.net_log.contains(name), "the net log has {name}");
        assert_eq!(
            requests(&visit.net_log, &file),
            Vec::<String>::new(),
            "{name}"
        );
        assert!(!visit.dom.contains("<script"), "{name} has a script");
        assert!(!visit.dom.contains("<img"), "{name} has an image");
    }
}

#[test]
fn detects_console_output_and_requests() {
    let Some(browser) = browser() else {
        skip(&format!("no browser on the PATH ({})", BROWSERS.join(", ")));
        return;
    };
    let directory = tempfile::tempdir().unwrap();
    let page = directory.path().join("talks.html");
    // Nothing listens on the discard port.
    let text =
        "<html><img src='http://127.0.0.1:9/x'><script>console.log('a word')</script></html>";
    std::fs::write(&page, text).unwrap();
    let visit = visit(&browser, directory.path(), &page);
    assert!(visit.console.contains("a word"), "{}", visit.console);
    assert!(requests(&visit.net_log, &page).contains(&"http://127.0.0.1:9/x".to_owned()));
}
