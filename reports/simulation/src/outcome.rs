//! Results of a simulation.

/// Results of a simulation.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// Simulated time without the warm-up, in seconds.
    pub counted_s: f64,
    /// Requests that arrived in it.
    pub planned: u64,
    /// Requests that were answered in it.
    pub answered: u64,
    /// True if so many requests were waiting that the simulation stopped early, or would have.
    pub overloaded: bool,
    /// Mean number of requests in the service, in each third of the time.
    pub in_flight: [f64; 3],
    /// Response times of the requests that arrived in it, in seconds and ascending order, by path. A request that was not
    /// answered counts with the time until the end of the simulation.
    pub responses: Vec<Vec<f64>>,
    /// Use of each tier.
    pub tiers: Vec<TierUse>,
}

/// Use of the servers of a tier.
#[derive(Debug, Clone, PartialEq)]
pub struct TierUse {
    /// Name of the tier.
    pub name: String,
    /// Mean share of the allowed CPU time in use in the counted time, from 0 to 1.
    pub mean: f64,
    /// The same, of the busiest server.
    pub busiest: f64,
}

/// Share of the arrivals that a service may leave unanswered.
const UNANSWERED_MAX: f64 = 0.01;

impl Outcome {
    /// Returns the outcome of a load that is far too high to be simulated, with the CPU time that it needs over the allowed one.
    pub(crate) fn hopeless(paths: usize, tiers: Vec<TierUse>) -> Self {
        Self {
            counted_s: 0.0,
            planned: 0,
            answered: 0,
            overloaded: true,
            in_flight: [0.0; 3],
            responses: vec![Vec::new(); paths],
            tiers,
        }
    }

    /// Returns a quantile of the response times, from 0 to 1, of the paths for which `is_for` is true, in seconds. `None` without
    /// requests.
    pub fn quantile(&self, quantile: f64, is_for: impl Fn(usize) -> bool) -> Option<f64> {
        let mut times = self.times(is_for);
        if times.is_empty() {
            return None;
        }
        let rank = (quantile * times.len() as f64).ceil() as usize;
        let at = rank.clamp(1, times.len()) - 1;
        let (_, value, _) = times.select_nth_unstable_by(at, f64::total_cmp);
        Some(*value)
    }

    /// Returns the mean response time of the paths for which `is_for` is true, in seconds. `None` without requests.
    pub fn mean(&self, is_for: impl Fn(usize) -> bool) -> Option<f64> {
        let times = self.times(is_for);
        (!times.is_empty()).then(|| times.iter().sum::<f64>() / times.len() as f64)
    }

    fn times(&self, is_for: impl Fn(usize) -> bool) -> Vec<f64> {
        let paths = self.responses.iter().enumerate();
        let chosen = paths.filter(|(path, _)| is_for(*path));
        chosen
            .flat_map(|(_, times)| times.iter().copied())
            .collect()
    }

    /// Returns whether requests piled up: more than 1% were not answered in time, or ever more were in the service.
    pub fn piled_up(&self) -> bool {
        let [first, _, last] = self.in_flight;
        let unanswered = self.planned.saturating_sub(self.answered) as f64;
        // Those in flight at the beginning and at the end are about Poisson.
        let by_chance = 3.0 * (2.0 * first).sqrt() + 3.0;
        let rate = self.planned as f64 / self.counted_s;
        self.overloaded
            || unanswered > (UNANSWERED_MAX * self.planned as f64).max(by_chance)
            || last > 1.5 * first && last > 0.1 * rate
    }

    /// Returns the tier whose servers are busiest. `None` without tiers.
    pub fn busiest(&self) -> Option<&TierUse> {
        self.tiers
            .iter()
            .max_by(|one, other| one.busiest.total_cmp(&other.busiest))
    }
}
