//! Whether both builds answer alike.

use tenfold_analysis::gate::{AnswerDifference, AnswerSeen, Answers, BadDay, RequestAnswers};
use tenfold_run_dir::agreement::{Agreement, Answer, RequestAgreement};

/// Fewer differences than this are nobody's fault: a moment in which one of them was busy, or a body that
/// seldom differs, as one with the time in seconds, and did not while the baseline was beside itself.
const LEAST: u64 = 5;

/// Examples that are kept of a request.
const EXAMPLES: usize = 3;

/// The share of the compared answers to a request beyond which its bodies differ.
const MOST_BODIES: f64 = 0.01;

/// The share of them beyond which its statuses differ: what lies below may be failures of either, which are
/// counted and judged as such.
const MOST_STATUSES: f64 = 0.1;

/// The longest excerpt of a body that is kept, in characters.
const EXCERPT: usize = 200;

/// Requests, by name, to which a build does not repeat itself.
struct Unsteady {
    bodies: Vec<String>,
    statuses: Vec<String>,
}

/// A body that differs once is of the kind that does, as a counter; statuses that differ now and then are
/// failures, which are counted apart.
fn unsteady(of_itself: Option<&Agreement>) -> Unsteady {
    let names = |is: fn(&RequestAgreement) -> bool| {
        let requests = of_itself.into_iter().flat_map(|own| &own.requests);
        let unsteady = requests.filter(|request| is(request));
        unsteady.map(|request| request.name.clone()).collect()
    };
    Unsteady {
        bodies: names(|request| request.bodies_differ > 0),
        // Half of what would be too much: the few rounds of the check may show less than those to come.
        statuses: names(|request| {
            request.statuses_differ as f64 > MOST_STATUSES / 2.0 * request.compared as f64
        }),
    }
}

/// Adds up what epochs say of the answers; what the baseline does not repeat itself, by what it answered
/// itself, is left out.
pub(crate) fn together<'a>(
    agreements: impl Iterator<Item = &'a Agreement>,
    of_itself: Option<&Agreement>,
) -> Option<Answers> {
    let Unsteady { bodies, statuses } = unsteady(of_itself);
    let mut answers: Option<Answers> = None;
    for agreement in agreements {
        let answers = answers.get_or_insert_with(Answers::default);
        answers.unmatched += agreement.unmatched;
        for request in &agreement.requests {
            let known = answers
                .requests
                .iter()
                .position(|own| own.request == request.name);
            let index = known.unwrap_or_else(|| {
                answers.requests.push(RequestAnswers {
                    request: request.name.clone(),
                    ..RequestAnswers::default()
                });
                answers.requests.len() - 1
            });
            let own = &mut answers.requests[index];
            own.compared += request.compared;
            if !statuses.contains(&request.name) {
                own.statuses_differ += request.statuses_differ;
            }
            if !bodies.contains(&request.name) {
                own.bodies_differ += request.bodies_differ;
            }
        }
        for difference in &agreement.differences {
            let same_status = difference.baseline.status == difference.candidate.status;
            let left_out = if same_status { &bodies } else { &statuses };
            if left_out.contains(&difference.request) {
                continue;
            }
            let own = answers
                .requests
                .iter_mut()
                .find(|own| own.request == difference.request);
            if let Some(own) = own
                && own.examples.len() < EXAMPLES
            {
                own.examples.push(AnswerDifference {
                    sent: difference.request.clone(),
                    baseline: seen(&difference.baseline),
                    candidate: seen(&difference.candidate),
                });
            }
        }
    }
    if let Some(answers) = &mut answers {
        answers.requests.retain(|request| request.compared > 0);
        for request in &answers.requests {
            answers.compared += request.compared;
            answers.statuses_differ += request.statuses_differ;
            answers.bodies_differ += request.bodies_differ;
        }
        let told = |what: &str, names: Vec<String>| -> Vec<String> {
            let names = names.into_iter();
            names
                .map(|name| format!("{what} of {name}: the baseline does not repeat them itself"))
                .collect()
        };
        answers.ignored = [told("statuses", statuses), told("bodies", bodies)].concat();
    }
    answers
}

/// Tells whether they differ by more than a moment's trouble.
pub(crate) fn differ(answers: &Answers) -> Option<BadDay> {
    let concerned: Vec<&RequestAnswers> = answers
        .requests
        .iter()
        .filter(|request| {
            many(request.statuses_differ, request.compared, MOST_STATUSES)
                || many(request.bodies_differ, request.compared, MOST_BODIES)
        })
        .collect();
    (!concerned.is_empty()).then(|| BadDay::AnswersDiffer {
        compared: answers.compared,
        statuses_differ: concerned
            .iter()
            .map(|request| request.statuses_differ)
            .sum(),
        bodies_differ: concerned.iter().map(|request| request.bodies_differ).sum(),
        requests: concerned
            .iter()
            .map(|request| request.request.clone())
            .collect(),
    })
}

/// Whether so many of so many are more than a moment's trouble.
fn many(differing: u64, compared: u64, most_share: f64) -> bool {
    differing >= LEAST && differing as f64 > most_share * compared as f64
}

fn seen(answer: &Answer) -> AnswerSeen {
    AnswerSeen {
        status: Some(answer.status),
        bytes: Some(answer.body_bytes),
        excerpt: answer.body.chars().take(EXCERPT).collect(),
    }
}

#[cfg(test)]
mod tests {
    use tenfold_run_dir::agreement::Difference;

    use super::*;

    fn agreement(compared: u64, statuses_differ: u64, bodies_differ: u64) -> Agreement {
        Agreement {
            requests: vec![RequestAgreement {
                name: "read".to_owned(),
                compared,
                statuses_differ,
                bodies_differ,
            }],
            differences: vec![Difference {
                request: "read".to_owned(),
                ..Difference::default()
            }],
            unmatched: 0,
        }
    }

    #[test]
    fn epochs_add_up_and_differences_are_told() {
        let epochs = [agreement(100, 0, 2), agreement(100, 0, 3)];
        let answers = together(epochs.iter(), None).unwrap();
        assert_eq!((answers.compared, answers.bodies_differ), (200, 5));
        assert_eq!(answers.requests[0].examples.len(), 2);
        assert!(matches!(
            differ(&answers),
            Some(BadDay::AnswersDiffer {
                bodies_differ: 5,
                ..
            })
        ));
    }

    #[test]
    fn a_moment_and_what_the_baseline_does_itself_are_no_difference() {
        let few = together([agreement(1_000, 2, 0)].iter(), None).unwrap();
        assert!(differ(&few).is_none());
        let own = agreement(100, 0, 1);
        let of_itself = Some(&own);
        let answers = together([agreement(100, 0, 100)].iter(), of_itself).unwrap();
        assert_eq!(answers.bodies_differ, 0);
        assert_eq!(answers.ignored.len(), 1, "{:?}", answers.ignored);
        assert!(answers.requests[0].examples.is_empty());
        assert!(differ(&answers).is_none());
        let statuses = together([agreement(100, 50, 0)].iter(), of_itself).unwrap();
        assert!(differ(&statuses).is_some());
        // Failures that come and go in the baseline too say nothing about the change.
        let failing = agreement(100, 15, 0);
        let both = together([agreement(100, 20, 0)].iter(), Some(&failing)).unwrap();
        assert!(differ(&both).is_none());
        // Failures of one request in a hundred on either side, which are judged as failures.
        let few = together([agreement(2_000, 40, 0)].iter(), None).unwrap();
        assert!(differ(&few).is_none());
        assert!(together([].iter(), None).is_none());
    }
}
