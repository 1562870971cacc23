//! Databases: statements that read too much, wait for locks, or wait for the disk.

use tenfold_run_dir::component_use::{ComponentUse, DatabaseUse, StatementUse};

use super::{CauseKind, ComponentCause, quoted};
use crate::format;
use crate::summary::finding::Confidence;

/// Statements at a time from which a database is busy.
const AT_A_TIME_MIN: f64 = 0.5;

/// Share of the time from which one statement, or one wait, explains the rest.
const SHARE_MIN: f64 = 0.4;

/// Rows read for each row that is needed from which an index is missing.
const ROWS_READ_MIN: f64 = 100.0;

/// Rows read by an execution from which reading them takes long.
const ROWS_AN_EXECUTION_MIN: f64 = 1_000.0;

/// Executions of one statement by a request, from which one statement could do the work of many.
const EXECUTIONS_MIN: f64 = 10.0;

/// Answers from which executions for each of them are known.
const ANSWERS_MIN: u64 = 100;

/// Returns the causes that a database shows: the wait of most statements, statements that each of the `answered` requests executes
/// again and again, and refused connections.
pub(super) fn causes(
    own: &ComponentUse,
    figures: &DatabaseUse,
    answered: u64,
) -> Vec<ComponentCause> {
    let mut found = Vec::new();
    if figures.connections_refused > 0 {
        found.push(refused(own, figures));
    }
    found.extend(many_statements(own, figures, answered));
    let all_s = figures.statements_s.unwrap_or(0.0);
    let at_a_time = own.at_a_time(all_s);
    if at_a_time < AT_A_TIME_MIN {
        return found;
    }
    let base = format!(
        "{} statements ran at a time in `{}` on average, {} at most (the time of all statements, divided by the length of the run)",
        format::significant(at_a_time),
        own.name,
        format::count(figures.running_max)
    );
    // A statement that waits for a lock has the time of the wait: look for locks first.
    let slow = slow_statement(own, figures, all_s);
    let cause = row_lock(own, figures, all_s).or(slow);
    found.extend(cause.map(|mut cause| {
        cause.evidence.insert(0, base);
        cause
    }));
    found
}

/// Reports a statement that each request executes many times, unless an execution reads many rows.
fn many_statements(
    own: &ComponentUse,
    figures: &DatabaseUse,
    answered: u64,
) -> Option<ComponentCause> {
    let counted = figures.statements.iter().filter(|own| !own.is_sampled);
    let first = counted.max_by_key(|own| own.count)?;
    let each = first.count as f64 / answered.max(1) as f64;
    if answered < ANSWERS_MIN || each < EXECUTIONS_MIN || rows(first, figures).is_some() {
        return None;
    }
    let place = quoted(&first.text);
    Some(ComponentCause {
        kind: CauseKind::ManyStatements,
        component: own.name.clone(),
        title: format!(
            "A request executes the same statement {} times in `{}`: {place}",
            format::significant(each),
            own.name
        ),
        place: Some(place),
        evidence: vec![
            format!(
                "{} executions of it for {} answers, {} of all statements",
                format::count(first.count),
                format::count(answered),
                format::percent((first.count as f64 / figures.questions.max(1) as f64).min(1.0))
            ),
            format!(
                "{} of the database for each answer, besides a round trip and the work of the client for each execution",
                format::duration_of(first.time_s * 1e9 / answered as f64)
            ),
        ],
        confidence: Confidence::High,
        advice: "Ask once for all of them: a join, or `WHERE … IN (…)`.".to_owned(),
        weight: own.at_a_time(first.time_s),
    })
}

fn row_lock(own: &ComponentUse, figures: &DatabaseUse, all_s: f64) -> Option<ComponentCause> {
    let waiting = own.at_a_time(figures.row_lock_s);
    if figures.row_lock_s < SHARE_MIN * all_s || waiting < AT_A_TIME_MIN {
        return None;
    }
    let seen: u64 = figures.lock_waiters.iter().map(|waiter| waiter.seen).sum();
    let first = figures.lock_waiters.first();
    let place = first
        .filter(|waiter| waiter.seen as f64 >= SHARE_MIN * seen as f64)
        .map(|waiter| quoted(&waiter.text));
    let mut evidence = vec![format!(
        "{} statements waited for a row lock at a time: {} waits of {} on average, {} of the time of all statements",
        format::significant(waiting),
        format::count(figures.row_lock_waits),
        format::duration_of(figures.row_lock_s * 1e9 / figures.row_lock_waits.max(1) as f64),
        format::percent((figures.row_lock_s / all_s).min(1.0))
    )];
    evidence.extend(first.map(|waiter| {
        format!(
            "of {} statements that were seen waiting for one, {} were {}",
            format::count(seen),
            format::count(waiter.seen),
            quoted(&waiter.text)
        )
    }));
    Some(ComponentCause {
        kind: CauseKind::RowLock,
        component: own.name.clone(),
        title: match &place {
            Some(place) => format!("Statements wait for row locks in `{}`: {place}", own.name),
            None => format!("Statements wait for row locks in `{}`", own.name),
        },
        place,
        evidence,
        confidence: Confidence::High,
        advice: "Shorten the transactions that change this row: change it last, commit at once. Or spread it over several \
                 rows, or count in memory and write seldom."
            .to_owned(),
        weight: waiting,
    })
}

/// Reports the statement with the most time, if it has a large part of it.
fn slow_statement(own: &ComponentUse, figures: &DatabaseUse, all_s: f64) -> Option<ComponentCause> {
    let first = figures.statements.first()?;
    let share = (first.time_s / all_s).min(1.0);
    if share < SHARE_MIN {
        return None;
    }
    let place = quoted(&first.text);
    let weight = own.at_a_time(first.time_s);
    let mut evidence = vec![format!(
        "{place} has {} of the time of all statements: {}",
        format::percent(share),
        match first.is_sampled {
            true => format!("it was seen running {} times", format::count(first.count)),
            false => format!(
                "{} executions of {} on average",
                format::count(first.count),
                format::duration_of(first.time_s * 1e9 / first.count.max(1) as f64)
            ),
        }
    )];
    let component = own.name.clone();
    let is_commit = first
        .text
        .trim_end_matches(';')
        .eq_ignore_ascii_case("commit");
    if is_commit {
        evidence.extend(syncs(own, figures));
        return Some(ComponentCause {
            kind: CauseKind::Commit,
            title: format!("Commits are slow in `{component}`: they wait for its disk, or for other members of its cluster"),
            component,
            place: Some(place),
            evidence,
            confidence: Confidence::High,
            advice: "Commit several writes together, take a faster disk, or move writes that may be late to a queue."
                .to_owned(),
            weight,
        });
    }
    let (kind, confidence, title, advice) = match rows(first, figures) {
        Some((per_row, sentence)) => {
            evidence.push(sentence);
            (
                CauseKind::MissingIndex,
                match first.is_sampled {
                    true => Confidence::Medium,
                    false => Confidence::High,
                },
                format!(
                    "A statement in `{component}` reads {} rows for each one that it needs: {place}",
                    format::significant(per_row)
                ),
                "Add an index on the columns of its WHERE and ORDER BY, and check it by EXPLAIN.",
            )
        }
        None => (
            CauseKind::SlowStatement,
            Confidence::Medium,
            format!("One statement has most of the time of `{component}`: {place}"),
            "Ask less often: cache its result, ask for several at once, or read from a replica.",
        ),
    };
    Some(ComponentCause {
        kind,
        title,
        component,
        place: Some(place),
        evidence,
        confidence,
        advice: advice.to_owned(),
        weight,
    })
}

/// Returns how many rows a statement reads for each that it needs, with a sentence. `None` if it is no large number.
fn rows(own: &StatementUse, figures: &DatabaseUse) -> Option<(f64, String)> {
    if own.is_sampled {
        // Only the rows of all statements are known.
        let (read, sent) = (figures.rows_read? as f64, figures.rows_sent? as f64);
        let per_statement = read / figures.questions.max(1) as f64;
        let per_row = read / sent.max(figures.questions as f64).max(1.0);
        return (per_row >= ROWS_READ_MIN && per_statement >= ROWS_AN_EXECUTION_MIN).then(|| {
            let sentence = format!(
                "all statements read {} rows and returned {}: {} read for each statement",
                format::count(read as u64),
                format::count(sent as u64),
                format::significant(per_statement)
            );
            (per_row, sentence)
        });
    }
    let per_execution = own.rows_examined as f64 / own.count.max(1) as f64;
    let per_row = own.examined_per_row();
    (per_row >= ROWS_READ_MIN && per_execution >= ROWS_AN_EXECUTION_MIN).then(|| {
        let mut sentence = format!(
            "an execution reads {} rows, and returns or changes {}",
            format::significant(per_execution),
            format::significant(
                (own.rows_sent + own.rows_affected) as f64 / own.count.max(1) as f64
            )
        );
        if own.without_index > 0 {
            sentence.push_str(&format!(
                "; {} of the executions used no index",
                format::percent((own.without_index as f64 / own.count.max(1) as f64).min(1.0))
            ));
        }
        (per_row, sentence)
    })
}

/// Describes the syncs of the database. `None` without any.
fn syncs(own: &ComponentUse, figures: &DatabaseUse) -> Option<String> {
    (figures.log_syncs > 0 && own.over_s > 0.0).then(|| {
        let timed = figures.log_sync_s.map_or(String::new(), |sync_s| {
            format!(", {} in total", format::duration_of(sync_s * 1e9))
        });
        format!(
            "it synced {} times a second to its disk{timed}",
            format::significant(figures.log_syncs as f64 / own.over_s)
        )
    })
}

fn refused(own: &ComponentUse, figures: &DatabaseUse) -> ComponentCause {
    let allowed = figures
        .connections_allowed
        .map_or(String::new(), |allowed| {
            format!(", of {} allowed", format::count(allowed))
        });
    ComponentCause {
        kind: CauseKind::Refused,
        component: own.name.clone(),
        title: format!(
            "`{}` refused {} connections: too many were open",
            own.name,
            format::count(figures.connections_refused)
        ),
        place: None,
        evidence: vec![format!(
            "{} connections were seen open{allowed}",
            format::count(figures.connections_max)
        )],
        confidence: Confidence::High,
        advice: "Limit the pools of all clients together to fewer than `max_connections`, or raise it if the database has \
                 memory for them."
            .to_owned(),
        weight: figures.connections_refused as f64,
    }
}

#[cfg(test)]
mod tests {
    use tenfold_run_dir::component_use::LockWaiter;

    use super::*;

    fn used(figures: DatabaseUse) -> Vec<ComponentCause> {
        let own = ComponentUse {
            name: "sql".to_owned(),
            over_s: 10.0,
            gaps: Vec::new(),
            figures: None,
        };
        causes(&own, &figures, 0)
    }

    #[test]
    fn names_statement_that_each_request_repeats() {
        let figures = |count| DatabaseUse {
            statements_s: Some(1.0),
            questions: 21_000,
            statements: vec![StatementUse {
                text: "SELECT name FROM user WHERE id = ?".to_owned(),
                count,
                time_s: 1.0,
                rows_examined: count,
                rows_sent: count,
                ..StatementUse::default()
            }],
            ..DatabaseUse::default()
        };
        let own = ComponentUse {
            name: "sql".to_owned(),
            over_s: 10.0,
            gaps: Vec::new(),
            figures: None,
        };
        let found = causes(&own, &figures(20_000), 500);
        let [cause] = &found[..] else {
            panic!("{found:?}")
        };
        assert_eq!(cause.kind, CauseKind::ManyStatements);
        assert_eq!(
            cause.title,
            "A request executes the same statement 40.0 times in `sql`: `SELECT name FROM user WHERE id = ?`"
        );
        assert_eq!(causes(&own, &figures(2_000), 500), []);
        assert_eq!(causes(&own, &figures(900), 9), [], "too few answers");
    }

    fn statement(text: &str, time_s: f64, rows_examined: u64) -> StatementUse {
        StatementUse {
            text: text.to_owned(),
            count: 100,
            time_s,
            rows_examined,
            rows_sent: 200,
            without_index: 100,
            ..StatementUse::default()
        }
    }

    fn busy(statements: Vec<StatementUse>) -> DatabaseUse {
        DatabaseUse {
            statements_s: Some(statements.iter().map(|own| own.time_s).sum()),
            statements,
            running_max: 9,
            ..DatabaseUse::default()
        }
    }

    #[test]
    fn names_statement_without_index() {
        let figures = busy(vec![
            statement("SELECT id FROM post WHERE author = ?", 30.0, 5_000_000),
            statement("COMMIT", 10.0, 0),
        ]);
        let [cause] = &used(figures)[..] else {
            panic!()
        };
        assert_eq!(cause.kind, CauseKind::MissingIndex);
        assert_eq!(
            cause.title,
            "A statement in `sql` reads 25,000 rows for each one that it needs: `SELECT id FROM post WHERE author = ?`"
        );
        assert_eq!(cause.confidence, Confidence::High);
        assert!(
            cause.evidence[0].starts_with("4.00 statements ran at a time"),
            "{cause:?}"
        );
        assert!(
            cause.evidence[2].contains("100% of the executions used no index"),
            "{cause:?}"
        );
    }

    #[test]
    fn names_sampled_statement_by_rows_of_all() {
        let mut figures = busy(vec![StatementUse {
            is_sampled: true,
            ..statement("SELECT text FROM post WHERE author = ?", 30.0, 0)
        }]);
        figures.questions = 100;
        figures.rows_read = Some(4_000_000);
        figures.rows_sent = Some(100);
        let [cause] = &used(figures)[..] else {
            panic!()
        };
        assert_eq!(
            (cause.kind, cause.confidence),
            (CauseKind::MissingIndex, Confidence::Medium)
        );
        assert!(
            cause.evidence[1].contains("seen running 100 times"),
            "{cause:?}"
        );
    }

    #[test]
    fn names_statement_that_waits_for_a_lock() {
        let mut figures = busy(vec![statement("UPDATE counter SET n = n + ?", 90.0, 200)]);
        figures.row_lock_s = 80.0;
        figures.row_lock_waits = 90;
        figures.lock_waiters = vec![LockWaiter {
            text: "UPDATE counter SET n = n + ?".to_owned(),
            seen: 70,
        }];
        let [cause] = &used(figures)[..] else {
            panic!()
        };
        assert_eq!(cause.kind, CauseKind::RowLock);
        assert_eq!(
            cause.title,
            "Statements wait for row locks in `sql`: `UPDATE counter SET n = n + ?`"
        );
        assert!((cause.weight - 8.0).abs() < 1e-9);
    }

    #[test]
    fn names_commits_and_refused_connections() {
        let mut figures = busy(vec![
            statement("COMMIT", 30.0, 0),
            statement("INSERT", 1.0, 0),
        ]);
        figures.log_syncs = 700;
        figures.connections_refused = 4;
        let found = used(figures);
        let kinds: Vec<CauseKind> = found.iter().map(|cause| cause.kind).collect();
        assert_eq!(kinds, [CauseKind::Refused, CauseKind::Commit]);
        assert!(
            found[1].evidence[2].contains("synced 70.0 times a second"),
            "{found:?}"
        );
    }

    #[test]
    fn is_silent_about_an_idle_database() {
        let idle = busy(vec![statement("SELECT ?", 3.0, 5_000_000)]);
        assert_eq!(used(idle), []);
        let even = busy((0..5).map(|_| statement("SELECT ?", 10.0, 100)).collect());
        assert_eq!(used(even), []);
    }
}
