//! Comparison of the responses of both builds.

use tenfold_analysis::gate::{AnswerDifference, AnswerSeen, Answers, BadDay, RequestAnswers};
use tenfold_run_dir::agreement::{Agreement, Answer, RequestAgreement};

/// Smallest number of differences that counts. Fewer can have harmless causes: a build that was busy for a
/// moment, or a body that rarely varies, such as one with the time in seconds.
const DIFFERENCES_MIN: u64 = 5;

/// Examples that are kept for each request.
const EXAMPLES_MAX: usize = 3;

/// Largest share of a request's compared responses with different bodies that counts as agreement.
const BODIES_MAX: f64 = 0.01;

/// Largest share of different statuses that counts as agreement. These may be failures, which are judged
/// separately.
const STATUSES_MAX: f64 = 0.1;

/// Length of an excerpt of a body, in characters.
const EXCERPT_CHARS_MAX: usize = 200;

/// Requests, by name, whose responses vary without a change of build.
struct Varying {
    bodies: Vec<String>,
    statuses: Vec<String>,
}

/// Finds varying requests in the comparison of the baseline with itself. A single different body is enough,
/// such as that of a counter. A few different statuses are failures, which are judged separately.
fn varying(with_itself: Option<&Agreement>) -> Varying {
    let names = |is: fn(&RequestAgreement) -> bool| {
        let requests = with_itself.into_iter().flat_map(|own| &own.requests);
        let varying = requests.filter(|request| is(request));
        varying.map(|request| request.name.clone()).collect()
    };
    Varying {
        bodies: names(|request| request.bodies_differ > 0),
        // Half the limit, because the check has few rounds and may show less than those to come.
        statuses: names(|request| {
            request.statuses_differ as f64 > STATUSES_MAX / 2.0 * request.compared as f64
        }),
    }
}

/// Combines the agreements of epochs, without requests that vary by themselves. `with_itself` is the agreement
/// of the baseline with itself.
pub(crate) fn combine<'a>(
    agreements: impl Iterator<Item = &'a Agreement>,
    with_itself: Option<&Agreement>,
) -> Option<Answers> {
    let Varying { bodies, statuses } = varying(with_itself);
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
                && own.examples.len() < EXAMPLES_MAX
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
        let ignored = |what: &str, names: Vec<String>| -> Vec<String> {
            let names = names.into_iter();
            names
                .map(|name| format!("{what} of {name}: they vary even between identical builds"))
                .collect()
        };
        answers.ignored = [ignored("statuses", statuses), ignored("bodies", bodies)].concat();
    }
    answers
}

/// Returns a bad day if more responses differ than chance explains.
pub(crate) fn differ(answers: &Answers) -> Option<BadDay> {
    let differing: Vec<&RequestAnswers> = answers
        .requests
        .iter()
        .filter(|request| {
            is_many(request.statuses_differ, request.compared, STATUSES_MAX)
                || is_many(request.bodies_differ, request.compared, BODIES_MAX)
        })
        .collect();
    (!differing.is_empty()).then(|| BadDay::AnswersDiffer {
        compared: answers.compared,
        statuses_differ: differing
            .iter()
            .map(|request| request.statuses_differ)
            .sum(),
        bodies_differ: differing.iter().map(|request| request.bodies_differ).sum(),
        requests: differing
            .iter()
            .map(|request| request.request.clone())
            .collect(),
    })
}

/// Returns whether so many differences are more than chance explains.
fn is_many(differing: u64, compared: u64, share_max: f64) -> bool {
    differing >= DIFFERENCES_MIN && differing as f64 > share_max * compared as f64
}

fn seen(answer: &Answer) -> AnswerSeen {
    AnswerSeen {
        status: Some(answer.status),
        bytes: Some(answer.body_bytes),
        excerpt: answer.body.chars().take(EXCERPT_CHARS_MAX).collect(),
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
    fn combines_epochs_and_reports_differences() {
        let epochs = [agreement(100, 0, 2), agreement(100, 0, 3)];
        let answers = combine(epochs.iter(), None).unwrap();
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
    fn ignores_rare_and_varying_differences() {
        let few = combine([agreement(1_000, 2, 0)].iter(), None).unwrap();
        assert!(differ(&few).is_none());
        let own = agreement(100, 0, 1);
        let with_itself = Some(&own);
        let answers = combine([agreement(100, 0, 100)].iter(), with_itself).unwrap();
        assert_eq!(answers.bodies_differ, 0);
        assert_eq!(answers.ignored.len(), 1, "{:?}", answers.ignored);
        assert!(answers.requests[0].examples.is_empty());
        assert!(differ(&answers).is_none());
        let statuses = combine([agreement(100, 50, 0)].iter(), with_itself).unwrap();
        assert!(differ(&statuses).is_some());
        // Failures that the baseline has too say nothing about the change.
        let failing = agreement(100, 15, 0);
        let both = combine([agreement(100, 20, 0)].iter(), Some(&failing)).unwrap();
        assert!(differ(&both).is_none());
        // Failures of one request in fifty are judged as failures.
        let few = combine([agreement(2_000, 40, 0)].iter(), None).unwrap();
        assert!(differ(&few).is_none());
        assert!(combine([].iter(), None).is_none());
    }
}
