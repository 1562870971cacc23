//! Outages: a box or a zone of a stage is killed under load, and started again.

use std::cell::Cell;
use std::path::PathBuf;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use tenfold_analysis::ladder::Outage;
use tenfold_lab::{Lab, LabBox, LabError};
use tenfold_loadgen::Recording;
use tenfold_measure::{Observer, StageDescription};

use super::{Trial, Trials};

/// Warm-up before an outage.
const WARM_UP: Duration = Duration::from_secs(1);

/// Times of an outage.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OutageTimes {
    /// Load before the kill.
    pub(crate) before: Duration,
    /// Time for which the box is gone.
    pub(crate) gone: Duration,
    /// Load after its restart begins.
    pub(crate) after: Duration,
}

/// Returns the box whose loss hurts most, and a zone if the stage has zones.
pub(crate) fn victims(lab: &Lab) -> Vec<String> {
    let of_role = |role: &str| {
        let mut boxes = lab.boxes().iter();
        boxes.find(|own| own.role() == role).map(LabBox::name)
    };
    let first = of_role("sql")
        .or_else(|| of_role("sql-posts"))
        .or_else(|| of_role("web"));
    let zone = lab.boxes().iter().find_map(LabBox::zone);
    let zone = zone.map(|zone| format!("zone-{zone}"));
    first.map(str::to_owned).into_iter().chain(zone).collect()
}

/// Reports the start of the load, after the sessions are logged in.
pub(super) struct Starting(pub(super) Option<mpsc::Sender<Instant>>);

impl Observer for Starting {
    fn on_start(&mut self, began: Instant) {
        if let Some(start) = self.0.take() {
            // The receiver waits for it.
            let _ = start.send(began);
        }
    }

    fn on_end(&mut self, _: Option<&Recording>) {
        self.0 = None;
    }
}

impl Trials<'_> {
    /// Sends a rate, kills a box or a zone meanwhile, starts it again, and returns what users saw.
    ///
    /// # Errors
    /// If the service is no stage, or the run could not be measured. That the box did not come back is part of the outage.
    pub(crate) fn outage(
        &mut self,
        killed: &str,
        (rate, directory): (f64, &str),
        times: OutageTimes,
    ) -> anyhow::Result<Outage> {
        let trial = Trial {
            rate,
            warm_up: WARM_UP,
            duration: times.before + times.gone + times.after,
            directory: directory.to_owned(),
            profiles: false,
            users: None,
        };
        let Some(mut lab) = self.service.lab.take() else {
            anyhow::bail!("the service is not a stage, so it has no boxes to kill");
        };
        self.lent = Some(StageDescription::of(&lab));
        let own = &*self;
        let (measured, failed) = std::thread::scope(|scope| {
            let (start, started) = mpsc::channel();
            let (running, ended) = mpsc::channel::<()>();
            let lab = &mut lab;
            // The lab answers and scales all the time.
            let killer = scope.spawn(move || {
                let began = Cell::new(None);
                lab.answer(&|| match started.try_recv() {
                    Err(mpsc::TryRecvError::Empty) => false,
                    received => {
                        began.set(received.ok());
                        true
                    }
                });
                // Otherwise the run failed before its first arrival.
                let done = match began.get() {
                    Some(began) => own.kill_and_revive(lab, killed, (began, times)),
                    None => Ok(()),
                };
                lab.answer(&|| ended.try_recv() == Err(mpsc::TryRecvError::Disconnected));
                done
            });
            let measured = own.measure_observed(&trial, &mut Starting(Some(start)));
            // A panic drops it as well.
            drop(running);
            let failed = killer
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            (measured, failed)
        });
        self.service.lab = Some(lab);
        self.lent = None;
        let mut outage = Outage::of(
            &measured?.run,
            killed,
            PathBuf::from(directory),
            (rate, times.gone.as_secs_f64()),
        );
        outage.error = failed.err().map(|error| error.to_string());
        Ok(outage)
    }

    /// Runs beside a load that has just started.
    fn kill_and_revive(
        &self,
        lab: &mut Lab,
        killed: &str,
        (began, times): (Instant, OutageTimes),
    ) -> Result<(), LabError> {
        self.answer_until(lab, began + WARM_UP + times.before)?;
        lab.kill(killed)?;
        let waited = self.answer_until(lab, Instant::now() + times.gone);
        lab.revive(killed)?;
        waited
    }

    /// Lets the lab answer and scale until then, unless the user interrupts.
    fn answer_until(&self, lab: &Lab, end: Instant) -> Result<(), LabError> {
        lab.answer(&|| Instant::now() >= end || self.is_interrupted());
        match self.is_interrupted() {
            true => Err(LabError::Interrupted),
            false => Ok(()),
        }
    }
}
