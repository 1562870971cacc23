//! A box beyond the minimum of its group, from its start to its end.

use std::time::{Duration, Instant};

use super::event_log::{Event, EventLog, Line};
use super::plan::{Listing, ServerList, SparePlan};
use super::status::SpareUse;
use super::step::Step;
use crate::LabError;
use crate::balancer::{DRAIN_MAX, RuntimeApi, ServerStatus};
use crate::boxes::cgroup::Usage;
use crate::boxes::lab_box::{LabBox, Premises};
use crate::boxes::process_usage::Processes;
use crate::component::haproxy::CHECKS;
use crate::options::allowance::Allowance;

/// Time after a failure without another start of the same box.
const PAUSE: Duration = Duration::from_secs(10);

/// Longest drain of connections. Queries end much sooner; what remains are idle connections that clients keep.
const CONNECTIONS_MAX: Duration = Duration::from_secs(5);

/// A box beyond the minimum.
#[derive(Debug)]
pub(super) struct Spare {
    pub(super) plan: SparePlan,
    list: ServerList,
    pub(super) own: Option<LabBox>,
    pub(super) state: State,
    has_served: bool,
    /// It is not started before. `None` if it has not failed.
    retry_at: Option<Instant>,
    /// A user has drained it, or killed its zone: it stays away until that is undone.
    pub(super) is_held: bool,
    /// Times that its balancer took it out while it was healthy.
    times_taken_out: u64,
    /// Use over its earlier starts. `None` if it has not run.
    past: Option<SpareUse>,
    /// Running time and use when it was last looked at.
    seen: Option<(Duration, Usage)>,
}

/// State of a box beyond the minimum.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// It does not run.
    Off,
    /// It runs, and is not ready.
    Starting,
    /// It is ready, and the balancer lists it or will.
    Serving,
    /// The balancer sends it no new requests, since then.
    Draining(Instant),
    /// It finishes, since then.
    Stopping(Instant),
}

impl State {
    /// Returns whether a box in this state is part of its group.
    pub(super) fn is_wanted(self) -> bool {
        matches!(self, Self::Starting | Self::Serving)
    }
}

impl Spare {
    pub(super) fn new(plan: SparePlan, list: ServerList) -> Self {
        Self {
            plan,
            list,
            own: None,
            state: State::Off,
            has_served: false,
            retry_at: None,
            is_held: false,
            times_taken_out: 0,
            past: None,
            seen: None,
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.plan.plan.name
    }

    /// Number of times that its balancer took it out while it was healthy, which it counts as failures of a server that its settings name.
    pub(super) fn times_taken_out(&self) -> u64 {
        self.times_taken_out
    }

    /// Returns whether this is its name, or its zone's.
    pub(super) fn is_called(&self, name: &str) -> bool {
        self.name() == name || self.is_in(name)
    }

    /// Returns whether this is the name of its zone.
    pub(super) fn is_in(&self, zone: &str) -> bool {
        let own = self.plan.plan.zone;
        own.is_some_and(|own| zone.strip_prefix("zone-") == Some(own))
    }

    /// Returns whether it may be started now.
    pub(super) fn can_start(&self, now: Instant) -> bool {
        !self.is_held && self.retry_at.is_none_or(|at| now >= at)
    }

    pub(super) fn begin(
        &mut self,
        allowance: Option<Allowance>,
        premises: &mut Premises<'_>,
        log: &mut EventLog,
    ) {
        match LabBox::begin(self.plan.plan.clone(), allowance, premises) {
            Ok(own) => {
                (self.own, self.state, self.has_served) = (Some(own), State::Starting, false);
                self.note(Event::Start, None, log);
            }
            Err(error) => self.fail(&error.to_string(), log),
        }
    }

    /// Resources used so far. `None` if it has not run.
    pub(super) fn used(&self) -> Option<SpareUse> {
        let own = self.own.as_ref();
        let running = own.and_then(|own| Some((own.up_for()?, own.usage()?)));
        let Some((up_for, usage)) = running.or(self.seen) else {
            return self.past.clone();
        };
        let past = self.past.clone();
        Some(SpareUse {
            name: self.name().to_owned(),
            allowance: own.and_then(LabBox::allowance),
            up_for_s: past.as_ref().map_or(0.0, |past| past.up_for_s) + up_for.as_secs_f64(),
            usage: past.as_ref().map_or(usage, |past| past.usage.then(usage)),
            forgotten: past.and_then(|past| past.forgotten),
        })
    }

    /// Keeps the latest reading of its resources.
    fn see(&mut self) {
        let running = Processes::default();
        let own = self.own.as_ref();
        let seen = own.and_then(|own| Some((own.up_for()?, own.usage_among(&running)?)));
        self.seen = seen.or(self.seen);
    }

    /// Ends the box if it still runs, and adds its resources to those of earlier starts.
    fn end(&mut self) {
        self.past = self.used();
        (self.own, self.seen, self.state) = (None, None, State::Off);
    }

    /// Begins to drain it.
    pub(super) fn drain(&mut self, log: &mut EventLog) {
        self.state = State::Draining(Instant::now());
        self.note(Event::Drain, None, log);
    }

    /// Takes it back while it is drained.
    pub(super) fn resume(&mut self, log: &mut EventLog) {
        self.state = match self.own.as_ref().is_some_and(LabBox::is_starting) {
            true => State::Starting,
            false => State::Serving,
        };
        self.note(Event::Resume, None, log);
    }

    fn note(&self, event: Event, count: Option<u32>, log: &mut EventLog) {
        self.note_because(event, count, None, log);
    }

    fn note_because(
        &self,
        event: Event,
        count: Option<u32>,
        reason: Option<&str>,
        log: &mut EventLog,
    ) {
        log.append(&Line {
            group: self.plan.plan.role,
            event,
            box_name: Some(self.name()),
            count,
            reason,
        });
    }

    fn fail(&mut self, reason: &str, log: &mut EventLog) {
        self.note_because(Event::Failed, None, Some(reason), log);
        // A box that was to go anyway may be needed again at once.
        if !matches!(self.state, State::Draining(_)) {
            self.retry_at = Some(Instant::now() + PAUSE);
        }
        self.end();
    }

    /// Moves it on to its next state, if it is time. `listed` is `None` if the balancer did not answer.
    pub(super) fn advance(
        &mut self,
        balancer: Option<(&RuntimeApi<'_>, &[ServerStatus])>,
        stop_timeout: Duration,
        premises: &mut Premises<'_>,
        log: &mut EventLog,
    ) {
        self.see();
        match self.state {
            State::Off => {}
            State::Stopping(since) => self.finish(since, stop_timeout, premises, log),
            _ => {
                if let Some(reason) = self.look(premises, log) {
                    self.fail(&reason, log);
                }
            }
        }
        if let Some((api, servers)) = balancer {
            let listed = servers.iter().find(|own| own.name == self.name());
            self.tell(api, listed, Instant::now(), log);
        }
    }

    /// Looks at a box that runs. Returns the reason if it has failed.
    fn look(&mut self, premises: &mut Premises<'_>, log: &mut EventLog) -> Option<String> {
        let own = self.own.as_mut()?;
        if !own.is_up() {
            let exited = own.check(premises.guard).err();
            return Some(
                exited.map_or_else(|| "it was killed".to_owned(), |error| error.to_string()),
            );
        }
        if own.is_starting() {
            match own.look(premises.guard) {
                Ok(false) => return None,
                Ok(true) => {}
                Err(error) => return Some(error.to_string()),
            }
            // Its CPU is limited from now on.
            if let Err(error) = own.hold(premises.guard) {
                return Some(error.to_string());
            }
            if self.state == State::Starting {
                self.state = State::Serving;
                self.note(Event::Ready, None, log);
            }
        }
        None
    }

    /// Changes the balancer's list of servers if it differs from the ready boxes. An error is tried again at the next step.
    fn tell(
        &mut self,
        api: &RuntimeApi<'_>,
        listed: Option<&ServerStatus>,
        now: Instant,
        log: &mut EventLog,
    ) {
        let ServerList { name, listing } = self.list;
        let drain_max = match listing {
            Listing::Told => DRAIN_MAX,
            Listing::Named => CONNECTIONS_MAX,
        };
        let step = Step::next(self.state, listed, drain_max, now);
        if let (Step::Add, None) = (step, listed) {
            let added = match listing {
                Listing::Told => api.add(name, self.name(), self.plan.address, CHECKS),
                Listing::Named => api.enable(name, self.name()),
            };
            if added.is_ok() {
                self.note(Event::Admitted, None, log);
            }
        }
        if step == Step::Stop {
            self.state = match &mut self.own {
                Some(own) => {
                    own.begin_stop();
                    State::Stopping(now)
                }
                None => State::Off,
            };
        }
        let Some(server) = listed else { return };
        match step {
            Step::Wait | Step::Add | Step::Stop => {}
            Step::HasServed => {
                if !self.has_served {
                    self.has_served = true;
                    self.note(Event::FirstRequest, None, log);
                }
            }
            Step::Resume => {
                let _ = api.resume(server);
            }
            Step::Drain => {
                let _ = api.drain(server);
            }
            Step::CutOff => {
                let is_first = !server.is_in_maintenance();
                if api.cut_off(server).is_err() || !is_first {
                    return;
                }
                if listing == Listing::Named {
                    // Idle connections, which clients keep.
                    self.count_taking_out(server);
                    self.note(Event::Removed, None, log);
                } else {
                    let count = u32::try_from(server.now).unwrap_or(u32::MAX);
                    self.note(Event::CutOff, Some(count), log);
                }
            }
            Step::Remove => {
                let removed = match listing {
                    Listing::Told => api.remove(server),
                    Listing::Named => api.disable(server),
                };
                if removed.is_ok() {
                    match listing {
                        Listing::Told => self.forget(server),
                        Listing::Named => self.count_taking_out(server),
                    }
                    if matches!(self.state, State::Draining(_)) {
                        self.note(Event::Removed, None, log);
                    }
                }
            }
        }
    }

    fn count_taking_out(&mut self, server: &ServerStatus) {
        if server.is_sent_requests() || server.is_drained() {
            self.times_taken_out += 1;
        }
    }

    /// Keeps the counters of a server that the balancer has forgotten.
    fn forget(&mut self, server: &ServerStatus) {
        let allowance = self.own.as_ref().and_then(LabBox::allowance);
        let past = self.past.get_or_insert_with(|| SpareUse {
            up_for_s: 0.0,
            usage: Usage::default(),
            name: server.name.clone(),
            allowance,
            forgotten: None,
        });
        let mut sum = server.clone();
        if let Some(earlier) = &past.forgotten {
            sum = sum.plus(earlier);
        }
        past.forgotten = Some(ServerStatus {
            state: String::new(),
            now: 0,
            ..sum
        });
    }

    /// Waits for a box that finishes, without blocking.
    fn finish(
        &mut self,
        since: Instant,
        timeout: Duration,
        premises: &mut Premises<'_>,
        log: &mut EventLog,
    ) {
        let Some(own) = &mut self.own else {
            self.state = State::Off;
            return;
        };
        let is_over = since.elapsed() >= timeout;
        if own.is_up() && !is_over {
            return;
        }
        // Without a process, it was killed meanwhile.
        let stopped: Result<(), LabError> = match own.pid() {
            Some(_) => own.await_stop(Instant::now(), timeout, premises.guard),
            None => Ok(()),
        };
        self.end();
        match stopped {
            Ok(()) => self.note(Event::Stopped, None, log),
            Err(error) => {
                self.note_because(Event::Failed, None, Some(&error.to_string()), log);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::{Read as _, Write as _};
    use std::net::{SocketAddr, TcpListener};
    use std::os::unix::net::UnixStream;
    use std::path::Path;
    use std::process::Command;

    use tenfold_child_process::ProcessGroup;

    use super::*;
    use crate::balancer::SOCKET;
    use crate::boxes::box_plan::BoxPlan;
    use crate::boxes::readiness::Listening;
    use crate::program;
    use crate::skip::skip;

    const PATIENCE: Duration = Duration::from_secs(30);

    fn spare(address: SocketAddr) -> Spare {
        let program = "/bin/true".into();
        let mut plan = BoxPlan::program("app-3", "app", program, Listening::at(address));
        plan.zone = Some("a");
        let list = ServerList {
            name: "app",
            listing: Listing::Told,
        };
        Spare::new(SparePlan { plan, address }, list)
    }

    /// Starts HAProxy with an empty list of servers, behind the socket `front`. `None` without HAProxy, outside CI.
    fn haproxy(directory: &Path) -> Option<ProcessGroup> {
        let program = program::HAPROXY.find().map_err(|missing| skip(&missing));
        let settings = format!(
            "global\n  stats socket unix@{SOCKET} mode 600 level admin\n\
             defaults\n  mode http\n  timeout connect 1s\n  timeout client 1m\n  timeout server 1m\n  timeout check 1s\n\
             frontend front\n  bind unix@front\n  default_backend app\n\
             backend app\n  balance leastconn\n"
        );
        fs::write(directory.join("haproxy.cfg"), settings).unwrap();
        let mut command = Command::new(program.ok()?);
        command
            .args(["-db", "-f", "haproxy.cfg"])
            .current_dir(directory);
        let child = ProcessGroup::spawn(&mut command).unwrap();
        let deadline = Instant::now() + PATIENCE;
        while (RuntimeApi { directory }).servers("app").is_err() {
            assert!(Instant::now() < deadline, "haproxy does not answer");
            std::thread::sleep(Duration::from_millis(20));
        }
        Some(child)
    }

    /// A spare behind a real HAProxy.
    struct Bench<'a> {
        api: RuntimeApi<'a>,
        spare: Spare,
        log: EventLog,
    }

    impl Bench<'_> {
        /// Steps, as if it were later by this time, until the spare and its server are as expected.
        fn step_until(
            &mut self,
            later: Duration,
            is_there: impl Fn(&Spare, Option<&ServerStatus>) -> bool,
        ) {
            let deadline = Instant::now() + PATIENCE;
            loop {
                let servers = self.api.servers("app").unwrap();
                let listed = servers.first();
                if is_there(&self.spare, listed) {
                    return;
                }
                assert!(Instant::now() < deadline, "{listed:?}");
                let now = Instant::now() + later;
                self.spare.tell(&self.api, listed, now, &mut self.log);
                std::thread::sleep(Duration::from_millis(50));
            }
        }
    }

    /// Events and their counts.
    fn events(directory: &Path) -> Vec<(String, Option<u64>)> {
        let text = fs::read_to_string(super::super::log_path(directory)).unwrap();
        let lines = text
            .lines()
            .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
        lines
            .map(|line| {
                (
                    line["event"].as_str().unwrap().to_owned(),
                    line["count"].as_u64(),
                )
            })
            .collect()
    }

    #[test]
    fn removes_drained_box_whose_checks_fail() {
        let directory = tempfile::tempdir().unwrap();
        let directory = directory.path();
        let Some(_haproxy) = haproxy(directory) else {
            return;
        };
        // Nobody listens there any more.
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr();
        let mut bench = Bench {
            api: RuntimeApi { directory },
            spare: spare(address.unwrap()),
            log: EventLog::create(directory).unwrap(),
        };
        bench.spare.state = State::Serving;
        let is_down = |_: &Spare, listed: Option<&ServerStatus>| {
            listed.is_some_and(|own| own.state.starts_with("DOWN"))
        };
        bench.step_until(Duration::ZERO, is_down);
        bench.spare.drain(&mut bench.log);
        bench.step_until(Duration::ZERO, |spare, listed| {
            spare.state == State::Off && listed.is_none()
        });
        let expected = ["admitted", "drain", "removed"].map(|event| (event.to_owned(), None));
        assert_eq!(events(directory), expected);
    }

    #[test]
    fn cuts_off_requests_that_do_not_end() {
        let directory = tempfile::tempdir().unwrap();
        let directory = directory.path();
        let Some(_haproxy) = haproxy(directory) else {
            return;
        };
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut bench = Bench {
            api: RuntimeApi { directory },
            spare: spare(listener.local_addr().unwrap()),
            log: EventLog::create(directory).unwrap(),
        };
        // Each answer begins and never ends.
        std::thread::spawn(move || {
            let mut open = Vec::new();
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                if stream.read(&mut [0; 1024]).is_ok_and(|read| read > 0) {
                    let head = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n";
                    stream.write_all(head.as_bytes()).unwrap();
                    open.push(stream);
                }
            }
        });
        bench.spare.state = State::Serving;
        bench.step_until(Duration::ZERO, |_, listed| listed.is_some());
        let mut client = UnixStream::connect(directory.join("front")).unwrap();
        client
            .write_all(b"GET / HTTP/1.1\r\nHost: own\r\n\r\n")
            .unwrap();
        let is_busy =
            |_: &Spare, listed: Option<&ServerStatus>| listed.is_some_and(|own| own.now == 1);
        bench.step_until(Duration::ZERO, is_busy);
        bench.spare.drain(&mut bench.log);
        let is_drained =
            |_: &Spare, listed: Option<&ServerStatus>| listed.is_some_and(ServerStatus::is_drained);
        bench.step_until(Duration::ZERO, is_drained);
        bench.step_until(DRAIN_MAX, |spare, listed| {
            spare.state == State::Off && listed.is_none()
        });
        let of_spare: Vec<_> = events(directory)
            .into_iter()
            .filter(|(event, _)| event != "first_request")
            .collect();
        let expected = [
            ("admitted", None),
            ("drain", None),
            ("cut_off", Some(1)),
            ("removed", None),
        ];
        assert_eq!(
            of_spare,
            expected.map(|(event, count)| (event.to_owned(), count))
        );
    }

    #[test]
    fn pauses_after_failure_only_if_it_was_needed() {
        let directory = tempfile::tempdir().unwrap();
        let mut log = EventLog::create(directory.path()).unwrap();
        let now = Instant::now();
        let failed_in = |state: State, log: &mut EventLog| {
            let mut spare = spare(SocketAddr::from(([127, 0, 0, 1], 1)));
            spare.state = state;
            spare.fail("it exited", log);
            assert_eq!(spare.state, State::Off);
            spare
        };
        assert!(failed_in(State::Draining(now), &mut log).can_start(now));
        let mut started = failed_in(State::Starting, &mut log);
        assert!(!started.can_start(now));
        assert!(started.can_start(now + 2 * PAUSE));
        started.is_held = true;
        assert!(!started.can_start(now + 2 * PAUSE));
    }

    #[test]
    fn is_called_by_its_name_and_its_zone() {
        let spare = spare(SocketAddr::from(([127, 0, 0, 1], 1)));
        for (name, is_called) in [
            ("app-3", true),
            ("zone-a", true),
            ("zone-b", false),
            ("a", false),
        ] {
            assert_eq!(spare.is_called(name), is_called, "{name}");
        }
    }
}
