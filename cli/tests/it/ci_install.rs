//! The files of `scripts/ci/` install tenfold from a release: they download the tarball, check its digest, and put the binary
//! on the PATH. The release is a folder, whose address is a `file:` URL.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

use std::path::PathBuf;
use std::process::{Command, Output};

use crate::ci_files::{Clone, at, errors, executable, parsed, steps, text, text_of};

/// Returns the script of each file that installs tenfold, by file name.
fn installers() -> [(&'static str, String); 3] {
    let workflow = text_of("github-workflow.yml");
    let workflow = parsed(&workflow);
    let of_workflow = steps(at(&workflow, &["jobs", "gate", "steps"]), Some("bash"));
    let of_workflow = of_workflow.into_iter().filter_map(|step| step.run);
    let of_workflow = of_workflow.filter(|run| run.contains("GATE_RELEASE"));
    let action = text_of("action.yml");
    let action = parsed(&action);
    let mut of_action = steps(at(&action, &["runs", "steps"]), None);
    let job = text_of("gitlab-ci.yml");
    let job = parsed(&job);
    let lines = at(&job, &["performance gate", "before_script"]);
    let lines: Vec<String> = lines.as_sequence().unwrap().iter().map(text).collect();
    [
        ("github-workflow.yml", of_workflow.collect()),
        ("action.yml", of_action.remove(0).run.unwrap()),
        ("gitlab-ci.yml", lines.join("\n")),
    ]
}

/// A release in a folder, and a runner without tenfold.
struct Runner {
    clone: Clone,
    release: PathBuf,
    /// PATH without any tenfold.
    path: String,
}

impl Runner {
    fn new() -> Self {
        let clone = Clone::new();
        std::fs::remove_file(clone.place.path("bin").join("tenfold")).unwrap();
        let path = std::env::var_os("PATH").unwrap_or_default();
        let paths = std::env::split_paths(&path).filter(|folder| !folder.join("tenfold").exists());
        let path = std::env::join_paths(paths).unwrap();
        let (release, tree) = (clone.place.path("release"), clone.place.path("tenfold-1"));
        std::fs::create_dir(&release).unwrap();
        std::fs::create_dir_all(tree.join("bin")).unwrap();
        let tenfold = format!(
            "#!/bin/sh\nexec '{}' \"$@\"\n",
            env!("CARGO_BIN_EXE_tenfold")
        );
        executable(&tree.join("bin/tenfold"), &tenfold);
        let runner = Self {
            clone,
            release,
            path: path.into_string().unwrap(),
        };
        runner.pack();
        runner
    }

    fn archive() -> String {
        format!(
            "tenfold-{}-unknown-linux-gnu.tar.gz",
            std::env::consts::ARCH
        )
    }

    /// Makes the tarball and SHA256SUMS.
    fn pack(&self) {
        let script = format!(
            "tar -czf release/{0} tenfold-1 && cd release && sha256sum {0} >SHA256SUMS",
            Self::archive()
        );
        let packed = Command::new("sh")
            .args(["-ec", &script])
            .current_dir(self.clone.place.path(""))
            .output()
            .unwrap();
        assert!(packed.status.success(), "{}", errors(&packed));
    }

    /// Runs an installer, then prints the version from the paths that later steps have.
    fn install(&self, script: &str, sha256: &str) -> Output {
        let paths = self.clone.place.path("paths");
        let _ = std::fs::remove_file(&paths);
        let release = format!("file://{}", self.release.display());
        let paths = paths.to_str().unwrap().to_owned();
        let variables = [
            ("GATE_RELEASE", release),
            ("GATE_SHA256", sha256.to_owned()),
            ("GITHUB_PATH", paths),
            ("PATH", self.path.clone()),
        ];
        let variables = variables.map(|(name, value)| (name.to_owned(), value));
        self.clone.bash(script, &variables)
    }

    fn digest(&self) -> String {
        let sums = std::fs::read_to_string(self.release.join("SHA256SUMS")).unwrap();
        sums.split_whitespace().next().unwrap().to_owned()
    }
}

#[test]
fn installs_release_with_matching_digest() {
    let runner = Runner::new();
    for sha256 in [String::new(), runner.digest()] {
        for (file, script) in installers() {
            let ended = runner.install(&script, &sha256);
            assert!(ended.status.success(), "{file}: {}", errors(&ended));
            let version = concat!("tenfold ", env!("CARGO_PKG_VERSION"));
            assert!(
                errors(&ended).contains(version),
                "{file}: {}",
                errors(&ended)
            );
            if file != "gitlab-ci.yml" {
                let paths = std::fs::read_to_string(runner.clone.place.path("paths")).unwrap();
                let binary = PathBuf::from(paths.trim()).join("tenfold");
                assert!(binary.is_file(), "{file}: {paths}");
            }
        }
    }
}

#[test]
fn refuses_release_with_other_digest() {
    let runner = Runner::new();
    let other = "0".repeat(64);
    // SHA256SUMS of the release is not consulted if the digest is set.
    for (file, script) in installers() {
        let ended = runner.install(&script, &other);
        assert!(!ended.status.success(), "{file}: {}", errors(&ended));
        assert!(
            !errors(&ended).contains("tenfold 0."),
            "{file}: {}",
            errors(&ended)
        );
        assert!(!runner.clone.place.path("paths").exists(), "{file}");
    }
    for sums in [format!("{other}  {}\n", Runner::archive()), "\n".to_owned()] {
        std::fs::write(runner.release.join("SHA256SUMS"), sums).unwrap();
        for (file, script) in installers() {
            let ended = runner.install(&script, "");
            assert!(!ended.status.success(), "{file}: {}", errors(&ended));
            assert!(!runner.clone.place.path("paths").exists(), "{file}");
        }
    }
}

#[test]
fn fails_without_release() {
    let runner = Runner::new();
    std::fs::remove_file(runner.release.join(Runner::archive())).unwrap();
    for (file, script) in installers() {
        let ended = runner.install(&script, "");
        assert!(!ended.status.success(), "{file}: {}", errors(&ended));
    }
}

#[test]
fn action_explains_installation_if_tenfold_is_missing() {
    let runner = Runner::new();
    let [_, (_, script), _] = installers();
    let empty = ["GATE_RELEASE", "GATE_SHA256"].map(|name| (name.to_owned(), String::new()));
    let variables = [&empty[..], &[("PATH".to_owned(), runner.path.clone())]].concat();
    let ended = runner.clone.bash(&script, &variables);
    assert_eq!(ended.status.code(), Some(1));
    assert!(errors(&ended).contains("::error title=tenfold is not installed::"));
}
