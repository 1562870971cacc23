//! Builds to compare, as `gate` and `knee` name them.

use tenfold_gate::Subject;
use tenfold_loadgen::{DialOptions, Target};
use tenfold_measure::Endpoint;

use crate::exit::UsageError;
use crate::permission::host_guard;

/// Returns the endpoint of a subject that is a URL, if load may be sent there. `None` for other subjects.
pub(crate) fn endpoint(
    subject: &Subject,
    admin: Option<&str>,
    dial: &DialOptions,
    hosts: &[String],
) -> anyhow::Result<Option<Endpoint>> {
    let Subject::Url(url) = subject else {
        return match admin {
            Some(admin) => Err(UsageError(format!(
                "could not use {admin} for `{subject}`, because Tenfold starts that build itself; put \
                 {{admin_port}} into its command instead"
            ))
            .into()),
            None => Ok(None),
        };
    };
    let target = url.parse::<Target>()?.with(dial.clone())?;
    // With two URLs, each needs the permission that names it.
    let hosts = hosts.iter().filter(|host| *host == target.host());
    let granted: Vec<String> = hosts.cloned().collect();
    host_guard::clear(target, admin, &granted, false).map(Some)
}

/// Rejects connection options that do not apply to builds started here, before one is built.
pub(crate) fn check_dial_options(dial: &DialOptions) -> anyhow::Result<()> {
    "http://127.0.0.1:80"
        .parse::<Target>()?
        .with(dial.clone())?;
    Ok(())
}
