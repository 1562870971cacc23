//! Requests of the main listener: counted on arrival, timed until the response.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use http::{Method, StatusCode};

use super::histogram::{Histogram, Snapshot};
use super::store_waits::StoreWaits;

/// Methods with their own label; the last stands for all others.
const METHODS: [&str; 8] = [
    "GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "OTHER",
];
/// Statuses with their own label; the last stands for all others.
const STATUSES: [u16; 20] = [
    200, 201, 204, 206, 301, 304, 400, 401, 403, 404, 405, 408, 409, 413, 415, 422, 429, 500, 503,
    0,
];
/// Label of a request without a matching route.
const UNMATCHED: &str = "unmatched";

/// Counters of the requests of one listener.
///
/// Labels cost nothing per request: route, method and status are small integers that index the
/// histograms. Each histogram is created on first use.
#[derive(Debug)]
pub(crate) struct Requests {
    arrived: AtomicU64,
    completed: AtomicU64,
    abandoned: AtomicU64,
    store_waits: Arc<StoreWaits>,
    paths: matchit::Router<usize>,
    routes: Vec<&'static str>,
    histograms: Vec<OnceLock<Box<Histogram>>>,
}

/// Completed requests with the same route, method and status.
#[derive(Debug)]
pub(crate) struct CompletedRequests {
    /// Path with its placeholders.
    pub(crate) route: &'static str,
    /// Method.
    pub(crate) method: &'static str,
    /// HTTP status; 0 stands for all statuses without their own label.
    pub(crate) status: u16,
    /// Durations.
    pub(crate) durations: Snapshot,
}

/// Request between its arrival and its response.
#[derive(Debug)]
pub(crate) struct InFlight {
    requests: Arc<Requests>,
    route: usize,
    method: usize,
    arrived: Instant,
    completed: bool,
}

impl Requests {
    /// Creates counters for the requests of these routes.
    ///
    /// # Errors
    /// Fails if a route conflicts with another.
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
            completed: AtomicU64::new(0),
            abandoned: AtomicU64::new(0),
            store_waits: Arc::default(),
            paths: router,
            routes,
            histograms: (0..cells).map(|_| OnceLock::new()).collect(),
        })
    }

    /// Counts a request whose head was read.
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
            completed: false,
        }
    }

    /// Returns the number of requests that arrived.
    pub(crate) fn arrived(&self) -> u64 {
        self.arrived.load(Ordering::Relaxed)
    }

    /// Returns the number of requests whose client disconnected before the response.
    pub(crate) fn abandoned(&self) -> u64 {
        self.abandoned.load(Ordering::Relaxed)
    }

    /// Returns the time that requests waited for the store.
    pub(crate) fn store_waits(&self) -> &Arc<StoreWaits> {
        &self.store_waits
    }

    /// Returns the number of requests without a response yet.
    pub(crate) fn in_flight(&self) -> u64 {
        let done = self.completed.load(Ordering::Relaxed) + self.abandoned();
        self.arrived().saturating_sub(done)
    }

    /// Returns the completed requests by route, method and status.
    pub(crate) fn completed(&self) -> impl Iterator<Item = CompletedRequests> {
        let cells = self.histograms.iter().enumerate();
        cells.filter_map(|(cell, histogram)| {
            let (rest, status) = (cell / STATUSES.len(), cell % STATUSES.len());
            let (route, method) = (rest / METHODS.len(), rest % METHODS.len());
            Some(CompletedRequests {
                route: self.routes[route],
                method: METHODS[method],
                status: STATUSES[status],
                durations: histogram.get()?.snapshot(),
            })
        })
    }
}

impl InFlight {
    /// Method and route, as labels.
    pub(crate) fn labels(&self) -> (&'static str, &'static str) {
        (METHODS[self.method], self.requests.routes[self.route])
    }

    /// Records the response.
    pub(crate) fn complete(mut self, status: StatusCode) {
        self.completed = true;
        let status = position(&STATUSES, status.as_u16());
        let cell = (self.route * METHODS.len() + self.method) * STATUSES.len() + status;
        let histogram = self.requests.histograms[cell].get_or_init(Box::default);
        histogram.record(self.arrived.elapsed());
        self.requests.completed.fetch_add(1, Ordering::Relaxed);
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        if !self.completed {
            self.requests.abandoned.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Returns the index of a value in a list whose last element stands for all others.
fn position<T: PartialEq>(list: &[T], value: T) -> usize {
    let last = list.len() - 1;
    list.iter().position(|one| *one == value).unwrap_or(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_each_request_once() {
        let requests = Arc::new(Requests::new(["/v1/posts/{id}", "/static/{*path}"]).unwrap());
        let one = requests.arrive(&Method::GET, "/v1/posts/7");
        let two = requests.arrive(&Method::GET, "/v1/posts/8");
        let three = requests.arrive(&Method::TRACE, "/nowhere");
        assert_eq!(one.labels(), ("GET", "/v1/posts/{id}"));
        assert_eq!((requests.arrived(), requests.in_flight()), (3, 3));
        one.complete(StatusCode::OK);
        three.complete(StatusCode::IM_A_TEAPOT);
        drop(two);
        assert_eq!((requests.arrived(), requests.in_flight()), (3, 0));
        assert_eq!(requests.abandoned(), 1);
        let completed: Vec<_> = requests
            .completed()
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
        assert_eq!(completed, expected);
    }
}
