//! Pages in a real browser: they log nothing, send no request, answer the pointer, and are accessible.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

use std::path::{Path, PathBuf};
use std::process::Command;

use tenfold_analysis::gate::GateOutcome;
use tenfold_analysis::synthetic::{MadeUp, MadeUpGate};
use tenfold_analysis::{compare, summarise};
use tenfold_reports::comparison::comparison;
use tenfold_reports::index;
use tenfold_reports::run::page;
use tenfold_reports::{diagnosis, gate, knee, ladder};
use tenfold_run_dir::Flamegraph;

use crate::ladder::{
    confirmed_diagnosis, diagnosis as made_up_diagnosis, ladder as made_up_ladder,
};
use crate::support::{full, list_of, skip};

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
    visit_with(browser, directory, page, &["--window-size=1280,2000"])
}

fn visit_with(browser: &Path, directory: &Path, page: &Path, flags: &[&str]) -> Visit {
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
        .args(["--enable-logging=stderr", "--v=0"])
        .args(flags)
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
        assert_eq!(
            visit.dom.matches("<script>").count(),
            1,
            "{name} has its own script only"
        );
        assert!(
            visit
                .dom
                .contains("aria-label=\"Chart; the left and right arrow keys"),
            "the policy of {name} stops its script"
        );
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

/// Returns a page without its policy, so that a test can add a script at its end.
fn with_script(html: &str, script: &str) -> String {
    let start = html
        .find("<meta http-equiv=\"Content-Security-Policy\"")
        .expect("the page has a policy");
    let end = start + html[start..].find('>').unwrap() + 1;
    let (before, after) = (&html[..start], &html[end..]);
    let body = after.rfind("</body>").expect("the page has an end");
    format!(
        "{before}{}<script>{script}</script>{}",
        &after[..body],
        &after[body..]
    )
}

/// Returns the text of the element with the id `result`.
fn result(dom: &str) -> &str {
    let start = dom.find("<pre id=\"result\">").expect("the script ended") + 17;
    let end = start + dom[start..].find("</pre>").unwrap();
    &dom[start..end]
}

const SHOW: &str = "const show = (text) => { const pre = document.createElement('pre'); pre.id = 'result'; \
     pre.textContent = text; document.body.appendChild(pre); };";

/// One page of each kind, by name.
fn pages() -> Vec<(&'static str, String)> {
    let (full, other) = (full(), MadeUp::default().play());
    let summary = summarise(&full);
    let outcome = MadeUpGate {
        cpu: 0.09,
        latency: 0.02,
        ..MadeUpGate::default()
    };
    let outcome = GateOutcome {
        cause: Some(outcome.cause()),
        ..outcome.play()
    };
    let list = list_of(&[&full, &other]);
    vec![
        ("steps", page(&full, &summary).html()),
        ("run", page(&other, &summarise(&other)).html()),
        ("comparison", comparison(&compare(&[other, full])).html()),
        ("index", index::page(&list).html()),
        ("ladder", ladder::page(&made_up_ladder()).html()),
        ("diagnosis", diagnosis::page(&made_up_diagnosis()).html()),
        (
            "confirmed-diagnosis",
            diagnosis::page(&confirmed_diagnosis()).html(),
        ),
        ("knee", knee::page(&made_up_diagnosis().search).html()),
        (
            "gate",
            gate::page(&outcome, &gate::Attachments::default()).html(),
        ),
    ]
}

#[test]
fn script_shows_values_zooms_and_sorts() {
    let Some(browser) = browser() else {
        skip(&format!("no browser on the PATH ({})", BROWSERS.join(", ")));
        return;
    };
    let directory = tempfile::tempdir().unwrap();
    let full = full();
    let html = page(&full, &summarise(&full)).html();
    let script = r#"
        const out = [];
        const figure = document.querySelector('#rates figure');
        const canvas = figure.querySelector('.canvas');
        const box = canvas.getBoundingClientRect();
        canvas.dispatchEvent(new PointerEvent('pointermove', { clientX: box.left + box.width / 2, clientY: box.top + 9 }));
        out.push('pointer: ' + figure.querySelector('.values').textContent);
        canvas.dispatchEvent(new KeyboardEvent('keydown', { key: 'ArrowRight' }));
        out.push('key: ' + figure.querySelector('.values').textContent);
        const unread = [...document.querySelectorAll('figure')].filter((figure) =>
            figure.querySelector('svg.chart') && !figure.querySelector('.values'));
        out.push('without values: ' + unread.length);
        const flame = document.querySelector('svg.flame');
        const tools = document.querySelector('.tools');
        const input = tools.querySelector('input');
        input.value = 'WRITE';
        input.dispatchEvent(new Event('input'));
        out.push('search: ' + tools.querySelector('output').textContent);
        input.dispatchEvent(new KeyboardEvent('keydown', { key: 'Enter' }));
        const shown = [...flame.children].filter((node) => node.tagName === 'svg' && node.style.display !== 'none');
        out.push('zoom: ' + shown.map((node) => node.querySelector('title').textContent.split(' ')[0] + ' ' +
            node.getAttribute('width')).join(', '));
        tools.querySelector('button').click();
        const waits = document.querySelector('#off-cpu .tools input');
        waits.value = 'disk';
        waits.dispatchEvent(new Event('input'));
        out.push('waits: ' + document.querySelector('#off-cpu .tools output').textContent);
        out.push('reset: ' + [...flame.children].filter((node) => node.style.display !== 'none').length);
        const table = document.querySelector('table.sortable');
        const column = (index) => [...table.tBodies[0].rows].map((row) => row.cells[index].textContent).join(' ');
        const buttons = table.querySelectorAll('th button');
        buttons[3].click();
        out.push('total: ' + column(3) + ' ' + buttons[3].parentNode.getAttribute('aria-sort'));
        buttons[0].click(); buttons[0].click();
        out.push('name: ' + column(0));
        show(out.join('\n'));
    "#;
    let file = directory.path().join("script.html");
    std::fs::write(&file, with_script(&html, &format!("{SHOW}{script}"))).unwrap();
    let visit = visit(&browser, directory.path(), &file);
    let lines: Vec<&str> = result(&visit.dom).lines().collect();
    let [pointer, key, others @ ..] = lines.as_slice() else {
        panic!("{lines:?}");
    };
    for (shown, start) in [(pointer, "pointer: at "), (key, "key: at ")] {
        assert!(
            shown.starts_with(start) && shown.contains("offered"),
            "{shown}"
        );
    }
    let values = |line: &str| line.split_once(": ").map(|(_, values)| values.to_owned());
    assert_ne!(
        values(pointer),
        values(key),
        "the key moves to the next point"
    );
    let expected = [
        "without values: 0",
        "search: 1 function matches, with 65.00% of all samples.",
        "zoom: all 100%, main 100%, serve 100%, write 100%, sync ",
        "waits: 1 function matches, with 75.00% of the time waited.",
        "reset: 9",
        "total: 100% 95.0% 65.0% 30.0% 15.0% 5.00% descending",
        "name: idle main read serve sync write",
    ];
    assert_eq!(others.len(), expected.len(), "{others:?}");
    for (line, expected) in others.iter().zip(expected) {
        assert!(line.starts_with(expected), "{line}, not {expected}");
    }
}

#[test]
fn pages_pass_accessibility_checks() {
    let axe = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../.tenfold/tools/node_modules/axe-core/axe.min.js");
    let (Some(browser), Ok(axe)) = (browser(), std::fs::read_to_string(&axe)) else {
        skip("no browser, or no axe-core in .tenfold/tools; run scripts/setup");
        return;
    };
    // Of the best practices, those about landmarks concern sites rather than reports.
    let script = r"
        document.querySelectorAll('details').forEach((details) => { details.open = true; });
        axe.run(document, { resultTypes: ['violations'] }).then((found) => {
            const lines = found.violations.flatMap((rule) => rule.nodes.slice(0, 3).map((node) =>
                `${rule.impact} ${rule.id}: ${node.target} ${node.any.map((check) => check.message)} ${node.html.slice(0, 160)}`));
            show(`${found.passes.length} rules passed\n` + lines.join('\n'));
        }, (error) => show('error: ' + error));
    ";
    let directory = tempfile::tempdir().unwrap();
    let views = [
        (
            "wide and light",
            [
                "--window-size=1280,2000",
                "--blink-settings=preferredColorScheme=1",
            ],
        ),
        (
            "narrow and dark",
            [
                "--window-size=500,2000",
                "--blink-settings=preferredColorScheme=0",
            ],
        ),
    ];
    let mut problems = String::new();
    for (name, html) in pages() {
        let html = with_script(&html, &format!("{axe}</script><script>{SHOW}{script}"));
        let file = directory.path().join(format!("{name}.html"));
        std::fs::write(&file, html).unwrap();
        for (view, flags) in views {
            let flags = [flags[0], flags[1], "--virtual-time-budget=100000"];
            let visit = visit_with(&browser, directory.path(), &file, &flags);
            let found = result(&visit.dom);
            let (passed, found) = found.split_once('\n').unwrap_or((found, ""));
            let passed = passed
                .split(' ')
                .next()
                .and_then(|count| count.parse::<u32>().ok());
            assert!(passed.is_some_and(|passed| passed > 15), "{name}: {found}");
            if !found.is_empty() {
                problems.push_str(&format!("{name}, {view}:\n{found}\n"));
            }
        }
    }
    assert_eq!(problems, "");
}

#[test]
fn accessibility_checks_find_problems() {
    let axe = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../.tenfold/tools/node_modules/axe-core/axe.min.js");
    let (Some(browser), Ok(axe)) = (browser(), std::fs::read_to_string(&axe)) else {
        skip("no browser, or no axe-core in .tenfold/tools; run scripts/setup");
        return;
    };
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("bad.html");
    let script =
        "axe.run().then((found) => show(found.violations.map((rule) => rule.id).join(' ')));";
    let html = format!(
        "<!DOCTYPE html><html><body><svg role=\"img\"></svg><p style=\"color:#ccc;background:#fff\">faint</p>\
         <script>{axe}</script><script>{SHOW}{script}</script></body></html>"
    );
    std::fs::write(&file, html).unwrap();
    let flags = ["--virtual-time-budget=100000"];
    let visit = visit_with(&browser, directory.path(), &file, &flags);
    let found = result(&visit.dom);
    for rule in ["color-contrast", "svg-img-alt", "html-has-lang"] {
        assert!(found.contains(rule), "{rule} in {found}");
    }
}
