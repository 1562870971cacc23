//! Object store boxes: S3 over a folder for each bucket.

use std::fs;
use std::path::Path;

use super::service::FileStore;
use crate::LabError;
use crate::boxes::box_plan::BoxPlan;
use crate::boxes::readiness::Listening;
use crate::directory::private_directory;
use crate::identity::secret;
use crate::network::site::{Site, port};
use crate::program;

/// Bucket for all objects.
const BUCKET: &str = "tenfold";

/// Access key; its secret is specific to the lab.
const ACCESS_KEY_ID: &str = "tenfold";

/// Plans the box, and returns its address and credentials.
pub(crate) fn plan(
    name: &str,
    role: &'static str,
    directory: &Path,
    site: &mut Site,
) -> Result<(BoxPlan, FileStore), LabError> {
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
    let file_store = FileStore {
        address: listen,
        url: format!("s3://{BUCKET}?endpoint=http://{listen}"),
        access_key_id: ACCESS_KEY_ID.to_owned(),
        secret_access_key: secret(directory, name)?,
    };
    let plan = BoxPlan::program(name, role, program, Listening::at(listen))
        .with(["--host", &listen.ip().to_string()])
        .with(["--port", &listen.port().to_string()])
        .with(["--access-key", ACCESS_KEY_ID])
        // It accepts the secret only here, where processes of this account can read it.
        .with(["--secret-key", &file_store.secret_access_key])
        .with([root]);
    Ok((plan, file_store))
}
