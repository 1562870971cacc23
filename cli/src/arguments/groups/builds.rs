//! Two builds to compare, and the commands that build and start them.

use std::time::Duration;

use clap::Args;
use tenfold_gate::Recipe;

use crate::arguments::values::duration;

#[derive(Debug, Args)]
#[command(next_help_heading = "Builds")]
pub(crate) struct BuildArguments {
    /// Build to compare with: a command that contains {port}, a git revision, a directory or a URL
    #[arg(long, value_name = "BUILD", env = "TENFOLD_BASELINE")]
    pub(crate) baseline: Option<String>,
    /// Build to judge, in the same form
    #[arg(long, value_name = "BUILD", env = "TENFOLD_CANDIDATE")]
    pub(crate) candidate: Option<String>,
    /// Command that builds a revision or a directory; it runs in that directory
    #[arg(long = "build", value_name = "CMD", env = "TENFOLD_BUILD")]
    pub(crate) command: Option<String>,
    /// Time limit of --build
    #[arg(long, value_name = "TIME", default_value = "30m", value_parser = duration,
        env = "TENFOLD_BUILD_WITHIN")]
    pub(crate) build_within: Duration,
    /// Command that starts a revision or a directory; it runs in that directory. {port} is replaced by a
    /// free port, {admin_port} by one for /metrics and /debug/pprof, and {slot} by `a` or `b`, alternating
    /// between the builds
    #[arg(long, value_name = "CMD", env = "TENFOLD_START")]
    pub(crate) start: Option<String>,
    /// Path to request until a build is ready, which any status below 500 shows
    #[arg(long, value_name = "PATH", default_value = "/", env = "TENFOLD_READY")]
    pub(crate) ready: String,
    /// Time limit for a build to become ready
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = duration,
        env = "TENFOLD_READY_WITHIN")]
    pub(crate) ready_within: Duration,
    /// URL of /metrics and /debug/pprof of a baseline that is a URL
    #[arg(long, value_name = "URL", env = "TENFOLD_BASELINE_ADMIN")]
    pub(crate) baseline_admin: Option<String>,
    /// URL of /metrics and /debug/pprof of a candidate that is a URL
    #[arg(long, value_name = "URL", env = "TENFOLD_CANDIDATE_ADMIN")]
    pub(crate) candidate_admin: Option<String>,
}

impl BuildArguments {
    /// Returns the flags as they are written on a command line.
    pub(crate) fn written(&self) -> Vec<String> {
        let ready = (self.ready != "/").then_some(&self.ready);
        let flags = [
            ("--baseline", self.baseline.as_ref()),
            ("--candidate", self.candidate.as_ref()),
            ("--build", self.command.as_ref()),
            ("--start", self.start.as_ref()),
            ("--ready", ready),
            ("--baseline-admin", self.baseline_admin.as_ref()),
            ("--candidate-admin", self.candidate_admin.as_ref()),
        ];
        let given = flags
            .into_iter()
            .filter_map(|(flag, value)| Some([flag.to_owned(), value?.clone()]));
        given.flatten().collect()
    }

    /// Returns the commands that build and start them.
    pub(crate) fn recipe(&self) -> Recipe {
        Recipe {
            build: self.command.clone(),
            build_within: self.build_within,
            start: self.start.clone(),
            ready_path: self.ready.clone(),
            ready_within: self.ready_within,
        }
    }
}
