//! One diagnosis of one planted bottleneck.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use serde::{Deserialize, Serialize};
use tenfold_analysis::Confidence;
use tenfold_analysis::diagnosis::{DiagnosisReport, Resource};

use crate::findings::planted::{Planted, Service};
use crate::workshop::Workshop;
use crate::workshop::child::{Child, Confines};

const SCENARIO: &str = include_str!("../../scenarios/findings.toml");
const PYTHON: &str = include_str!("../../planted/server.py");
const NODE: &str = include_str!("../../planted/server.js");

/// Time for a service to print its port.
const START: Duration = Duration::from_secs(10);

/// Time for a diagnosis.
const DIAGNOSIS: Duration = Duration::from_secs(300);

/// One diagnosis.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Trial {
    /// Name of the bottleneck.
    pub(crate) planted: String,
    /// True if the service is the reference service.
    pub(crate) own: bool,
    /// True if nothing was planted.
    pub(crate) nothing: bool,
    /// Number of the turn.
    pub(crate) turn: u32,
    /// Resource of the first bottleneck. `None` if there is none.
    pub(crate) resource: Option<Resource>,
    /// Its title.
    pub(crate) title: String,
    /// Confidence in it. `None` if there is none.
    pub(crate) confidence: Option<Confidence>,
    /// True if the resource is right.
    pub(crate) right: bool,
    /// True if the function is right as well. `None` if none was planted.
    pub(crate) place_right: Option<bool>,
    /// Duration of the diagnosis, in seconds.
    pub(crate) took_s: f64,
}

impl Trial {
    /// Starts the service, diagnoses it, and stops it.
    pub(crate) fn take(
        planted: &'static Planted,
        turn: u32,
        quick: bool,
        workshop: &Workshop,
    ) -> anyhow::Result<Self> {
        let folder = workshop.folder("findings")?;
        let scenario = folder.join("findings.toml");
        std::fs::write(&scenario, SCENARIO).context("could not write the scenario")?;
        let mut command = Command::new(workshop.tenfold());
        command.current_dir(&folder).arg("profile");
        let service = Started::start(planted.service, &folder, workshop)?;
        match planted.service {
            Service::Reference(flags) => command.args(flags),
            _ => command.arg(&scenario),
        };
        if let Some(started) = &service {
            command.args(["--target", &format!("http://127.0.0.1:{}", started.port)]);
        }
        if let Service::PythonBelow(_, max) = planted.service {
            command.args(["--max", max]);
        }
        command.args(["--json", "--out", "diagnosis"]);
        if quick {
            command.args(["--budget", "20s", "--duration", "6s"]);
        }
        let began = Instant::now();
        let mut diagnosis = Child::start("tenfold", &command, &Confines::default(), &folder)?;
        if !diagnosis.wait(DIAGNOSIS, workshop.interrupt())? {
            bail!("the diagnosis took more than {} s", DIAGNOSIS.as_secs());
        }
        diagnosis.end();
        let found: DiagnosisReport = serde_json::from_str(&diagnosis.output())
            .with_context(|| format!("no diagnosis: {}", diagnosis.last_words()))?;
        let first = found.diagnosis.bottlenecks.first();
        let resource = first.map(|own| own.resource);
        let right = resource.is_some_and(|own| planted.right.contains(&own));
        let place_right = (!planted.place.is_empty()).then(|| {
            right
                && first.is_some_and(|own| {
                    let mut texts = own.evidence.iter().chain([&own.title]);
                    texts.any(|text| text.contains(planted.place))
                })
        });
        Ok(Self {
            planted: planted.name.to_owned(),
            own: planted.is_own(),
            nothing: planted.is_nothing(),
            turn,
            resource,
            title: first.map_or(String::new(), |own| own.title.clone()),
            confidence: first.map(|own| own.confidence),
            right,
            place_right,
            took_s: began.elapsed().as_secs_f64(),
        })
    }

    /// Returns the diagnosis in a line.
    pub(crate) fn line(&self) -> String {
        let right = match self.right {
            true => "right",
            false => "WRONG",
        };
        format!(
            "{}: {right} in {:.0} s: {}",
            self.planted, self.took_s, self.title
        )
    }
}

/// A service that is not the reference service.
struct Started {
    port: u16,
    _child: Child,
}

impl Started {
    fn start(service: Service, folder: &Path, workshop: &Workshop) -> anyhow::Result<Option<Self>> {
        let (program, options, file, text, argument) = match service {
            Service::Python(argument) | Service::PythonBelow(argument, _) => (
                "python3",
                &["-X", "perf"][..],
                "server.py",
                PYTHON,
                argument,
            ),
            Service::Node(argument) => (
                "node",
                &["--perf-basic-prof"][..],
                "server.js",
                NODE,
                argument,
            ),
            Service::Reference(_) => return Ok(None),
        };
        let file = folder.join(file);
        std::fs::write(&file, text).context("could not write the service")?;
        let mut command = Command::new(program);
        command
            .current_dir(folder)
            .args(options)
            .arg(&file)
            .arg(argument);
        let child = Child::start("service", &command, &Confines::default(), folder)?;
        let printed = || child.output().trim().parse::<u16>().ok();
        workshop
            .interrupt()
            .wait(START, || printed().is_some() || child.has_ended())?;
        match printed() {
            Some(port) => Ok(Some(Self {
                port,
                _child: child,
            })),
            None => bail!("the service did not start: {}", child.last_words()),
        }
    }
}
