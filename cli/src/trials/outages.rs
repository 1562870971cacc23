//! Outages: a box or a zone of a stage is killed under load, and started again.

use std::path::PathBuf;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use tenfold_analysis::ladder::Outage;
use tenfold_lab::{Lab, LabBox, LabError};
use tenfold_measure::{Observer, StageDescription};

use super::{Trial, Trials};

/// Warm-up before an outage.
const WARM_UP: Duration = Duration::from_secs(1);

/// Pause between two looks at the interrupt.
const POLL: Duration = Duration::from_millis(50);

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
    let first = of_role("sql").or_else(|| of_role("web"));
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

    fn on_end(&mut self) {
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
            let lab = &mut lab;
            let killer = scope.spawn(move || match started.recv() {
                Ok(_) => own.kill_and_revive(lab, killed, times),
                // The run failed before its first arrival.
                Err(mpsc::RecvError) => Ok(()),
            });
            let measured = own.measure_observed(&trial, &mut Starting(Some(start)));
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
        times: OutageTimes,
    ) -> Result<(), LabError> {
        self.sleep(WARM_UP + times.before)?;
        lab.kill(killed)?;
        let slept = self.sleep(times.gone);
        lab.revive(killed)?;
        slept
    }

    /// Sleeps, unless the user interrupts.
    fn sleep(&self, time: Duration) -> Result<(), LabError> {
        let end = Instant::now() + time;
        while let Some(left) = end.checked_duration_since(Instant::now()) {
            if self.is_interrupted() {
                return Err(LabError::Interrupted);
            }
            std::thread::sleep(left.min(POLL));
        }
        Ok(())
    }
}
