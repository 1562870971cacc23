//! `tenfold completions`: real shells load the scripts, and bash completes with them.

use std::process::Command;

use crate::support::{Workplace, skip};

fn script(place: &Workplace, shell: &str) -> String {
    let ended = place.run(&["completions", shell]).expect(0);
    let name = format!("completions.{shell}");
    place.write(&name, &ended.stdout);
    name
}

/// Completes the last of `words` with the bash script.
fn completed(words: &[&str]) -> Vec<String> {
    let place = Workplace::new();
    let file = script(&place, "bash");
    let last = words.len() - 1;
    let program = format!(
        ". ./{file}; COMP_WORDS=({}); COMP_CWORD={last}; _tenfold tenfold '{}' '{}'; \
         printf '%s\\n' \"${{COMPREPLY[@]}}\"",
        words.join(" "),
        words[last],
        words[last - 1]
    );
    let output = Command::new("bash")
        .args(["--norc", "--noprofile", "-c", &program])
        .current_dir(place.path(""))
        .output()
        .expect("bash starts");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let stdout = String::from_utf8(output.stdout).expect("completions are text");
    stdout.split_whitespace().map(str::to_owned).collect()
}

#[test]
fn bash_completes_commands_and_flags() {
    assert_eq!(completed(&["tenfold", "rep"]), ["report"]);
    assert_eq!(completed(&["tenfold", "lab", "reviv"]), ["revive"]);
    assert_eq!(
        completed(&["tenfold", "run", "--metrics-l"]),
        ["--metrics-listen"]
    );
    assert_eq!(completed(&["tenfold", "completions", "f"]), ["fish"]);
}

#[test]
fn shells_load_their_scripts() {
    let place = Workplace::new();
    for (shell, arguments) in [
        ("bash", vec!["--norc", "-n"]),
        ("zsh", vec!["-f", "-n"]),
        ("fish", vec!["--no-config", "--no-execute"]),
    ] {
        let file = script(&place, shell);
        match Command::new(shell)
            .args(&arguments)
            .arg(place.path(&file))
            .env("HOME", place.path(""))
            .output()
        {
            Ok(output) => {
                let errors = String::from_utf8_lossy(&output.stderr);
                assert!(
                    output.status.success() && errors.is_empty(),
                    "{shell}: {errors}"
                );
            }
            Err(_) => skip(&format!("no {shell}")),
        }
    }
}

#[test]
fn unknown_shell_is_named() {
    let ended = Workplace::new().run(&["completions", "tcsh"]).expect(104);
    assert!(ended.stderr.contains("tcsh"), "{}", ended.stderr);
    assert_eq!(ended.stdout, "");
}
