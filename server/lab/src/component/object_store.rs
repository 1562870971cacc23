//! A box that keeps files and speaks S3: a bucket is a folder.

use std::fs;
use std::path::Path;

use super::service::FilesPlace;
use crate::LabError;
use crate::boxes::box_plan::BoxPlan;
use crate::boxes::readiness::Listening;
use crate::directory::private_directory;
use crate::identity::secret;
use crate::network::site::{Site, port};
use crate::program;

/// The bucket that everything is in.
const BUCKET: &str = "tenfold";

/// The account; its secret is the lab's own.
const ACCESS_KEY_ID: &str = "tenfold";

/// Plans the box; returns with it what opens it.
pub(crate) fn plan(
    name: &str,
    role: &'static str,
    directory: &Path,
    site: &mut Site,
) -> Result<(BoxPlan, FilesPlace), LabError> {
    let program = program::S3S_FS.find()?;
    let listen = site.private(name, port::S3)?;
    let root = directory.join(name);
    let bucket = root.join(BUCKET);
    private_directory(&root)
        .and_then(|()| fs::create_dir_all(&bucket))
        .map_err(|source| LabError::Directory {
            path: bucket,
            source,
        })?;
    let place = FilesPlace {
        address: listen,
        url: format!("s3://{BUCKET}?endpoint=http://{listen}"),
        access_key_id: ACCESS_KEY_ID.to_owned(),
        secret_access_key: secret(directory, name)?,
    };
    let plan = BoxPlan::program(name, role, program, Listening::at(listen))
        .with(["--host", &listen.ip().to_string()])
        .with(["--port", &listen.port().to_string()])
        .with(["--access-key", ACCESS_KEY_ID])
        // It takes it from nowhere else; who may read the command lines of this account's processes has it.
        .with(["--secret-key", &place.secret_access_key])
        .with([root]);
    Ok((plan, place))
}
