//! `tenfold lab rotate`: new certificates and passwords.

use tenfold_lab::{Request, Rotation};

use crate::arguments::lab::{RotateArguments, Rotated};
use crate::commands::lab::request;
use crate::exit::{Exit, UsageError};

/// Rotates certificates, or does a step of the rotation of passwords.
pub(crate) fn rotate(arguments: &RotateArguments) -> anyhow::Result<Exit> {
    let (rotation, result) = match (arguments.what, arguments.finish) {
        (Rotated::Certificates, false) => {
            let valid_for = arguments.valid_for;
            (Rotation::Certificates { valid_for }, "new certificates")
        }
        (Rotated::Certificates, true) => {
            return Err(UsageError(
                "--finish is for passwords; certificates need no second step".to_owned(),
            )
            .into());
        }
        (Rotated::Passwords, false) => (
            Rotation::Passwords,
            "new passwords beside the earlier ones; replace the boxes of the service, then use --finish",
        ),
        (Rotated::Passwords, true) => (Rotation::EarlierPasswords, "new passwords alone"),
    };
    let directory = &arguments.directory.dir;
    request(directory, &Request::Rotate { rotation }, result)
}
