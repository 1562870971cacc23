//! Comparison of the answers of two builds in a paired run.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use http::Method;
use tenfold_run_dir::agreement::{Agreement, Answer as Shown, Difference, RequestAgreement};
use tenfold_run_dir::sample::SAMPLES_OF_KIND_MAX;
use tenfold_scenarios::{Draw, Scenario, Side};

use crate::answer::evidence_log::{SAMPLED_BODY_BYTES, SHOWN_BODY_BYTES};
use crate::answer::mask::Mask;
use crate::http::{Answer, Keep};

/// The number of pairs at the start that are all compared, to detect a broken build at once.
const FIRST_PAIRS: u64 = 200;

/// The share of later pairs that are compared, as one in this many.
const SAMPLE_ONE_IN: u64 = 50;

/// The most answers that wait for the other side's. Bounds memory if one side stops answering.
const WAITING_MAX: usize = 256;

/// The most differences that are kept.
const DIFFERENCES_MAX: usize = 20;

/// Compares a sample of answers. All users run on one thread, so its lock is never contended;
/// requests outside the sample don't take it.
#[derive(Debug)]
pub(crate) struct AgreementLog {
    state: Mutex<State>,
    /// True if bodies are compared, by request before pairing. Only bodies of reads are compared,
    /// because writes that create an object answer with different names.
    with_bodies: Vec<bool>,
}

#[derive(Debug)]
struct State {
    agreement: Agreement,
    /// The first answer of each incomplete pair.
    waiting: BTreeMap<Pair, (Side, Option<Kept>)>,
}

/// Identifies a pair: what its two requests share and no others do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Pair {
    turn: u64,
    entropy: u64,
}

/// The parts of an answer to compare and to show.
#[derive(Debug)]
struct Kept {
    status: u16,
    body_bytes: u64,
    sha256: Option<[u8; 32]>,
    /// `None` once enough samples are kept.
    shown: Option<Unmasked>,
}

/// The parts of an answer to show after masking.
#[derive(Debug)]
struct Unmasked {
    headers: http::HeaderMap,
    body: Vec<u8>,
    mask: Mask,
}

impl AgreementLog {
    /// Creates the log of a paired scenario.
    pub(crate) fn new(scenario: &Scenario) -> Self {
        let requests =
            scenario
                .requests
                .iter()
                .filter_map(|request| match Side::of_name(&request.name)? {
                    (name, Side::Baseline) => Some((name, request)),
                    (_, Side::Candidate) => None,
                });
        let (requests, with_bodies) = requests
            .map(|(name, request)| {
                let agreement = RequestAgreement {
                    name: name.to_owned(),
                    ..RequestAgreement::default()
                };
                let is_read = matches!(request.method, Method::GET | Method::HEAD);
                (agreement, is_read)
            })
            .unzip();
        Self {
            state: Mutex::new(State {
                agreement: Agreement {
                    requests,
                    ..Agreement::default()
                },
                waiting: BTreeMap::new(),
            }),
            with_bodies,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns true if the answers to a pair are compared; the same for both of its requests.
    pub(crate) fn compares(draw: &Draw) -> bool {
        draw.turn < FIRST_PAIRS || draw.turn.is_multiple_of(SAMPLE_ONE_IN)
    }

    /// Adds to `keep` the parts of an answer that a comparison needs. They are the same for both answers of
    /// a pair, except at the last sample.
    pub(crate) fn keep(&self, keep: Keep) -> Keep {
        if self.state().is_full() {
            return Keep {
                sha256: true,
                ..keep
            };
        }
        Keep {
            headers: true,
            body_limit: keep.body_limit.max(SAMPLED_BODY_BYTES),
            sha256: true,
            events: keep.events,
        }
    }

    /// Adds the answer of one side to a request, by its index before pairing. `answer` is `None` if none
    /// arrived. `mask` hides its secrets.
    pub(crate) fn answered(
        &self,
        (request, side): (usize, Side),
        draw: &Draw,
        answer: Option<&Answer>,
        mask: impl FnOnce(&Answer) -> Mask,
    ) {
        let mut state = self.state();
        let with_samples = !state.is_full();
        let kept = answer.map(|answer| Kept::of(answer, with_samples.then_some(mask)));
        let pair = Pair {
            turn: draw.turn,
            entropy: draw.entropy,
        };
        match state.waiting.remove(&pair) {
            Some((other, first)) if other != side => {
                let (baseline, candidate) = match side {
                    Side::Baseline => (kept, first),
                    Side::Candidate => (first, kept),
                };
                let with_bodies = self.with_bodies.get(request) == Some(&true);
                state.compare(request, with_bodies, baseline, candidate);
            }
            Some(_) | None => {
                state.waiting.insert(pair, (side, kept));
                if state.waiting.len() > WAITING_MAX && state.waiting.pop_first().is_some() {
                    state.agreement.unmatched += 1;
                }
            }
        }
    }

    /// The result of the comparison.
    pub(crate) fn finish(&self) -> Agreement {
        let mut state = self.state();
        state.agreement.unmatched += state.waiting.len() as u64;
        state.waiting.clear();
        std::mem::take(&mut state.agreement)
    }
}

impl State {
    fn is_full(&self) -> bool {
        self.agreement.differences.len() >= DIFFERENCES_MAX
    }

    fn compare(
        &mut self,
        request: usize,
        with_bodies: bool,
        baseline: Option<Kept>,
        candidate: Option<Kept>,
    ) {
        let (Some(baseline), Some(candidate)) = (baseline, candidate) else {
            self.agreement.unmatched += 1;
            return;
        };
        let is_full = self.is_full();
        let Some(counts) = self.agreement.requests.get_mut(request) else {
            return;
        };
        counts.compared += 1;
        if baseline.status != candidate.status {
            counts.statuses_differ += 1;
        } else if with_bodies
            && (baseline.body_bytes, baseline.sha256) != (candidate.body_bytes, candidate.sha256)
        {
            counts.bodies_differ += 1;
        } else {
            return;
        }
        let name = &counts.name;
        let differences = &mut self.agreement.differences;
        let of_request = differences.iter().filter(|known| known.request == *name);
        if !is_full && of_request.count() < SAMPLES_OF_KIND_MAX {
            differences.push(Difference {
                request: name.clone(),
                baseline: baseline.shown(),
                candidate: candidate.shown(),
            });
        }
    }
}

impl Kept {
    fn of(answer: &Answer, mask: Option<impl FnOnce(&Answer) -> Mask>) -> Self {
        let kept = answer.kept.as_ref();
        Self {
            status: answer.status,
            body_bytes: answer.body_bytes,
            sha256: kept.and_then(|kept| kept.sha256),
            shown: kept.zip(mask).map(|(kept, mask)| Unmasked {
                headers: kept.headers.clone(),
                body: kept.body[..kept.body.len().min(SAMPLED_BODY_BYTES)].to_vec(),
                mask: mask(answer),
            }),
        }
    }

    fn shown(&self) -> Shown {
        let mut shown = Shown {
            status: self.status,
            body_bytes: self.body_bytes,
            ..Shown::default()
        };
        if let Some(Unmasked {
            headers,
            body,
            mask,
        }) = &self.shown
        {
            shown.headers = headers
                .iter()
                .map(|(name, value)| (name.to_string(), mask.header(name, value)))
                .collect();
            shown.body = mask.text(&String::from_utf8_lossy(body));
            let end = shown.body.floor_char_boundary(SHOWN_BODY_BYTES);
            shown.body.truncate(end);
        }
        shown
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::http::Kept as KeptParts;

    fn scenario() -> Scenario {
        let text = "version = 1\nname = \"x\"\n[[phases]]\nkind = \"constant\"\nname = \"p\"\n\
                    rate = \"10/s\"\nduration = \"1s\"\n[[requests]]\nname = \"get\"\n\
                    kind = \"read\"\npath = \"/\"\n[[requests]]\nname = \"put\"\nkind = \"write\"\n\
                    method = \"PUT\"\npath = \"/\"";
        let scenario = Scenario::parse(text, Path::new("x.toml")).unwrap();
        scenario.paired().unwrap()
    }

    fn draw(turn: u64) -> Draw {
        Draw {
            turn,
            entropy: !turn,
            ..Draw::default()
        }
    }

    fn answer(status: u16, body: &str) -> Answer {
        let mut sha256 = [0; 32];
        sha256[..body.len()].copy_from_slice(body.as_bytes());
        Answer {
            status,
            first_byte_ns: 0,
            done_ns: 0,
            read_lag_ns: None,
            body_bytes: body.len() as u64,
            kept: Some(KeptParts {
                body: body.as_bytes().to_vec(),
                sha256: Some(sha256),
                ..KeptParts::default()
            }),
        }
    }

    fn take(log: &AgreementLog, side: Side, turn: u64, answer: Option<&Answer>) {
        log.answered((0, side), &draw(turn), answer, |_| {
            let mut mask = Mask::default();
            mask.add("s3cret");
            mask
        });
    }

    #[test]
    fn compares_first_pairs_then_one_in_fifty() {
        let compared = (0..1_000).filter(|turn| AgreementLog::compares(&draw(*turn)));
        assert_eq!(compared.count(), 200 + 800 / 50);
    }

    #[test]
    fn compares_only_statuses_of_writes() {
        let log = AgreementLog::new(&scenario());
        let put = |turn, side, answer: &Answer| {
            log.answered((1, side), &draw(turn), Some(answer), |_| Mask::default());
        };
        put(0, Side::Baseline, &answer(201, "number 1"));
        put(0, Side::Candidate, &answer(201, "number 2"));
        put(1, Side::Baseline, &answer(201, "number 3"));
        put(1, Side::Candidate, &answer(200, "number 3"));
        let own = &log.finish().requests[1];
        assert_eq!(
            (own.compared, own.statuses_differ, own.bodies_differ),
            (2, 1, 0)
        );
    }

    #[test]
    fn counts_differences_and_masks_samples() {
        let log = AgreementLog::new(&scenario());
        let same = answer(200, "a");
        for turn in 0..10 {
            take(&log, Side::Candidate, turn, Some(&same));
            take(&log, Side::Baseline, turn, Some(&same));
        }
        for turn in 10..15 {
            take(&log, Side::Baseline, turn, Some(&answer(200, "s3cret")));
            take(&log, Side::Candidate, turn, Some(&answer(200, "b")));
        }
        take(&log, Side::Candidate, 20, Some(&answer(404, "a")));
        take(&log, Side::Baseline, 20, Some(&same));
        take(&log, Side::Baseline, 21, Some(&same));
        take(&log, Side::Candidate, 21, None);
        take(&log, Side::Candidate, 22, Some(&same));
        let agreement = log.finish();
        let expected = RequestAgreement {
            name: "get".to_owned(),
            compared: 16,
            statuses_differ: 1,
            bodies_differ: 5,
        };
        assert_eq!(agreement.requests[0], expected);
        assert_eq!(agreement.requests[1].name, "put");
        assert_eq!(agreement.unmatched, 2);
        assert_eq!(agreement.differences.len(), SAMPLES_OF_KIND_MAX);
        let first = &agreement.differences[0];
        assert_eq!(
            (first.baseline.body.as_str(), first.baseline.body_bytes),
            ("***", 6)
        );
        assert_eq!(first.candidate.body, "b");
    }

    #[test]
    fn bounds_memory_if_one_side_never_answers() {
        let log = AgreementLog::new(&scenario());
        for turn in 0..1_000 {
            take(&log, Side::Baseline, turn, Some(&answer(200, "a")));
        }
        assert_eq!(log.state().waiting.len(), WAITING_MAX);
        assert_eq!(log.finish().unmatched, 1_000);
    }
}
