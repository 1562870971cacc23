//! One diagnosis of one planted bottleneck.

use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use serde::{Deserialize, Serialize};
use tenfold_analysis::Confidence;
use tenfold_analysis::diagnosis::{DiagnosisReport, Resource};

use crate::findings::planted::{Planted, Service};
use crate::findings::service::Started;
use crate::workshop::Workshop;
use crate::workshop::child::Child;

const SCENARIO: &str = include_str!("../../scenarios/findings.toml");
const REFERENCE: &str = include_str!("../../scenarios/findings-reference.toml");

/// Time for a diagnosis.
const DIAGNOSIS: Duration = Duration::from_secs(300);

/// Time of the search for the knee, and of each run after it: all of it takes 75 s or less.
const LENGTH: [&str; 4] = ["--budget", "20s", "--duration", "6s"];

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
    /// Its evidence.
    #[serde(default)]
    pub(crate) evidence: Vec<String>,
    /// Confidence in it. `None` if there is none.
    pub(crate) confidence: Option<Confidence>,
    /// True if the resource is right.
    pub(crate) right: bool,
    /// True if the function, statement or request is right as well. `None` if none was planted.
    pub(crate) place_right: Option<bool>,
    /// Duration of the diagnosis, in seconds.
    pub(crate) took_s: f64,
}

impl Trial {
    /// Starts the service, diagnoses it, and stops it.
    pub(crate) fn take(
        planted: &'static Planted,
        turn: u32,
        workshop: &Workshop,
    ) -> anyhow::Result<Self> {
        let folder = workshop.folder("findings")?;
        let scenario = folder.join("findings.toml");
        let text = match planted.service {
            Service::Delayed(..) => REFERENCE,
            _ => SCENARIO,
        };
        std::fs::write(&scenario, text).context("could not write the scenario")?;
        let service = Started::start(planted, &folder, workshop)?;
        let mut command = Command::new(workshop.tenfold());
        command.current_dir(&folder).arg("profile");
        match planted.service {
            Service::Reference(name) => command.arg(name),
            _ => command.arg(&scenario),
        };
        if let Some(target) = &service.target {
            command.args(["--target", target]);
        }
        for component in &service.components {
            command.args(["--component", component]);
        }
        command.args(planted.flags).args(LENGTH);
        command.args(["--json", "--out", "diagnosis"]);
        let began = Instant::now();
        let mut diagnosis = Child::start("tenfold", &command, &service.generator, &folder)?;
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
                    texts.any(|text| planted.place.split('|').any(|own| text.contains(own)))
                })
        });
        Ok(Self {
            planted: planted.name.to_owned(),
            own: planted.is_own(),
            nothing: planted.is_nothing(),
            turn,
            resource,
            title: first.map_or(String::new(), |own| own.title.clone()),
            evidence: first.map_or(Vec::new(), |own| own.evidence.clone()),
            confidence: first.map(|own| own.confidence),
            right,
            place_right,
            took_s: began.elapsed().as_secs_f64(),
        })
    }

    /// Returns the diagnosis in a line.
    pub(crate) fn line(&self) -> String {
        let right = match (self.right, self.place_right) {
            (false, _) => "WRONG",
            (true, Some(false)) => "right, but not its place,",
            (true, _) => "right",
        };
        format!(
            "{}: {right} in {:.0} s: {}",
            self.planted, self.took_s, self.title
        )
    }
}
