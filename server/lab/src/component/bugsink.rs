//! Bugsink boxes: receive error reports by Sentry's protocol, and show them.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use super::own_directory;
use crate::LabError;
use crate::boxes::box_plan::BoxPlan;
use crate::boxes::readiness::Listening;
use crate::directory::write_private;
use crate::identity::secret;
use crate::starting::progress_source::ProgressSource;

/// Name of its only user.
pub(crate) const USER: &str = "tenfold@example.com";

/// Name of the secret with the user's password.
pub(crate) const PASSWORD: &str = "bugsink-password";

/// Number of its only project.
const PROJECT: u32 = 1;

/// Length of a project's key, in hexadecimal digits.
const KEY_DIGITS: usize = 32;

/// Creates tables, user and project if this version has not done so, which takes seconds, then becomes the server.
const START: &str = r#"
set -e
cd "$1"
version=$("$(dirname "$2")/bugsink-show-version")
if [ "$version" != "$(cat created 2>/dev/null)" ]; then
    "$2" migrate --verbosity 0
    "$2" migrate snappea --database=snappea --verbosity 0
    "$2" shell <project.py
    echo "$version" >created
fi
exec "$3" --bind "$4" --workers 1 --threads 4 --worker-tmp-dir "$1" --log-level warning bugsink.wsgi
"#;

/// Creates the user and the project.
const SETUP: &str = r#"
import os
from django.contrib.auth import get_user_model
from projects.models import Project, ProjectMembership, ProjectRole

name, password = os.environ["BUGSINK_USER"], os.environ["BUGSINK_PASSWORD"]
users = get_user_model().objects
user = users.filter(username=name).first() or users.create_superuser(username=name, email=name, password=password)
project, _ = Project.objects.get_or_create(id=int(os.environ["BUGSINK_PROJECT"]), defaults={"name": "tenfold", "sentry_key": os.environ["BUGSINK_KEY"]})
ProjectMembership.objects.get_or_create(project=project, user=user, defaults={"role": ProjectRole.ADMIN, "accepted": True})
"#;

/// Plans the box. Returns the data source name for its clients, which contains a key.
pub(crate) fn bugsink(
    (name, role): (&str, &'static str),
    program: PathBuf,
    listen: SocketAddr,
    directory: &Path,
) -> Result<(BoxPlan, String), LabError> {
    let own = own_directory(name, directory)?;
    let key = secret(directory, "bugsink-key")?;
    let key = key.get(..KEY_DIGITS).unwrap_or_default();
    write_private(
        &own.join("bugsink_conf.py"),
        &settings(&own, listen, &secret(directory, "bugsink-secret")?),
    )?;
    write_private(&own.join("project.py"), SETUP)?;
    // Installed in the same environment.
    let server = program.with_file_name("gunicorn");
    let mut plan = BoxPlan::program(name, role, "sh".into(), Listening::at(listen))
        .with(["-c", START, "sh"])
        .with([own.clone(), program, server])
        .with([listen.to_string()]);
    plan.progress = ProgressSource {
        file: None,
        data: Some(own.clone()),
        growing: "writing data,",
        of_line: None,
    };
    let password = secret(directory, PASSWORD)?;
    let environment = [
        ("PYTHONPATH", own.display().to_string()),
        ("DJANGO_SETTINGS_MODULE", "bugsink_conf".to_owned()),
        ("PYTHONDONTWRITEBYTECODE", "1".to_owned()),
        ("BUGSINK_USER", USER.to_owned()),
        ("BUGSINK_PASSWORD", password),
        ("BUGSINK_PROJECT", PROJECT.to_string()),
        ("BUGSINK_KEY", key.to_owned()),
    ];
    plan.environment = environment
        .map(|(name, value)| (name.into(), Some(value.into())))
        .into();
    Ok((plan, format!("http://{key}@{listen}/{PROJECT}")))
}

/// Returns settings for one user on this machine, which tell nobody else about it.
fn settings(own: &Path, listen: SocketAddr, secret_key: &str) -> String {
    let (own, ip) = (own.display(), listen.ip());
    format!(
        r#"from bugsink.settings.default import *

SECRET_KEY = "{secret_key}"
DATABASES["default"]["NAME"] = "{own}/db.sqlite3"
DATABASES["snappea"]["NAME"] = "{own}/snappea.sqlite3"
TIME_ZONE = "UTC"
ALLOWED_HOSTS = ["{ip}"]
EMAIL_BACKEND = "bugsink.email_backends.QuietConsoleEmailBackend"
SNAPPEA = {{"TASK_ALWAYS_EAGER": True}}
BUGSINK = {{
    "BASE_URL": "http://{listen}",
    "DIGEST_IMMEDIATELY": True,
    "SINGLE_USER": True,
    "SINGLE_TEAM": True,
    "USER_REGISTRATION": "CB_NOBODY",
    "PHONEHOME": False,
}}
"#
    )
}
