//! The simulation: events in virtual time.

use rand::RngExt as _;
use tenfold_scenarios::Stream;

use crate::arrivals::{Request, stream};
use crate::demand::{Demand, exponential};
use crate::event::Events;
use crate::outcome::{Outcome, TierUse};
use crate::sample::{Sample, SampledTier};
use crate::station::Station;
use crate::system::{Routing, Step, System};

/// Length and randomness of a simulation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Settings {
    /// Time that is not counted, in seconds.
    pub warm_up_s: f64,
    /// Counted time, in seconds.
    pub counted_s: f64,
    /// Seed of demands, delays and choices. Arrivals have their own.
    pub seed: u64,
    /// Requests in the service at which the simulation stops.
    pub in_flight_max: usize,
}

/// Time after the last arrival for which answers are waited for, in seconds.
const DRAIN_S: f64 = 10.0;

/// Number of a request that is only load for one server of a sample.
const BACKGROUND: usize = usize::MAX;

/// What happens next.
#[derive(Debug, Clone, Copy)]
enum What {
    /// A server changes, if it has not changed since.
    Change { server: usize, changes: u64 },
    /// A request arrives at its next step.
    Enter(usize),
    /// A server gets a request from the part of the fleet that is not simulated.
    Background(usize),
}

/// A request in the service.
#[derive(Debug, Clone, Copy)]
struct Job {
    request: Request,
    step: usize,
    /// Servers whose answer is awaited.
    pending: u32,
}

/// Sends arrivals, in the order of time, to a system, or to a sample of it.
///
/// `rate` is that of the whole system, per second; it sets the load from parts that are not in the sample. A request whose path
/// does not exist is answered at once.
pub fn simulate(
    system: &System,
    sample: &Sample,
    rate: f64,
    arrivals: impl Iterator<Item = Request>,
    settings: Settings,
) -> Outcome {
    let mut run = Simulation::new(system, sample, rate, settings);
    let end = settings.warm_up_s + settings.counted_s;
    let mut arrivals = arrivals.take_while(|own| own.at_s < end).peekable();
    while !run.overloaded {
        let event = run.events.next_at().unwrap_or(f64::INFINITY);
        let arrival = arrivals.peek().map(|own| own.at_s);
        match arrival {
            Some(at) if at <= event => {
                if let Some(request) = arrivals.next() {
                    run.arrive(request);
                }
            }
            None if run.in_flight == 0 || event > end + DRAIN_S => break,
            _ => run.happen(),
        }
    }
    run.finish()
}

/// A simulation under way.
struct Simulation<'a> {
    system: &'a System,
    sample: &'a Sample,
    rate: f64,
    settings: Settings,
    random: Stream,
    events: Events<What>,
    stations: Vec<Station>,
    /// CPU time that each server had used at the end of the warm-up, and at the end of the counted time.
    used: [Option<Vec<f64>>; 2],
    /// Number of the first server of each tier.
    first: Vec<usize>,
    /// Tier of each server.
    tier_of: Vec<usize>,
    /// Server of each tier that is next in turn.
    turns: Vec<usize>,
    jobs: Vec<Job>,
    free: Vec<usize>,
    in_flight: usize,
    overloaded: bool,
    outcome: Outcome,
    now: f64,
    ended: Vec<usize>,
}

impl<'a> Simulation<'a> {
    fn new(system: &'a System, sample: &'a Sample, rate: f64, settings: Settings) -> Self {
        let mut random = stream(settings.seed);
        let (mut stations, mut first, mut tier_of) = (Vec::new(), Vec::new(), Vec::new());
        for (number, (tier, sampled)) in system.tiers.iter().zip(&sample.tiers).enumerate() {
            first.push(stations.len());
            for _ in 0..sampled.stations.len() {
                stations.push(Station::new(tier, random.random()));
                tier_of.push(number);
            }
        }
        let mut run = Self {
            system,
            sample,
            rate,
            settings,
            random,
            events: Events::new(),
            used: [None, None],
            turns: vec![0; first.len()],
            first,
            tier_of,
            jobs: Vec::new(),
            free: Vec::new(),
            in_flight: 0,
            overloaded: false,
            outcome: Outcome {
                counted_s: settings.counted_s,
                planned: 0,
                answered: 0,
                overloaded: false,
                in_flight: [0.0; 3],
                responses: vec![Vec::new(); system.paths.len()],
                tiers: Vec::new(),
            },
            now: 0.0,
            ended: Vec::new(),
            stations,
        };
        for server in 0..run.stations.len() {
            run.plan_background(server);
        }
        run
    }

    /// Plans the next request of a server from the part of the fleet that is not simulated.
    fn plan_background(&mut self, server: usize) {
        let tier = self.tier_of[server];
        let share = self.sample.tiers[tier].stations[server - self.first[tier]].background;
        if share > 0.0 {
            let wait = exponential(1.0 / (share * self.rate), &mut self.random);
            self.events.add(self.now + wait, What::Background(server));
        }
    }

    fn advance_to(&mut self, now: f64) {
        let times = counted(self.settings);
        for (used, at) in self.used.iter_mut().zip(times) {
            if used.is_none() && now >= at {
                let stations = self.stations.iter();
                *used = Some(stations.map(|own| own.used_until(at)).collect());
            }
        }
        self.now = now;
    }

    fn arrive(&mut self, request: Request) {
        self.advance_to(request.at_s);
        if request.at_s >= self.settings.warm_up_s {
            self.outcome.planned += 1;
        }
        let job = Job {
            request,
            step: 0,
            pending: 0,
        };
        let number = match self.free.pop() {
            Some(number) => {
                self.jobs[number] = job;
                number
            }
            None => {
                self.jobs.push(job);
                self.jobs.len() - 1
            }
        };
        self.in_flight += 1;
        self.overloaded = self.in_flight > self.settings.in_flight_max;
        let delay = match self.system.paths.get(request.path) {
            Some(path) => path.delay.draw(&mut self.random),
            None => 0.0,
        };
        let at = self.now + delay + self.system.hop_s;
        self.events.add(at, What::Enter(number));
    }

    fn happen(&mut self) {
        let Some((at, what)) = self.events.pop() else {
            return;
        };
        match what {
            What::Change { server, changes } if self.stations[server].changes == changes => {
                self.advance_to(at);
                let mut ended = std::mem::take(&mut self.ended);
                self.stations[server].change(at, &mut ended);
                self.plan_change(server);
                for job in ended.drain(..).filter(|job| *job != BACKGROUND) {
                    self.answered_by_one(job);
                }
                self.ended = ended;
            }
            What::Change { .. } => {}
            What::Enter(job) => {
                self.advance_to(at);
                self.enter(job);
            }
            What::Background(server) => {
                self.advance_to(at);
                let tier = self.tier_of[server];
                let sampled = &self.sample.tiers[tier];
                if let Some(demand) = background_demand(self.system, sampled, &mut self.random) {
                    let demand_s = demand.draw(&mut self.random);
                    self.serve(server, BACKGROUND, demand_s);
                }
                self.plan_background(server);
            }
        }
    }

    fn plan_change(&mut self, server: usize) {
        let station = &self.stations[server];
        if let Some(at) = station.next_at() {
            let changes = station.changes;
            self.events.add(at, What::Change { server, changes });
        }
    }

    fn serve(&mut self, server: usize, job: usize, demand_s: f64) {
        self.stations[server].add(self.now, job, demand_s);
        self.plan_change(server);
    }

    fn answered_by_one(&mut self, job: usize) {
        self.jobs[job].pending -= 1;
        if self.jobs[job].pending > 0 {
            return;
        }
        self.jobs[job].step += 1;
        match self.system.hop_s > 0.0 {
            true => self
                .events
                .add(self.now + self.system.hop_s, What::Enter(job)),
            false => self.enter(job),
        }
    }

    /// Lets a request begin its next step, or leave.
    fn enter(&mut self, number: usize) {
        let system = self.system;
        loop {
            let Job { request, step, .. } = self.jobs[number];
            let path = system.paths.get(request.path);
            let Some(step) = path.and_then(|path| path.steps.get(step)) else {
                self.leave(number);
                return;
            };
            let probability = step.visits.probability(request.key);
            if probability >= 1.0 || self.random.random::<f64>() < probability {
                self.visit(number, step, request.key);
                return;
            }
            self.jobs[number].step += 1;
        }
    }

    /// Sends a request to the servers of a step.
    fn visit(&mut self, number: usize, step: &Step, key: u64) {
        let first = self.first[step.tier];
        let servers = self.sample.tiers[step.tier].stations.len();
        let width = (step.width as usize).clamp(1, servers);
        let chosen = self.choose(step.tier, key);
        self.jobs[number].pending = width as u32;
        for turn in 0..width {
            let demand_s = step.demand.draw(&mut self.random);
            self.serve(first + (chosen + turn) % servers, number, demand_s);
        }
    }

    /// Chooses a server of a tier, counted within the tier.
    fn choose(&mut self, tier: usize, key: u64) -> usize {
        let sampled = &self.sample.tiers[tier];
        let servers = sampled.stations.len();
        match self.system.tiers[tier].routing {
            Routing::Key => sampled.server_of(key),
            Routing::RoundRobin if self.sample.factor <= 1.0 => {
                self.turns[tier] = (self.turns[tier] + 1) % servers;
                self.turns[tier]
            }
            // The turns of many balancers, mixed, are random.
            Routing::RoundRobin | Routing::Random => self.random.random_range(0..servers),
        }
    }

    fn leave(&mut self, number: usize) {
        let Request { at_s, path, .. } = self.jobs[number].request;
        let done = self.now;
        let [from, to] = counted(self.settings);
        self.outcome.answered += u64::from(done >= from && done < to);
        self.record(at_s, path, done);
        self.in_flight -= 1;
        self.free.push(number);
    }

    /// Records a request that was in the service from one time to another.
    fn record(&mut self, at_s: f64, path: usize, done: f64) {
        let (from, third) = (self.settings.warm_up_s, self.settings.counted_s / 3.0);
        for (number, sum) in self.outcome.in_flight.iter_mut().enumerate() {
            let begin = from + third * number as f64;
            *sum += (done.min(begin + third) - at_s.max(begin)).max(0.0) / third;
        }
        if at_s >= from
            && let Some(responses) = self.outcome.responses.get_mut(path)
        {
            responses.push(done - at_s);
        }
    }

    fn finish(mut self) -> Outcome {
        let is_free: std::collections::BTreeSet<usize> = self.free.iter().copied().collect();
        for number in (0..self.jobs.len()).filter(|number| !is_free.contains(number)) {
            let Request { at_s, path, .. } = self.jobs[number].request;
            self.record(at_s, path, self.now);
        }
        for times in &mut self.outcome.responses {
            times.sort_by(f64::total_cmp);
        }
        self.outcome.overloaded = self.overloaded;
        self.outcome.tiers = self.tier_use();
        self.outcome
    }

    /// Returns the use in the counted time, or in the part of it before the simulation stopped.
    fn tier_use(&self) -> Vec<TierUse> {
        let [from, to] = counted(self.settings);
        // Without requests at the end, the last event is earlier.
        let until = match self.overloaded {
            true => to.min(self.now),
            false => to,
        };
        let over = (until - from).max(f64::MIN_POSITIVE);
        let [before, after] = &self.used;
        let at = |used: &Option<Vec<f64>>, server: usize, default: f64| {
            let used = used.as_ref().and_then(|used| used.get(server));
            used.copied().unwrap_or(default)
        };
        let tiers = self.system.tiers.iter().enumerate();
        let used = tiers.map(|(number, tier)| {
            let stations = &self.sample.tiers[number].stations;
            let allowed = tier.allowed_cores() * over;
            let (mut mean, mut busiest, mut all) = (0.0, 0.0_f64, 0.0);
            for (index, own) in stations.iter().enumerate() {
                let server = self.first[number] + index;
                let used = at(after, server, self.stations[server].used_until(until));
                let share = (used - at(before, server, used)) / allowed;
                mean += share * own.stands_for;
                all += own.stands_for;
                busiest = busiest.max(share);
            }
            TierUse {
                name: tier.name.clone(),
                mean: if all > 0.0 { mean / all } else { 0.0 },
                busiest,
            }
        });
        used.collect()
    }
}

/// Returns the begin and the end of the counted time, in seconds.
fn counted(settings: Settings) -> [f64; 2] {
    let from = settings.warm_up_s;
    [from, from + settings.counted_s]
}

/// Draws the visit that a server gets from the part of the fleet that is not simulated.
fn background_demand<'a>(
    system: &'a System,
    sampled: &SampledTier,
    random: &mut Stream,
) -> Option<&'a Demand> {
    let at = random.random::<f64>();
    let chosen = sampled
        .visits
        .iter()
        .find(|(up_to, ..)| at < *up_to)
        .or(sampled.visits.last())?;
    let (_, path, step) = *chosen;
    Some(&system.paths.get(path)?.steps.get(step)?.demand)
}
