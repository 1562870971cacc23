//! Wording of `--help` and of the most frequent error messages, for review in one place.

use std::fmt::Write as _;

use crate::support::{Workplace, light_scenario};

/// Every subcommand.
pub(crate) const SUBCOMMANDS: [&[&str]; 36] = [
    &[],
    &["run"],
    &["knee"],
    &["profile"],
    &["ladder"],
    &["plan"],
    &["init"],
    &["schema"],
    &["record"],
    &["report"],
    &["merge"],
    &["agent"],
    &["gate"],
    &["serve"],
    &["lab"],
    &["lab", "up"],
    &["lab", "status"],
    &["lab", "down"],
    &["lab", "kill"],
    &["lab", "drain"],
    &["lab", "revive"],
    &["lab", "replace"],
    &["lab", "judge"],
    &["lab", "rotate"],
    &["lab", "chaos"],
    &["lab", "failover"],
    &["lab", "open"],
    &["lab", "reshard"],
    &["lab", "policy"],
    &["lab", "queue"],
    &["lab", "feeds"],
    &["lab", "receive-alerts"],
    &["lab", "serve-log"],
    &["doctor"],
    &["completions"],
    &["man"],
];

#[test]
fn help_of_every_subcommand() {
    // Without settings, which the help would show.
    let workplace = Workplace::profiled();
    for subcommand in SUBCOMMANDS {
        let ended = workplace.run(&[subcommand, &["--help"]].concat()).expect(0);
        let name = ["tenfold", &subcommand.join("-")].join("-");
        insta::assert_snapshot!(name.trim_end_matches('-'), ended.stdout);
    }
}

/// Frequent mistakes, and the exit code of each.
const MISTAKES: &[(i32, &[&str])] = &[
    (104, &["run", "no-such-scenario"]),
    (104, &["run", "--rate", "500"]),
    (104, &["run", "--duration", "60"]),
    (104, &["run", "--rte", "500/s"]),
    (104, &["run", "broken.toml", "--check"]),
    (
        107,
        &["run", "light.toml", "--target", "http://127.0.0.1:1"],
    ),
    (104, &["run", "light.toml", "--target", "ftp://localhost"]),
    (
        104,
        &["run", "light.toml", "--target", "http://198.51.100.7"],
    ),
    (
        104,
        &[
            "run",
            "light.toml",
            "--target",
            "http://127.0.0.1:1",
            "--stage",
            "single-box",
        ],
    ),
    (104, &["run", "--stage", "simple-box"]),
    (104, &["lab", "policy", "no-such-policy.toml"]),
    (104, &["lab", "policy", "light.toml"]),
    (104, &["lab", "policy", "--format", "terraform"]),
    (104, &["run", "--export", "pdf"]),
    (104, &["run", "--export", "csv=missing/times.csv"]),
    (104, &["run", "light.toml", "--export", "csv=light.toml"]),
    (104, &["run", "--json", "--export", "junit=-"]),
    (1, &["report", "no-such-run"]),
    (1, &["report", "empty"]),
    (1, &["report", "--index", "no-such-directory"]),
    (1, &["merge", "no-such-run", "empty"]),
    (104, &["merge"]),
    (104, &["knee", "light.toml", "--max", "500"]),
    (
        107,
        &["knee", "light.toml", "--target", "http://127.0.0.1:1"],
    ),
    (
        104,
        &[
            "profile",
            "no-such-scenario",
            "--target",
            "http://127.0.0.1:1",
        ],
    ),
    (1, &["profile", "no-such-run", "other-run"]),
    (104, &["profile", "--rules", "p99 <"]),
    (104, &["ladder", "--stages", "simple-box"]),
    (104, &["ladder", "--steps", "no-such-file.toml"]),
    (104, &["ladder", "--boxes", "0"]),
    (104, &["plan", "--users", "many"]),
    (104, &["plan", "--reads", "100G"]),
    (104, &["plan", "--knee", "no-such-run"]),
    (104, &["plan", "--utilisation", "2"]),
    (104, &["serve", "--stage", "simple-box"]),
    (104, &["serve", "--listen", "8080"]),
    (107, &["serve", "--store", "oracle://localhost/db"]),
    (104, &["gate"]),
    (104, &["gate", "--baseline", "no-such-build", "--calibrate"]),
    (104, &["gate", "--candidate", "app --port {port}"]),
    (104, &["record", "light.toml"]),
    (104, &["init", "no-such-file.yaml"]),
    (104, &["init", "localhost:8080"]),
    (104, &["init", "light.toml"]),
    (104, &["run", "light.toml", "--once", "--out", "run"]),
    (107, &["lab", "status"]),
];

#[test]
fn messages_of_frequent_mistakes() {
    // Without settings, which the help would show.
    let workplace = Workplace::profiled();
    workplace.write("light.toml", &light_scenario("200/s", "1s"));
    let broken = light_scenario("200/s", "1s").replace("kind = \"constant\"", "kind = \"constnt\"");
    workplace.write("broken.toml", &broken);
    std::fs::create_dir(workplace.path("empty")).unwrap();
    let mut messages = String::new();
    for (code, arguments) in MISTAKES {
        let ended = workplace.run(arguments).expect(*code);
        assert_eq!(ended.stdout, "", "{arguments:?}");
        let command = arguments.join(" ");
        let folder = workplace.path("").display().to_string();
        let stderr = ended.stderr.replace(&folder, "FOLDER/");
        let _ = writeln!(
            messages,
            "$ tenfold {command}\n{stderr}[exit code {code}]\n"
        );
    }
    insta::assert_snapshot!(messages.trim_end());
}
