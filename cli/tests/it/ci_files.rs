//! Executes the files of `scripts/ci/`: every shell line, in order, with the shell and the rules of the CI
//! service, in a clone of a tiny repository.
//!
//! `tenfold` on the PATH is the binary under test, as on a runner that has it installed, and `cargo` is a
//! program that always fails; `ci_install.rs` tests the installation from a release. Steps that are not executed
//! are listed in [`NOT_EXECUTED`] with a reason. A step that is neither executed nor listed fails the test, and so does a listed step that no file contains. Only the
//! values of variables differ from a real pipeline: each test sets its own service and scenario, and a small
//! budget.

#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "these lints exempt only functions marked as tests; a test prints the steps that it does not execute"
)]

use crate::support;

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use saphyr::{LoadableYamlNode, Yaml};
use support::{Workplace, light_scenario, read_json};

/// Steps that are not executed: file, name and reason.
const NOT_EXECUTED: [(&str, &str, &str); 3] = [
    (
        "github-workflow.yml",
        "Check out with history",
        "it is an action of GitHub's; the clone is there already, with its history",
    ),
    (
        "github-workflow.yml",
        "Install a toolchain",
        "it would download one; nothing here is compiled",
    ),
    (
        "github-workflow.yml",
        "Keep the report",
        "it is an action of GitHub's, with nowhere to upload to; that its files exist is tested",
    ),
];

/// Budget of the gates: enough rounds for a decision on a busy machine that restarts services slowly.
const BUDGET: &str = "75s";

/// Starts the reference service, whose data directory is removed with that of the test.
const START: &str = "#!/usr/bin/env bash\n\
                     exec tenfold serve --empty --listen \"127.0.0.1:$1\" --admin 127.0.0.1:0 \
                     --data \"$(mktemp -d)\"\n";

/// Verdicts of two identical builds. One gate in a hundred is a false alarm, which is no fault of these files.
const OF_THE_SAME: [&str; 4] = ["pass", "inconclusive", "too_noisy", "fail"];

/// Clone of a tiny repository with a change on a branch, as on a runner.
pub(crate) struct Clone {
    pub(crate) place: Workplace,
    repository: PathBuf,
}

impl Clone {
    /// Creates a clone whose change does not affect the service.
    pub(crate) fn new() -> Self {
        Self::with_change(START)
    }

    /// Creates a clone whose change replaces the start script by `start`.
    fn with_change(start: &str) -> Self {
        let place = Workplace::new();
        let fake = place.path("bin");
        std::fs::create_dir(&fake).unwrap();
        std::fs::create_dir(place.path("tmp")).unwrap();
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_tenfold"), fake.join("tenfold")).unwrap();
        executable(
            &fake.join("cargo"),
            "#!/bin/sh\necho 'cargo was called' >&2\nexit 70\n",
        );
        let (origin, repository) = (place.path("origin"), place.path("clone"));
        std::fs::create_dir(&origin).unwrap();
        let clone = Self { place, repository };
        clone.git(&origin, &["init", "--quiet", "--initial-branch=main"]);
        executable(&origin.join("start.sh"), START);
        std::fs::write(origin.join("light.toml"), light_scenario("100/s", "2s")).unwrap();
        clone.commit(&origin, "the service");
        let from = origin.to_str().unwrap();
        let to = clone.repository.to_str().unwrap();
        clone.git(&origin, &["clone", "--quiet", from, to]);
        clone.git(&clone.repository, &["checkout", "--quiet", "-b", "change"]);
        executable(&clone.repository.join("start.sh"), start);
        std::fs::write(clone.repository.join("note"), "a change").unwrap();
        clone.commit(&clone.repository, "a change");
        clone
    }

    fn commit(&self, directory: &Path, message: &str) {
        self.git(directory, &["add", "."]);
        self.git(directory, &["commit", "--quiet", "-m", message]);
    }

    fn git(&self, directory: &Path, arguments: &[&str]) {
        let ended = self
            .command("git", &[])
            .args(arguments)
            .current_dir(directory)
            .output()
            .unwrap();
        assert!(
            ended.status.success(),
            "git {arguments:?}: {}",
            errors(&ended)
        );
    }

    /// Returns a command in the clone, with the variables of a runner and without the settings of this machine.
    fn command(&self, program: &str, variables: &[(String, String)]) -> Command {
        let mut command = Command::new(program);
        for (name, _) in std::env::vars() {
            if ["TENFOLD_", "GITHUB_", "GATE_", "CI_", "GIT_"]
                .iter()
                .any(|own| name.starts_with(own))
            {
                command.env_remove(name);
            }
        }
        let path = std::env::var_os("PATH").unwrap_or_default();
        let paths = std::iter::once(self.place.path("bin")).chain(std::env::split_paths(&path));
        command
            .current_dir(&self.repository)
            .env("PATH", std::env::join_paths(paths).unwrap())
            .env("TMPDIR", self.place.path("tmp"))
            .env("XDG_CONFIG_HOME", self.place.path("configuration"))
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .envs(["AUTHOR", "COMMITTER"].iter().flat_map(|who| {
                [
                    (format!("GIT_{who}_NAME"), "Somebody"),
                    (format!("GIT_{who}_EMAIL"), "author@example.org"),
                ]
            }))
            .envs(variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null());
        command
    }

    /// Runs a script like `shell: bash`. GitHub documents these options, and GitLab sets the same.
    pub(crate) fn bash(&self, script: &str, variables: &[(String, String)]) -> Output {
        let file = self.place.write("step.sh", script);
        self.command("bash", variables)
            .args(["--noprofile", "--norc", "-eo", "pipefail"])
            .arg(file)
            .output()
            .unwrap()
    }

    fn out(&self, name: &str) -> PathBuf {
        self.repository.join("tenfold-gate").join(name)
    }

    fn verdict(&self) -> String {
        read_json(&self.out("gate.json"))["verdict"]
            .as_str()
            .unwrap()
            .to_owned()
    }
}

pub(crate) fn executable(path: &Path, text: &str) {
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

pub(crate) fn errors(output: &Output) -> String {
    format!(
        "{}\n{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

pub(crate) fn text_of(file: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../scripts/ci")
        .join(file);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

pub(crate) fn parsed(text: &str) -> Yaml<'_> {
    let mut documents = Yaml::load_from_str(text).unwrap();
    assert_eq!(documents.len(), 1);
    documents.remove(0)
}

pub(crate) fn at<'a>(yaml: &'a Yaml<'a>, path: &[&str]) -> &'a Yaml<'a> {
    path.iter().fold(yaml, |yaml, key| {
        yaml.as_mapping_get(key)
            .unwrap_or_else(|| panic!("no {key} of {path:?}"))
    })
}

/// Returns the pairs of a mapping of strings. Any other value fails the test, because CI services convert it in
/// different ways.
fn texts(yaml: Option<&Yaml<'_>>) -> Vec<(String, String)> {
    let mapping = yaml.and_then(Yaml::as_mapping);
    let pairs = mapping.into_iter().flatten();
    pairs
        .map(|(name, value)| (text(name), text(value)))
        .collect()
}

pub(crate) fn text(yaml: &Yaml<'_>) -> String {
    yaml.as_str()
        .unwrap_or_else(|| panic!("{yaml:?} is not a string"))
        .to_owned()
}

/// Step of a workflow or a composite action.
#[derive(Debug)]
pub(crate) struct Step {
    name: String,
    id: Option<String>,
    condition: Option<String>,
    variables: Vec<(String, String)>,
    pub(crate) run: Option<String>,
}

/// Reads steps, and checks that they run in bash.
pub(crate) fn steps(yaml: &Yaml<'_>, shell: Option<&str>) -> Vec<Step> {
    let one = |step: &Yaml<'_>| {
        let maybe = |key: &str| step.as_mapping_get(key).map(text);
        let run = maybe("run");
        let in_shell = maybe("shell").or(shell.map(str::to_owned));
        assert!(
            run.is_none() || in_shell.as_deref() == Some("bash"),
            "{step:?}"
        );
        assert!(run.is_some() != maybe("uses").is_some(), "{step:?}");
        Step {
            name: maybe("name").unwrap(),
            id: maybe("id"),
            condition: maybe("if"),
            variables: texts(step.as_mapping_get("env")),
            run,
        }
    };
    yaml.as_sequence().unwrap().iter().map(one).collect()
}

/// Replaces `${{ ... }}` by values. A missing value fails the test.
fn substituted(text: &str, values: &BTreeMap<String, String>) -> String {
    let mut parts = text.split("${{");
    let mut whole = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (expression, rest) = part.split_once("}}").unwrap();
        let value = values.get(expression.trim());
        whole += value.unwrap_or_else(|| panic!("no value for {expression}"));
        whole += rest;
    }
    whole
}

/// Result of a step: name, exit code and standard output.
type Ended = (String, i32, String);

/// Runs steps like a runner: in order, and after a failure only those with `always()`. Outputs of a step are
/// available to later ones.
fn run_steps(
    clone: &Clone,
    file: &str,
    steps: &[Step],
    variables: &[(String, String)],
    mut values: BTreeMap<String, String>,
) -> Vec<Ended> {
    let summary = clone.place.path("summary.md");
    let mut ended: Vec<Ended> = Vec::new();
    for step in steps {
        let why_not = NOT_EXECUTED
            .iter()
            .find(|(of, name, _)| *of == file && *name == step.name);
        if let Some((_, name, why)) = why_not {
            eprintln!("not executed: {file}, \"{name}\": {why}");
            continue;
        }
        let failed = ended.iter().any(|(_, code, _)| *code != 0);
        match step.condition.as_deref() {
            None if failed => continue,
            None | Some("always()") => {}
            Some(other) => panic!("{}: this test does not support `if: {other}`", step.name),
        }
        let script = step.run.as_deref();
        let script = script.unwrap_or_else(|| {
            panic!(
                "{} is neither executed nor listed in NOT_EXECUTED",
                step.name
            )
        });
        // GitHub's advice against script injection: expressions go through the environment.
        assert!(
            !script.contains("${{"),
            "{}: an expression in a script",
            step.name
        );
        let outputs = clone.place.write("outputs", "");
        let mut all = variables.to_vec();
        let own = step.variables.iter();
        all.extend(own.map(|(name, value)| (name.clone(), substituted(value, &values))));
        for (name, path) in [
            ("GITHUB_OUTPUT", &outputs),
            ("GITHUB_STEP_SUMMARY", &summary),
            ("GITHUB_PATH", &clone.place.path("paths")),
        ] {
            all.push((name.to_owned(), path.to_str().unwrap().to_owned()));
        }
        all.extend(
            [
                ("GITHUB_BASE_REF", "main"),
                ("GITHUB_SERVER_URL", "https://git.example"),
                ("GITHUB_REPOSITORY", "somebody/service"),
                ("GITHUB_RUN_ID", "17"),
            ]
            .map(|(name, value)| (name.to_owned(), value.to_owned())),
        );
        let output = clone.bash(script, &all);
        eprintln!(
            "{file}, \"{}\": {}\n{}",
            step.name,
            output.status,
            errors(&output)
        );
        if let Some(id) = &step.id {
            for line in std::fs::read_to_string(&outputs).unwrap().lines() {
                let (name, value) = line.split_once('=').unwrap();
                values.insert(format!("steps.{id}.outputs.{name}"), value.to_owned());
            }
        }
        let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
        ended.push((step.name.clone(), output.status.code().unwrap(), stdout));
    }
    ended
}

/// Variables that every user of the file has to set.
fn settings() -> Vec<(String, String)> {
    [
        ("GATE_SCENARIO", "light.toml"),
        ("GATE_BUILD", "test -x start.sh"),
        ("GATE_START", "./start.sh {port}"),
        ("GATE_BUDGET", BUDGET),
        ("GATE_MIN_EFFECT", "20%"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .to_vec()
}

/// Returns the variables of a file, with values of this test for those that users set.
fn replaced(
    of_file: Vec<(String, String)>,
    values: &BTreeMap<String, String>,
) -> Vec<(String, String)> {
    let own = settings();
    for (name, _) in &own {
        assert!(
            of_file.iter().any(|(other, _)| other == name),
            "{name} is no variable of the file"
        );
    }
    let value = |name: &str| {
        own.iter()
            .find(|(other, _)| other == name)
            .map(|(_, value)| value)
    };
    of_file
        .into_iter()
        .map(|(name, of_file)| {
            let value = value(&name)
                .cloned()
                .unwrap_or_else(|| substituted(&of_file, values));
            (name, value)
        })
        .collect()
}

fn workflow(clone: &Clone, advisory: &str) -> Vec<Ended> {
    let text = text_of("github-workflow.yml");
    let yaml = parsed(&text);
    let shell = at(&yaml, &["defaults", "run", "shell"]).as_str();
    let steps = steps(at(&yaml, &["jobs", "gate", "steps"]), shell);
    let values = BTreeMap::from([(
        "vars.GATE_ADVISORY || 'true'".to_owned(),
        advisory.to_owned(),
    )]);
    let variables = replaced(texts(yaml.as_mapping_get("env")), &values);
    run_steps(clone, "github-workflow.yml", &steps, &variables, values)
}

fn assert_all_went_well(ended: &[Ended]) {
    for (name, code, stdout) in ended {
        assert_eq!(*code, 0, "{name}: {stdout}");
    }
}

#[test]
fn github_workflow_gates_a_change() {
    let clone = Clone::new();
    let ended = workflow(&clone, "true");
    assert_all_went_well(&ended);
    assert!(
        OF_THE_SAME.contains(&clone.verdict().as_str()),
        "{}",
        clone.verdict()
    );
    for kept in ["report.html", "gate.json", "gate.md", "junit.xml"] {
        assert!(clone.out(kept).is_file(), "{kept}");
    }
    let (_, _, annotations) = ended.last().unwrap();
    assert!(annotations.starts_with("::"), "{annotations}");
    let summary = std::fs::read_to_string(clone.place.path("summary.md")).unwrap();
    assert_eq!(summary.matches("## ").count(), 1, "{summary}");
    assert!(
        summary.contains("somebody/service/actions/runs/17"),
        "{summary}"
    );
    let page = std::fs::read_to_string(clone.out("report.html")).unwrap();
    assert!(!page.contains("<script src") && !page.contains("src=\"http"));
}

#[test]
fn github_workflow_fails_and_reports_unstartable_build() {
    let clone = Clone::with_change("#!/bin/sh\necho 'no such option' >&2\nexit 3\n");
    // Even an advisory gate fails if it measures nothing.
    let ended = workflow(&clone, "true");
    let code = |name: &str| {
        ended
            .iter()
            .find(|(other, ..)| other == name)
            .map(|(_, code, _)| *code)
    };
    assert_eq!(code("Gate the change"), Some(107));
    assert_eq!(code("Annotate"), Some(0));
    assert_eq!(clone.verdict(), "did_not_start");
    let summary = std::fs::read_to_string(clone.place.path("summary.md")).unwrap();
    assert!(summary.contains("no such option"), "{summary}");
}

#[test]
fn composite_action_gates_a_change() {
    let clone = Clone::new();
    let text = text_of("action.yml");
    let yaml = parsed(&text);
    assert_eq!(at(&yaml, &["runs", "using"]).as_str(), Some("composite"));
    let given = [
        ("scenario", "light.toml"),
        ("build", "test -x start.sh"),
        ("start", "./start.sh {port}"),
        ("budget", BUDGET),
        ("min-effect", "20%"),
        ("advisory", "true"),
    ];
    let mut values = BTreeMap::new();
    for (name, input) in at(&yaml, &["inputs"]).as_mapping().unwrap() {
        let name = self::text(name);
        let default = input.as_mapping_get("default").map(self::text);
        let own = given.iter().find(|(other, _)| *other == name);
        let value = own.map(|(_, value)| (*value).to_owned()).or(default);
        let value = value.unwrap_or_else(|| panic!("the input {name} is required"));
        values.insert(format!("inputs.{name}"), value);
    }
    for (name, _) in given {
        assert!(
            values.contains_key(&format!("inputs.{name}")),
            "{name} is no input"
        );
    }
    let steps = steps(at(&yaml, &["runs", "steps"]), None);
    let ended = run_steps(&clone, "action.yml", &steps, &[], values);
    assert_all_went_well(&ended);
    assert_eq!(ended.len(), steps.len());
    let outputs = std::fs::read_to_string(clone.place.path("outputs")).unwrap();
    assert_eq!(outputs, format!("verdict={}\n", clone.verdict()));
    assert!(OF_THE_SAME.contains(&clone.verdict().as_str()));
}

#[test]
fn gitlab_job_gates_a_change() {
    let clone = Clone::new();
    let text = text_of("gitlab-ci.yml");
    let yaml = parsed(&text);
    let job = at(&yaml, &["performance gate"]);
    let lines = |key: &str| -> Vec<String> {
        at(job, &[key])
            .as_sequence()
            .unwrap()
            .iter()
            .map(self::text)
            .collect()
    };
    // GitLab runs both in one shell, line by line.
    let script = [lines("before_script"), lines("script")]
        .concat()
        .join("\n");
    let mut variables = replaced(texts(job.as_mapping_get("variables")), &BTreeMap::new());
    for (name, value) in [
        ("CI_DEFAULT_BRANCH", "main"),
        (
            "CI_JOB_URL",
            "https://git.example/somebody/service/-/jobs/17",
        ),
    ] {
        variables.push((name.to_owned(), value.to_owned()));
    }
    let ended = clone.bash(&script, &variables);
    assert!(ended.status.success(), "{}", errors(&ended));
    assert!(OF_THE_SAME.contains(&clone.verdict().as_str()));
    let junit = at(job, &["artifacts", "reports", "junit"])
        .as_str()
        .unwrap();
    assert!(clone.repository.join(junit).is_file());
}

#[test]
fn steps_left_out_exist() {
    for (file, name, _) in NOT_EXECUTED {
        let text = text_of(file);
        let yaml = parsed(&text);
        let steps = steps(at(&yaml, &["jobs", "gate", "steps"]), Some("bash"));
        assert!(
            steps.iter().any(|step| step.name == name),
            "{file} has no step {name}"
        );
    }
}
