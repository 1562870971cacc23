//! GoAccess boxes: a page of the requests at the entrance, made from the lines of the balancer's log.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use super::own_directory;
use crate::LabError;
use crate::boxes::box_plan::BoxPlan;
use crate::boxes::readiness::Listening;

/// Plans a box, and returns the socket for the log. The box is the program of Tenfold, which keeps the latest lines and runs
/// GoAccess when somebody looks.
pub(crate) fn goaccess(
    (name, role): (&str, &'static str),
    own: PathBuf,
    goaccess: &Path,
    listen: SocketAddr,
    directory: &Path,
) -> Result<(BoxPlan, PathBuf), LabError> {
    let socket = own_directory(name, directory)?.join("log.sock");
    let plan = BoxPlan::program(name, role, own, Listening::at(listen))
        .with(["lab", "serve-log", "--listen"])
        .with([listen.to_string()])
        .with(["--socket".as_ref(), socket.as_os_str()])
        .with(["--goaccess".as_ref(), goaccess.as_os_str()]);
    Ok((plan, socket))
}
