//! Number of users that files and ports of this machine allow.

use tenfold_probe::limits::{connections_to_one_address, raise_open_files};
use tenfold_scenarios::{Overrides, Scenario};

use crate::MeasureError;

/// Files that a run keeps open besides its users' connections.
const OTHER_FILES: u64 = 64;

/// A scenario whose users fit on this machine.
#[derive(Debug)]
pub struct Fitted {
    /// The scenario, with fewer users if necessary.
    pub scenario: Scenario,
    /// Explanation for the user. `None` if the scenario is unchanged.
    pub note: Option<String>,
}

/// Raises the limit on open files, and lowers the scenario's users to what files and ports allow.
///
/// # Errors
/// Fails if the users do not fit, and `requested` says that the number was given explicitly.
pub fn fit_users(scenario: Scenario, requested: bool) -> Result<Fitted, MeasureError> {
    let (_, files) = raise_open_files();
    let ports = connections_to_one_address().unwrap_or(u64::MAX);
    let by_files = files.saturating_sub(OTHER_FILES);
    let (room, limit) = if by_files <= ports {
        (
            by_files,
            format!("the limit of {files} open files (`ulimit -n`)"),
        )
    } else {
        (
            ports,
            "half of the local ports (net.ipv4.ip_local_port_range)".to_owned(),
        )
    };
    fit(
        scenario,
        requested,
        u32::try_from(room).unwrap_or(u32::MAX),
        limit,
    )
}

fn fit(
    scenario: Scenario,
    requested: bool,
    room: u32,
    limit: String,
) -> Result<Fitted, MeasureError> {
    let users = scenario.load.users;
    if users <= room {
        return Ok(Fitted {
            scenario,
            note: None,
        });
    }
    if requested || room == 0 {
        return Err(MeasureError::TooManyUsers { users, room, limit });
    }
    let scenario = scenario.with(&Overrides {
        users: Some(room),
        ..Overrides::default()
    })?;
    Ok(Fitted {
        scenario,
        note: Some(format!(
            "note: running {room} users instead of {users}: {limit} leaves room for no more"
        )),
    })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn scenario() -> Scenario {
        let text = r#"
            version = 1
            name = "users"
            phases = [{ name = "a", kind = "constant", rate = "10/s", duration = "1s" }]
            requests = [{ name = "read", kind = "read", weight = 1, path = "/" }]
            [load]
            users = 100
        "#;
        Scenario::parse(text, Path::new("users.toml")).unwrap()
    }

    #[test]
    fn lowers_default_number_of_users() {
        let fitted = fit(scenario(), false, 40, "a limit".to_owned()).unwrap();
        assert_eq!(fitted.scenario.load.users, 40);
        let note = fitted.note.unwrap();
        assert!(note.contains("40 users instead of 100"), "{note}");
        let fitted = fit(scenario(), false, 100, "a limit".to_owned()).unwrap();
        assert_eq!((fitted.scenario.load.users, fitted.note), (100, None));
    }

    #[test]
    fn rejects_requested_users_that_do_not_fit() {
        for (requested, room) in [(true, 40), (false, 0)] {
            let error = fit(scenario(), requested, room, "a limit".to_owned()).unwrap_err();
            assert!(error.to_string().contains("--users"), "{error}");
        }
    }
}
