//! Replacement of the build of a box, without losing a request.

use std::time::{Duration, Instant};

use super::{LOOK, Lab, POLL, Watch, inner, refused_by};
use crate::LabError;
use crate::balancer::DRAIN_MAX;
use crate::boxes::build::{Build, BuildChange, BuildStatus};
use crate::boxes::lab_box::LabBox;

/// Time limit for a balancer to find a replaced box healthy. Longer than its checks take.
const HEALTHY_MAX: Duration = Duration::from_secs(30);

impl Lab {
    /// Builds of the boxes of the service, including those that come and go and do not run.
    pub(super) fn builds(&self) -> Vec<BuildStatus> {
        let fixed = self.boxes.iter().filter(|own| own.is_service());
        let status = |plan: &crate::boxes::box_plan::BoxPlan, own: Option<&LabBox>, is_fixed| {
            let Build { program, settings } = plan.build();
            BuildStatus {
                name: plan.name.clone(),
                role: plan.role.to_owned(),
                is_fixed,
                program,
                settings,
                is_outdated: own.is_some_and(LabBox::is_outdated),
            }
        };
        let mut builds: Vec<BuildStatus> = fixed
            .map(|own| status(own.plan(), Some(own), true))
            .collect();
        builds.extend(self.with_scaler(|scaler, _, _| {
            let spares = scaler
                .plans()
                .filter(|(plan, _)| plan.stop == crate::boxes::box_plan::Stop::Stdin);
            spares
                .map(|(plan, own)| status(plan, own, false))
                .collect::<Vec<_>>()
        }));
        builds
    }

    /// Replaces the build of a box of the service: drains the box, stops it, starts it with the new build, and has the balancers send it
    /// requests again. Returns its name, or nothing if it has that build already. A box that comes and goes is started again if it is
    /// needed.
    ///
    /// # Errors
    /// Returns an error if the box does not run the service, can't be drained, or does not become ready or healthy with the new build. It
    /// then runs its earlier build again.
    pub(super) fn replace(
        &mut self,
        name: &str,
        change: &BuildChange,
        watch: &mut Watch<'_>,
    ) -> Result<Vec<String>, LabError> {
        let Some(index) = self.boxes.iter().position(|own| own.name() == name) else {
            return self.replace_scaled(name, change, watch);
        };
        let Some((earlier, build, is_outdated)) = self.boxes.get(index).map(|own| {
            let plan = own.plan();
            (plan.build(), plan.build_after(change), own.is_outdated())
        }) else {
            return Ok(Vec::new());
        };
        let build = build?;
        if build == earlier && !is_outdated {
            return Ok(Vec::new());
        }
        let is_balanced = self.is_sent_requests(name)?;
        if is_balanced && let Err(error) = self.drain(name, watch.is_over) {
            // A box that could not be drained stays in use.
            self.resume(name)?;
            return Err(error);
        }
        self.stop_gracefully(index);
        let replaced = self
            .start_build(index, build, watch)
            .and_then(|()| self.await_healthy(name, is_balanced, watch));
        let Err(error) = replaced else {
            return Ok(vec![name.to_owned()]);
        };
        if matches!(error, LabError::Interrupted) {
            return Err(error);
        }
        self.stop_gracefully(index);
        let restored = self
            .start_build(index, earlier, watch)
            .and_then(|()| self.await_healthy(name, is_balanced, watch));
        Err(LabError::Refused(match restored {
            Ok(()) => format!("{name} runs its earlier build again: {error}"),
            Err(again) => {
                format!("{error}; its earlier build did not start again either: {again}")
            }
        }))
    }

    /// Replaces the build of a box that comes and goes. If it runs, it is drained and stopped, and started again if it is needed.
    fn replace_scaled(
        &mut self,
        name: &str,
        change: &BuildChange,
        watch: &mut Watch<'_>,
    ) -> Result<Vec<String>, LabError> {
        let found = self.with_scaler(|scaler, _, _| {
            let (plan, own) = scaler.plans().find(|(plan, _)| plan.name == name)?;
            let is_outdated = own.is_some_and(LabBox::is_outdated);
            Some((plan.build(), plan.build_after(change), is_outdated))
        });
        let Some((earlier, build, is_outdated)) = found else {
            // The error names the boxes.
            self.chosen(name)?;
            return Err(LabError::Refused(format!(
                "{name} is a zone; replace its boxes one by one"
            )));
        };
        let build = build?;
        if build == earlier && !is_outdated {
            return Ok(Vec::new());
        }
        let was_held = self.with_scaler(|scaler, _, _| {
            let was_held = scaler.is_held(name);
            scaler.hold(name);
            was_held
        });
        let deadline = Instant::now() + DRAIN_MAX + self.stop_timeout;
        let stopped = loop {
            self.scale();
            if self.with_scaler(|scaler, _, _| scaler.is_off(name)) {
                break Ok(());
            }
            if (watch.is_over)() {
                break Err(LabError::Interrupted);
            }
            if Instant::now() > deadline {
                break Err(LabError::Refused(format!(
                    "{name} was not idle within {} s, and keeps its build",
                    (DRAIN_MAX + self.stop_timeout).as_secs()
                )));
            }
            self.answer_while_starting(false);
            std::thread::sleep(POLL);
        };
        self.with_scaler(|scaler, _, _| {
            if stopped.is_ok() {
                scaler.set_build(name, build);
            }
            if !was_held {
                scaler.release(name);
            }
        });
        stopped.map(|()| vec![name.to_owned()])
    }

    /// Stops a box. One that does not finish in time is killed.
    fn stop_gracefully(&mut self, index: usize) {
        let deadline = Instant::now() + self.stop_timeout;
        if let Some(own) = self.boxes.get_mut(index).filter(|own| own.is_up()) {
            own.begin_stop();
        }
        while self.boxes.get(index).is_some_and(LabBox::is_up) && Instant::now() < deadline {
            self.scale();
            self.answer_while_starting(false);
            std::thread::sleep(POLL);
        }
        if let Some(own) = self.boxes.get_mut(index) {
            // Also reaps one that has exited.
            own.kill(inner(&mut self.guard));
        }
    }

    fn start_build(
        &mut self,
        index: usize,
        build: Build,
        watch: &mut Watch<'_>,
    ) -> Result<(), LabError> {
        let (boxes, mut premises) = self.parts();
        if let Some(own) = boxes.get_mut(index) {
            own.set_build(build);
            own.restart(&mut premises)?;
        }
        self.await_ready(Some(index), watch)?;
        if let Some(own) = self.boxes.get_mut(index) {
            own.hold(inner(&mut self.guard))?;
        }
        Ok(())
    }

    /// Has the balancers send requests to a box, and waits until they find it healthy.
    fn await_healthy(
        &mut self,
        name: &str,
        is_balanced: bool,
        watch: &mut Watch<'_>,
    ) -> Result<(), LabError> {
        if !is_balanced {
            return Ok(());
        }
        self.resume(name)?;
        let deadline = Instant::now() + HEALTHY_MAX;
        while !self.is_sent_requests(name)? {
            self.check_one(name)?;
            if (watch.is_over)() {
                return Err(LabError::Interrupted);
            }
            if Instant::now() > deadline {
                return Err(LabError::Refused(format!(
                    "the balancer did not find {name} healthy within {} s",
                    HEALTHY_MAX.as_secs()
                )));
            }
            self.scale();
            self.answer_while_starting(false);
            std::thread::sleep(5 * LOOK);
        }
        Ok(())
    }

    /// Returns an error if a box has exited.
    fn check_one(&mut self, name: &str) -> Result<(), LabError> {
        let guard = inner(&mut self.guard);
        let mut named = self.boxes.iter_mut().filter(|own| own.name() == name);
        named.try_for_each(|own| own.check(guard))
    }

    /// Returns whether a balancer sends single requests to a box, and finds it healthy.
    fn is_sent_requests(&self, name: &str) -> Result<bool, LabError> {
        let balancers = self.answering_balancers()?;
        let mut servers = balancers.iter().flat_map(|(status, _)| &status.servers);
        Ok(servers.any(|server| {
            server.name == name && server.takes_requests && server.is_sent_requests()
        }))
    }

    /// Has the balancers send requests to a box again.
    fn resume(&self, name: &str) -> Result<(), LabError> {
        for (status, api) in self.answering_balancers()? {
            for server in &status.servers {
                if server.name == name && server.takes_requests && !server.is_in_maintenance() {
                    api.resume(server)
                        .map_err(|error| refused_by(&status.name, &error.to_string()))?;
                }
            }
        }
        Ok(())
    }
}
