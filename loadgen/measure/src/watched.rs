//! Databases, caches, web servers and balancers that are watched during a run.

use std::time::Duration;

use tenfold_lab::{BalancerStatus, Lab};
use tenfold_probe::{AdminListener, ComponentKind, ComponentUrl, ComponentWatch, WatchedComponent};
use tenfold_run_dir::balancer_use::BalancerUse;
use tenfold_run_dir::component_use::ComponentUse;
use tenfold_run_dir::{RunDir, RunDirError};

use crate::stage_use::balancer_use;

/// Time limit of a reading of a balancer.
const TIMEOUT: Duration = Duration::from_secs(2);

/// Path of HAProxy's statistics in JSON, after that of their page.
const STATISTICS: &str = ";json";

/// Components that are watched: those of the lab, and those that the user names.
pub(crate) struct Watched {
    watch: ComponentWatch,
    balancers: Vec<Balancer>,
    /// Boxes of the lab that were watched, by name and process.
    boxes: Vec<(String, Option<u32>)>,
}

/// A balancer that is no box of the lab.
struct Balancer {
    name: String,
    statistics: AdminListener,
    before: Result<BalancerStatus, String>,
}

impl Watched {
    /// Starts to watch. Returns once each component was read, or has failed to answer.
    pub(crate) fn start(lab: Option<&Lab>, named: &[ComponentUrl]) -> Self {
        let boxes = lab.map(Lab::boxes).unwrap_or_default();
        let of_lab = boxes.iter().filter_map(|own| {
            let url = own.monitor()?.parse().ok()?;
            Some(WatchedComponent {
                name: own.name().to_owned(),
                url,
            })
        });
        let mut components: Vec<WatchedComponent> = of_lab.collect();
        let is_watched = |name: &str| components.iter().any(|own| own.name == name);
        let boxes = boxes.iter().filter(|own| is_watched(own.name()));
        let boxes = boxes
            .map(|own| (own.name().to_owned(), own.pid()))
            .collect();
        let mut balancers = Vec::new();
        for url in named {
            let name = url.host().to_owned();
            if url.kind() == ComponentKind::Haproxy {
                let statistics = url.listener().join(STATISTICS);
                balancers.push(Balancer {
                    before: read(&name, &statistics),
                    statistics,
                    name,
                });
            } else {
                components.push(WatchedComponent {
                    name,
                    url: url.clone(),
                });
            }
        }
        Self {
            watch: ComponentWatch::start(components),
            balancers,
            boxes,
        }
    }

    /// Reads all components once more.
    pub(crate) fn stop(self, lab: Option<&Lab>) -> Findings {
        let mut components = self.watch.stop();
        // A box that was killed or restarted on purpose has no figures, and no gap either.
        let is_same = |name: &str| {
            let before = self.boxes.iter().find(|(own, _)| own == name);
            let now = lab.map(Lab::boxes).unwrap_or_default().iter();
            let mut now = now.filter(|own| own.name() == name);
            before.is_none_or(|(_, pid)| now.any(|own| own.is_up() && own.pid() == *pid))
        };
        components.retain(|own| own.figures.is_some() || is_same(&own.name));
        let mut balancers = Vec::new();
        let mut notes: Vec<String> = components.iter().flat_map(|own| own.gaps.clone()).collect();
        for own in self.balancers {
            let after = read(&own.name, &own.statistics);
            match own.before.and_then(|before| Ok((before, after?))) {
                Ok((before, after)) => balancers.push(balancer_use((&[], &before), (&[], &after))),
                Err(reason) => notes.push(format!(
                    "could not read the counters of {}: {reason}",
                    own.name
                )),
            }
        }
        Findings {
            components,
            balancers,
            notes,
        }
    }
}

/// Figures of the components, and their gaps.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    pub(crate) components: Vec<ComponentUse>,
    /// Balancers that are no boxes of the lab.
    pub(crate) balancers: Vec<BalancerUse>,
    /// Gaps, each in a sentence.
    pub(crate) notes: Vec<String>,
}

impl Findings {
    /// Writes the components.
    pub(crate) fn write(&self, run_dir: &RunDir) -> Result<(), RunDirError> {
        if !self.components.is_empty() {
            run_dir.write_components(&self.components)?;
        }
        if !self.balancers.is_empty() {
            run_dir.write_balancers(&self.balancers)?;
        }
        Ok(())
    }
}

/// Reads the statistics of a balancer.
fn read(name: &str, statistics: &AdminListener) -> Result<BalancerStatus, String> {
    let page = tenfold_probe::page(statistics, TIMEOUT)?;
    let status = BalancerStatus::parse(&page).map_err(|_| {
        "its page is not the statistics page of HAProxy (`stats enable`, `stats uri`)".to_owned()
    })?;
    Ok(BalancerStatus {
        name: name.to_owned(),
        ..status
    })
}
