//! Outages of boxes, planned or not, and their end.

use std::time::{Duration, Instant};

use super::{LOOK, Lab, POLL, Watch, inner, refused_by};
use crate::LabBox;
use crate::LabError;
use crate::balancer::{BalancerStatus, DRAIN_MAX, RuntimeApi, ServerStatus};

/// Time in which a balancer that has started answers on its control socket.
const CONTROL_PATIENCE: Duration = Duration::from_secs(5);

impl Lab {
    /// Kills a box, or every box of a zone, as a power failure would. Returns their names.
    ///
    /// # Errors
    /// Returns an error if no running box has this name.
    pub fn kill(&mut self, name: &str) -> Result<Vec<String>, LabError> {
        let mut scaled = self.with_scaler(|scaler, _, premises| scaler.kill(name, premises));
        let chosen = self.chosen(name)?;
        let up: Vec<usize> = self.matching(&chosen, LabBox::is_up);
        for index in &up {
            if let Some(own) = self.boxes.get_mut(*index) {
                own.kill(inner(&mut self.guard));
            }
        }
        let mut killed = self.names(&up);
        killed.append(&mut scaled);
        match killed.is_empty() {
            true => Err(LabError::Refused(format!("{name} is not up"))),
            false => Ok(killed),
        }
    }

    /// Drains a box, or every box of a zone that balancers send single requests to: the balancers send it
    /// no new requests. Returns the names once nothing is in flight; killing them then loses no request.
    ///
    /// # Errors
    /// Returns an error if no balancer sends requests to the box, it is the last healthy server, a balancer
    /// refuses, requests are still in flight after 35 s, or `is_over` becomes true first.
    pub fn drain(
        &mut self,
        name: &str,
        is_over: &dyn Fn() -> bool,
    ) -> Result<Vec<String>, LabError> {
        let mut names = self.names(&self.chosen(name)?);
        names.extend(self.scaled_names(name));
        let is_chosen =
            |server: &ServerStatus| server.takes_requests && names.contains(&server.name);
        let balancers = self.answering_balancers()?;
        for (status, _) in &balancers {
            for server in status.servers.iter().filter(|server| is_chosen(server)) {
                let mut others = status.servers.iter();
                if !others.any(|other| {
                    other.list == server.list && !is_chosen(other) && other.is_sent_requests()
                }) {
                    return Err(LabError::Refused(format!(
                        "could not drain {name}: it is the last healthy server of {}, so every request would fail",
                        status.name
                    )));
                }
            }
        }
        let mut drained = Vec::new();
        for (status, api) in &balancers {
            for server in status.servers.iter().filter(|server| is_chosen(server)) {
                api.drain(server)
                    .map_err(|error| refused_by(&status.name, &error.to_string()))?;
                drained.push(server.name.clone());
            }
        }
        if drained.is_empty() {
            return Err(LabError::Refused(format!(
                "could not drain {name}: no running balancer sends it requests"
            )));
        }
        self.with_scaler(|scaler, _, _| scaler.hold(name));
        let deadline = Instant::now() + DRAIN_MAX;
        loop {
            self.scale();
            // A balancer that does not answer may still be sending.
            let serving = self.answering_balancers().map(|balancers| {
                let servers = balancers.iter().flat_map(|(status, _)| &status.servers);
                let chosen = servers.filter(|server| is_chosen(server));
                chosen.map(|server| server.now).sum::<u64>()
            });
            match serving {
                Ok(0) => return Ok(drained),
                _ if is_over() => return Err(LabError::Interrupted),
                serving if Instant::now() > deadline => {
                    return Err(LabError::Refused(format!(
                        "{name} gets no new requests, but {} after {} s; undo the drain with `revive`",
                        match serving {
                            Ok(serving) => format!("still has {serving} requests in flight"),
                            Err(error) => error.to_string(),
                        },
                        DRAIN_MAX.as_secs()
                    )));
                }
                // A status answer is long; do not keep the balancer busy with it.
                _ => std::thread::sleep(5 * POLL),
            }
        }
    }

    /// Restarts a box, or every stopped box of a zone, at its previous addresses, and has the balancers
    /// send requests to drained boxes again. Returns their names.
    ///
    /// # Errors
    /// Returns an error if the boxes are up and not drained, a box fails to start (the rest are not
    /// started then), or a balancer refuses.
    pub fn revive(&mut self, name: &str) -> Result<Vec<String>, LabError> {
        let mut watch = Watch {
            is_over: &|| false,
            on_status: &mut |_| {},
        };
        self.revive_watched(name, &mut watch)
    }

    /// Like [`Lab::revive`], but shows how far the boxes are.
    pub(super) fn revive_watched(
        &mut self,
        name: &str,
        watch: &mut Watch<'_>,
    ) -> Result<Vec<String>, LabError> {
        let chosen = self.chosen(name)?;
        let down: Vec<usize> = self.matching(&chosen, |own| !own.is_up());
        for index in &down {
            let (boxes, mut premises) = self.parts();
            if let Some(own) = boxes.get_mut(*index) {
                own.restart(&mut premises)?;
            }
            self.await_ready(Some(*index), watch)?;
            if let Some(own) = self.boxes.get_mut(*index) {
                own.hold(inner(&mut self.guard))?;
            }
        }
        // Only once it is up: until a health check fails, the balancer would send requests to it.
        let (chosen, mut names) = (self.names(&chosen), self.names(&down));
        for (status, api) in self.patiently_answering_balancers()? {
            for server in &status.servers {
                let (name, is_up_again) = (&server.name, names.contains(&server.name));
                // A box that was drained and then killed shows as down, not as drained.
                let is_chosen = is_up_again || (chosen.contains(name) && server.is_drained());
                if server.takes_requests && is_chosen {
                    api.resume(server)
                        .map_err(|error| refused_by(&status.name, &error.to_string()))?;
                    if !is_up_again {
                        names.push(name.clone());
                    }
                }
            }
        }
        names.append(&mut self.with_scaler(|scaler, _, _| scaler.release(name)));
        match names.is_empty() {
            true => Err(LabError::Refused(format!("{name} is already up"))),
            false => Ok(names),
        }
    }

    /// Like [`Lab::balancers`], but an error if a balancer does not answer.
    pub(super) fn answering_balancers(
        &self,
    ) -> Result<Vec<(BalancerStatus, RuntimeApi<'_>)>, LabError> {
        let balancers = self
            .balancers()
            .map(|(status, api)| match &status.silent_because {
                Some(reason) => Err(refused_by(&status.name, reason)),
                None => Ok((status, api)),
            });
        balancers.collect()
    }

    /// Like [`Lab::answering_balancers`], but gives a balancer that has just started time to listen to its control socket.
    fn patiently_answering_balancers(
        &self,
    ) -> Result<Vec<(BalancerStatus, RuntimeApi<'_>)>, LabError> {
        let begun = Instant::now();
        loop {
            let balancers = self.answering_balancers();
            if balancers.is_ok() || begun.elapsed() > CONTROL_PATIENCE {
                return balancers;
            }
            std::thread::sleep(LOOK);
        }
    }

    fn matching(&self, chosen: &[usize], is: impl Fn(&LabBox) -> bool) -> Vec<usize> {
        let of = |index: &&usize| self.boxes.get(**index).is_some_and(&is);
        chosen.iter().filter(of).copied().collect()
    }
}
