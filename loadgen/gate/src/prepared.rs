//! A subject, made ready to be started.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tenfold_loadgen::{HttpVersion, Interrupt};

use crate::GateError;
use crate::endpoint::Endpoint;
use crate::launch::Launch;
use crate::revision::{self, WorkTree};
use crate::subject::{PORT, Subject};

/// How subjects are built and started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipe {
    /// The shell command that builds a revision or a directory, run in it; none where nothing is to be
    /// built.
    pub build: Option<String>,
    /// How long that may take.
    pub build_within: Duration,
    /// The shell command that starts one, run in it, with `{port}` in it and `{admin_port}` where the
    /// build has metrics and profiles.
    pub start: Option<String>,
    /// The path that is asked for until it is answered by anything but a 5xx.
    pub ready_path: String,
    /// How long that may take.
    pub ready_within: Duration,
}

/// Where subjects are made ready, and by what.
pub(crate) struct Workshop<'a> {
    /// How they are built and started.
    pub(crate) recipe: &'a Recipe,
    /// The directory that commands are run in, and whose repository revisions are of.
    pub(crate) working: &'a Path,
    /// Where work trees and logs are put.
    pub(crate) directory: &'a Path,
    /// What the builds speak.
    pub(crate) http: HttpVersion,
    /// Becomes true when somebody wants it to end.
    pub(crate) interrupt: &'a Interrupt,
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

/// A subject, made ready to be started.
#[derive(Debug)]
pub(crate) enum Prepared {
    /// It is started by this program, again and again.
    Launch {
        /// How.
        launch: Launch,
        /// Its sources, while they are needed.
        _tree: Option<WorkTree>,
    },
    /// Somebody else has started it.
    Up(Box<Endpoint>),
}

impl Prepared {
    /// Checks out and builds what has to be; `name` tells the two apart below `directory`.
    ///
    /// # Errors
    /// Where git or the build fails, nobody said how to start it, or somebody does not wait for it.
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
                .map(Self::Up)
                .ok_or_else(|| {
                    // Whoever names a URL says where it is; nothing else is sent to.
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

    /// Whether it has somewhere to ask for metrics and profiles.
    pub(crate) fn has_admin(&self) -> bool {
        match self {
            Self::Launch { launch, .. } => launch.has_admin(),
            Self::Up(endpoint) => endpoint.admin.is_some(),
        }
    }

    /// The command that starts it, where it is started here.
    pub(crate) fn command(&self) -> Option<&str> {
        match self {
            Self::Launch { launch, .. } => Some(&launch.template),
            Self::Up(_) => None,
        }
    }
}

/// The command that starts a revision or a directory.
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
