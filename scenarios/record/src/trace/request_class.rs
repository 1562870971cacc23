//! Classes of recorded requests that become one request of a scenario.

use std::collections::HashMap;

use crate::access_log::RecordedRequest;

/// Recorded requests by method and headers; each class becomes one request of the scenario.
#[derive(Debug, Clone)]
pub(super) struct RequestClasses<'a> {
    classes: Vec<RequestClass<'a>>,
    by_request: HashMap<(&'a str, usize), usize>,
    detail: Detail,
}

/// Names and values.
type Headers<'a> = Vec<(&'a str, &'a str)>;

/// One class.
#[derive(Debug, Clone)]
pub(super) struct RequestClass<'a> {
    /// Method, with a number if several classes share it.
    pub(super) name: String,
    pub(super) method: &'a str,
    pub(super) headers: Headers<'a>,
    pub(super) count: u64,
    /// Number of requests with a body.
    pub(super) bodies: u64,
}

/// Headers that distinguish classes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Detail {
    All,
    /// `accept` and `content-type`.
    Types,
    None,
}

/// Maximum number of classes. A scenario has at most 256 requests, which leaves room to add some.
const CLASSES_MAX: usize = 200;

impl<'a> RequestClasses<'a> {
    /// Finds the classes, sorted by method and descending frequency.
    ///
    /// Drops headers if they would result in too many classes.
    pub(super) fn of(requests: impl Iterator<Item = RecordedRequest<'a>>) -> Self {
        let mut counts: HashMap<(&str, usize), RequestClass<'_>> = HashMap::new();
        for request in requests {
            let class = counts
                .entry((request.method, request.headers_id))
                .or_insert_with(|| RequestClass::new(&request));
            class.count += 1;
            class.bodies += u64::from(request.body.is_some());
        }
        let mut detail = Detail::All;
        loop {
            let classes = Self::merged(&counts, detail);
            let lower = match detail {
                Detail::All => Detail::Types,
                Detail::Types => Detail::None,
                Detail::None => return classes,
            };
            if classes.classes.len() <= CLASSES_MAX {
                return classes;
            }
            detail = lower;
        }
    }

    /// Returns the classes.
    pub(super) fn iter(&self) -> impl Iterator<Item = &RequestClass<'a>> {
        self.classes.iter()
    }

    /// Returns the name of a request's class.
    pub(super) fn name_of(&self, request: &RecordedRequest<'a>) -> &str {
        let class = self.by_request.get(&(request.method, request.headers_id));
        class.map_or(request.method, |class| self.classes[*class].name.as_str())
    }

    /// Returns a note on dropped headers; `None` if none were dropped.
    pub(super) fn reduced(&self) -> Option<&'static str> {
        match self.detail {
            Detail::All => None,
            Detail::Types => Some(
                "The headers vary too much to make a request for each combination, so only `accept` \
                 and `content-type` are kept.",
            ),
            Detail::None => Some(
                "The headers vary too much to make a request for each combination, so none are kept.",
            ),
        }
    }

    fn merged(counts: &HashMap<(&'a str, usize), RequestClass<'a>>, detail: Detail) -> Self {
        let mut classes: HashMap<(&str, Headers<'_>), RequestClass<'a>> = HashMap::new();
        for class in counts.values() {
            let merged = classes
                .entry((class.method, detail.of(&class.headers)))
                .or_insert_with_key(|(method, headers)| RequestClass {
                    name: String::new(),
                    method,
                    headers: headers.clone(),
                    count: 0,
                    bodies: 0,
                });
            merged.count += class.count;
            merged.bodies += class.bodies;
        }
        let mut classes: Vec<RequestClass<'a>> = classes.into_values().collect();
        classes.sort_by(|a, b| {
            (a.method.cmp(b.method))
                .then(b.count.cmp(&a.count))
                .then_with(|| a.headers.cmp(&b.headers))
        });
        let mut number = 0;
        for at in 0..classes.len() {
            let first = at == 0 || classes[at - 1].method != classes[at].method;
            number = if first { 1 } else { number + 1 };
            classes[at].name = match number {
                1 => classes[at].method.to_owned(),
                number => format!("{} {number}", classes[at].method),
            };
        }
        let by_headers: HashMap<(&str, &Headers<'_>), usize> = classes
            .iter()
            .enumerate()
            .map(|(at, class)| ((class.method, &class.headers), at))
            .collect();
        let by_request = counts
            .iter()
            .filter_map(|(key, class)| {
                let headers = detail.of(&class.headers);
                Some((*key, *by_headers.get(&(class.method, &headers))?))
            })
            .collect();
        Self {
            classes,
            by_request,
            detail,
        }
    }
}

impl<'a> RequestClass<'a> {
    fn new(request: &RecordedRequest<'a>) -> Self {
        Self {
            name: String::new(),
            method: request.method,
            headers: request
                .headers
                .iter()
                .map(|(name, value)| (name.as_str(), value.as_str()))
                .collect(),
            count: 0,
            bodies: 0,
        }
    }
}

impl Detail {
    fn of<'a>(self, headers: &[(&'a str, &'a str)]) -> Headers<'a> {
        match self {
            Self::All => headers.to_vec(),
            Self::Types => headers
                .iter()
                .filter(|(name, _)| matches!(*name, "accept" | "content-type"))
                .copied()
                .collect(),
            Self::None => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(sets: &[Vec<(String, String)>]) -> (Vec<String>, Option<&'static str>) {
        let requests = sets
            .iter()
            .enumerate()
            .map(|(headers_id, headers)| RecordedRequest {
                method: "GET",
                target: "/",
                target_id: 0,
                headers,
                headers_id,
                body: None,
            });
        let classes = RequestClasses::of(requests.clone());
        let names = requests.map(|request| classes.name_of(&request).to_owned());
        (names.collect(), classes.reduced())
    }

    fn set(name: &str, value: usize) -> Vec<(String, String)> {
        vec![(name.to_owned(), value.to_string())]
    }

    #[test]
    fn classes_differ_by_headers() {
        let sets = [set("accept", 1), set("accept", 2)];
        let (names, reduced) = names(&sets);
        assert_eq!(
            (names, reduced),
            (vec!["GET".to_owned(), "GET 2".to_owned()], None)
        );
    }

    #[test]
    fn drops_headers_instead_of_requests() {
        let agents: Vec<_> = (0..300).map(|agent| set("user-agent", agent)).collect();
        let (of_agents, reduced) = names(&agents);
        assert!(of_agents.iter().all(|name| name == "GET"), "{of_agents:?}");
        assert!(reduced.unwrap().contains("content-type"));
        let boundaries: Vec<_> = (0..300).map(|part| set("content-type", part)).collect();
        let (of_boundaries, reduced) = names(&boundaries);
        assert!(of_boundaries.iter().all(|name| name == "GET"));
        assert!(reduced.unwrap().contains("none"));
    }
}
