//! Subjects that are ready to be started.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tenfold_loadgen::{HttpVersion, Interrupt};
use tenfold_measure::Endpoint;

use crate::GateError;
use crate::subject::launch::Launch;
use crate::subject::revision::{self, WorkTree};
use crate::subject::{PORT, Subject};

/// Commands that build and start subjects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipe {
    /// Shell command that builds a revision or a directory, run in it. `None` if nothing has to be built.
    pub build: Option<String>,
    /// Time limit of the build.
    pub build_within: Duration,
    /// Shell command that starts a revision or a directory, run in it. It contains `{port}`, and `{admin_port}`
    /// if the build serves metrics and profiles.
    pub start: Option<String>,
    /// Path requested until its status is below 500.
    pub ready_path: String,
    /// Time limit to become ready.
    pub ready_within: Duration,
}

/// Environment in which subjects are built.
pub struct Workshop<'a> {
    /// Commands that build and start them.
    pub recipe: &'a Recipe,
    /// Directory that commands run in, within the repository of the revisions.
    pub working: &'a Path,
    /// Parent of work trees and logs.
    pub directory: &'a Path,
    /// HTTP version of the builds.
    pub http: HttpVersion,
    /// Becomes `true` when the command is to end early.
    pub interrupt: &'a Interrupt,
}

impl Workshop<'_> {
    fn build(&self, subject: &Subject, directory: &Path, name: &str) -> Result<(), GateError> {
        let Some(command) = &self.recipe.build else {
            return Ok(());
        };
        revision::build(
            &subject.to_string(),
            command,
            directory,
            &self.directory.join(format!("{name}-build.log")),
            self.recipe.build_within,
            self.interrupt,
        )
    }
}

/// A subject that is ready to be started.
#[derive(Debug)]
pub(crate) enum Prepared {
    /// The gate starts it in every epoch.
    Launch {
        /// Command and limits.
        launch: Launch,
        /// Work tree, removed once it is no longer needed.
        _tree: Option<WorkTree>,
    },
    /// A service that runs already.
    Running(Box<Endpoint>),
}

impl Prepared {
    /// Checks a subject out and builds it, if necessary. `name` is the name of its work tree and log.
    ///
    /// # Errors
    /// Fails if git or the build fails, the start command is missing, or the gate is interrupted.
    pub(crate) fn of(
        subject: &Subject,
        endpoint: Option<&Endpoint>,
        workshop: &Workshop<'_>,
        name: &str,
    ) -> Result<Self, GateError> {
        let recipe = workshop.recipe;
        let launch = |template: &str, directory: PathBuf| Launch {
            template: template.to_owned(),
            directory,
            ready_path: recipe.ready_path.clone(),
            ready_within: recipe.ready_within,
            http: workshop.http,
        };
        match subject {
            Subject::Command(command) => Ok(Self::Launch {
                launch: launch(command, workshop.working.to_owned()),
                _tree: None,
            }),
            Subject::Url(url) => endpoint
                .cloned()
                .map(Box::new)
                .map(Self::Running)
                .ok_or_else(|| {
                    // Callers provide the endpoint of every URL, after they have cleared it.
                    GateError::NoSubject { text: url.clone() }
                }),
            Subject::Directory { path, .. } => {
                let start = start_command(recipe, subject)?;
                workshop.build(subject, path, name)?;
                Ok(Self::Launch {
                    launch: launch(start, path.clone()),
                    _tree: None,
                })
            }
            Subject::Revision { commit, .. } => {
                let start = start_command(recipe, subject)?;
                let repository = revision::repository(workshop.working)?;
                let tree = WorkTree::add(&repository, commit, &workshop.directory.join(name))?;
                workshop.build(subject, tree.path(), name)?;
                Ok(Self::Launch {
                    launch: launch(start, tree.path().to_owned()),
                    _tree: Some(tree),
                })
            }
        }
    }

    /// Returns whether it serves metrics and profiles.
    pub(crate) fn has_admin(&self) -> bool {
        match self {
            Self::Launch { launch, .. } => launch.has_admin(),
            Self::Running(endpoint) => endpoint.admin.is_some(),
        }
    }

    /// Returns the command that starts it. `None` for a service that runs already.
    pub(crate) fn command(&self) -> Option<&str> {
        match self {
            Self::Launch { launch, .. } => Some(&launch.template),
            Self::Running(_) => None,
        }
    }
}

/// Returns the command that starts a revision or a directory.
fn start_command<'a>(recipe: &'a Recipe, subject: &Subject) -> Result<&'a str, GateError> {
    let start = recipe.start.as_deref().ok_or_else(|| GateError::NoStart {
        subject: subject.to_string(),
    })?;
    if !start.contains(PORT) {
        return Err(GateError::NoPort {
            command: start.to_owned(),
        });
    }
    Ok(start)
}
