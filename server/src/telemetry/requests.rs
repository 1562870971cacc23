//! The requests of the main listener: counted when they arrive, timed when they are answered.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use http::{Method, StatusCode};

use super::histogram::{Histogram, Snapshot};
use super::store_waits::StoreWaits;

/// The methods that are told apart; the last stands for all others.
const METHODS: [&str; 8] = [
    "GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "OTHER",
];
/// The statuses that are told apart; the last stands for all others.
const STATUSES: [u16; 20] = [
    200, 201, 204, 206, 301, 304, 400, 401, 403, 404, 405, 408, 409, 413, 415, 422, 429, 500, 503,
    0,
];
/// The label of a request that no route takes.
const UNMATCHED: &str = "unmatched";

/// Counters of the requests of one listener.
///
/// A label costs nothing per request: the histogram of each route, method and status is found by
/// three small numbers and made the first time it is needed.
#[derive(Debug)]
pub(crate) struct Requests {
    arrived: AtomicU64,
    answered: AtomicU64,
    abandoned: AtomicU64,
    store_waits: Arc<StoreWaits>,
    paths: matchit::Router<usize>,
    routes: Vec<&'static str>,
    histograms: Vec<OnceLock<Box<Histogram>>>,
}

/// The answered requests of one route, method and status.
#[derive(Debug)]
pub(crate) struct Answered {
    /// The path with its placeholders.
    pub(crate) route: &'static str,
    /// The method.
    pub(crate) method: &'static str,
    /// The HTTP status; 0 stands for any that is not told apart.
    pub(crate) status: u16,
    /// The durations.
    pub(crate) durations: Snapshot,
}

/// A request between its arrival and its answer.
#[derive(Debug)]
pub(crate) struct InFlight {
    requests: Arc<Requests>,
    route: usize,
    method: usize,
    arrived: Instant,
    answered: bool,
}

impl Requests {
    /// Prepares to count the requests of these routes.
    ///
    /// # Errors
    /// Names the route that can't be told from another.
    pub(crate) fn new(
        paths: impl IntoIterator<Item = &'static str>,
    ) -> Result<Self, matchit::InsertError> {
        let mut router = matchit::Router::new();
        let mut routes = Vec::new();
        for path in paths {
            router.insert(path, routes.len())?;
            routes.push(path);
        }
        routes.push(UNMATCHED);
        let cells = routes.len() * METHODS.len() * STATUSES.len();
        Ok(Self {
            arrived: AtomicU64::new(0),
            answered: AtomicU64::new(0),
            abandoned: AtomicU64::new(0),
            store_waits: Arc::default(),
            paths: router,
            routes,
            histograms: (0..cells).map(|_| OnceLock::new()).collect(),
        })
    }

    /// Counts a request whose head has been read.
    pub(crate) fn arrive(self: &Arc<Self>, method: &Method, path: &str) -> InFlight {
        self.arrived.fetch_add(1, Ordering::Relaxed);
        InFlight {
            route: self
                .paths
                .at(path)
                .map_or(self.routes.len() - 1, |found| *found.value),
            method: position(&METHODS, method.as_str()),
            requests: self.clone(),
            arrived: Instant::now(),
            answered: false,
        }
    }

    /// How many have arrived.
    pub(crate) fn arrived(&self) -> u64 {
        self.arrived.load(Ordering::Relaxed)
    }

    /// How many went away before they were answered.
    pub(crate) fn abandoned(&self) -> u64 {
        self.abandoned.load(Ordering::Relaxed)
    }

    /// How long answers have waited for the store.
    pub(crate) fn store_waits(&self) -> &Arc<StoreWaits> {
        &self.store_waits
    }

    /// How many are in the works.
    pub(crate) fn in_flight(&self) -> u64 {
        let done = self.answered.load(Ordering::Relaxed) + self.abandoned();
        self.arrived().saturating_sub(done)
    }

    /// The answered requests.
    pub(crate) fn answered(&self) -> impl Iterator<Item = Answered> {
        let cells = self.histograms.iter().enumerate();
        cells.filter_map(|(cell, histogram)| {
            let (rest, status) = (cell / STATUSES.len(), cell % STATUSES.len());
            let (route, method) = (rest / METHODS.len(), rest % METHODS.len());
            Some(Answered {
                route: self.routes[route],
                method: METHODS[method],
                status: STATUSES[status],
                durations: histogram.get()?.snapshot(),
            })
        })
    }
}

impl InFlight {
    /// Records the answer.
    pub(crate) fn answer(mut self, status: StatusCode) {
        self.answered = true;
        let status = position(&STATUSES, status.as_u16());
        let cell = (self.route * METHODS.len() + self.method) * STATUSES.len() + status;
        let histogram = self.requests.histograms[cell].get_or_init(Box::default);
        histogram.record(self.arrived.elapsed());
        self.requests.answered.fetch_add(1, Ordering::Relaxed);
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        if !self.answered {
            self.requests.abandoned.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Where a value stands in a list whose last one stands for all others.
fn position<T: PartialEq>(list: &[T], value: T) -> usize {
    let last = list.len() - 1;
    list.iter().position(|one| *one == value).unwrap_or(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_request_is_counted_once() {
        let requests = Arc::new(Requests::new(["/v1/posts/{id}", "/static/{*path}"]).unwrap());
        let one = requests.arrive(&Method::GET, "/v1/posts/7");
        let two = requests.arrive(&Method::GET, "/v1/posts/8");
        let three = requests.arrive(&Method::TRACE, "/nowhere");
        assert_eq!((requests.arrived(), requests.in_flight()), (3, 3));
        one.answer(StatusCode::OK);
        three.answer(StatusCode::IM_A_TEAPOT);
        drop(two);
        assert_eq!((requests.arrived(), requests.in_flight()), (3, 0));
        assert_eq!(requests.abandoned(), 1);
        let answered: Vec<_> = requests
            .answered()
            .map(|one| {
                (
                    one.route,
                    one.method,
                    one.status,
                    one.durations.cumulative[16],
                )
            })
            .collect();
        let expected = [
            ("/v1/posts/{id}", "GET", 200, 1),
            ("unmatched", "OTHER", 0, 1),
        ];
        assert_eq!(answered, expected);
    }
}
