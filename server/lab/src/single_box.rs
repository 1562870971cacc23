//! The stage `single-box`: one process that serves HTTP, with its database and files beside it.

use std::process::Command;

use crate::lab::Options;
use crate::lab_box::{self, Readiness};
use crate::{LabBox, LabError};

/// Starts the one box.
pub(crate) fn start(options: &Options) -> Result<Vec<LabBox>, LabError> {
    let ready_file = options.directory.join("server.ready.json");
    let mut command = Command::new(&options.program);
    command
        .args(["serve", "--stage", "single-box"])
        .args(["--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"])
        .arg("--data")
        .arg(options.directory.join("data"))
        .arg("--ready-file")
        .arg(&ready_file)
        .arg("--stop-with-stdin")
        // What a person has set for `serve` is not for this one, whose port and store are chosen.
        .env_remove("TENFOLD_PORT")
        .env_remove("TENFOLD_STORE");
    if let Some(data_set) = options.data_set {
        command
            .env_remove("TENFOLD_EMPTY")
            .args(["--data-seed", &data_set.seed.to_string()])
            .args(["--data-users", &data_set.users.to_string()])
            .args(["--data-posts", &data_set.posts.to_string()]);
    }
    if let Some(store_url) = &options.store_url {
        command.env("TENFOLD_STORE", store_url);
    }
    command.args(&options.arguments);
    let server = lab_box::start(
        "server",
        command,
        &options.directory,
        Readiness::File(ready_file),
        options.ready_timeout,
    )?;
    Ok(vec![server])
}
