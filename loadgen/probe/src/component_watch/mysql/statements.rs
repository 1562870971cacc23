//! Executions of statements that were sent as text, by their digest.

use std::collections::HashMap;

use tenfold_run_dir::component_use::{STATEMENTS_MAX, StatementUse};

use super::statement_text::{key, statement_text};

/// Reads the statements that were sent as text, one row each. Times are in seconds.
pub(super) const SENT: &str = "\
    SELECT CONCAT_WS('.', SCHEMA_NAME, DIGEST), LEFT(DIGEST_TEXT, 2000), COUNT_STAR, SUM_TIMER_WAIT / 1e12, \
    SUM_ROWS_EXAMINED, SUM_ROWS_SENT, SUM_ROWS_AFFECTED, SUM_NO_INDEX_USED + SUM_NO_GOOD_INDEX_USED \
    FROM performance_schema.events_statements_summary_by_digest WHERE COUNT_STAR > 0 LIMIT 10000";

/// Reads the time of all statements, in seconds, sent as text or prepared. A replica's download never ends.
pub(super) const TIME: &str = "\
    SELECT SUM(SUM_TIMER_WAIT) / 1e12 FROM performance_schema.events_statements_summary_global_by_event_name \
    WHERE EVENT_NAME NOT LIKE 'statement/com/Binlog%'";

/// Columns of [`SENT`].
pub(super) type Row = (String, Option<String>, u64, f64, u64, u64, u64, u64);

/// Words of the statements that these readings are.
const OWN: [&str; 4] = [
    "performance_schema",
    "innodb_trx",
    "show global status",
    "information_schema.processlist",
];

/// Name of statements for which the server had no room.
const OTHERS: &str = "(other statements)";

/// Statements at one moment.
#[derive(Debug, Default)]
pub(super) struct Statements {
    /// By schema and digest.
    sent: HashMap<String, StatementUse>,
    /// Time of all, in seconds.
    time_s: f64,
}

impl Statements {
    /// Collects the rows of [`SENT`], and the result of [`TIME`].
    pub(super) fn of(sent: Vec<Row>, time_s: f64) -> Self {
        let sent = sent.into_iter().map(
            |(key, text, count, time_s, rows_examined, rows_sent, rows_affected, without_index)| {
                let own = StatementUse {
                    text: text.map_or_else(|| OTHERS.to_owned(), |text| statement_text(&text)),
                    count,
                    time_s,
                    rows_examined,
                    rows_sent,
                    rows_affected,
                    without_index,
                    is_sampled: false,
                };
                (key, own)
            },
        );
        Self {
            sent: sent.collect(),
            time_s,
        }
    }

    /// Returns the growth since an earlier moment, by the key of the texts.
    pub(super) fn since(&self, before: &Self) -> HashMap<String, StatementUse> {
        let none = StatementUse::default();
        let mut sums: HashMap<String, StatementUse> = HashMap::new();
        for (digest, own) in &self.sent {
            let before = before.sent.get(digest).unwrap_or(&none);
            let count = own.count.saturating_sub(before.count);
            if count == 0 || is_own(&own.text) {
                continue;
            }
            let sum = sums.entry(key(&own.text)).or_insert_with(|| StatementUse {
                text: own.text.clone(),
                ..StatementUse::default()
            });
            sum.count += count;
            sum.time_s += (own.time_s - before.time_s).max(0.0);
            sum.rows_examined += own.rows_examined.saturating_sub(before.rows_examined);
            sum.rows_sent += own.rows_sent.saturating_sub(before.rows_sent);
            sum.rows_affected += own.rows_affected.saturating_sub(before.rows_affected);
            sum.without_index += own.without_index.saturating_sub(before.without_index);
        }
        sums
    }

    /// Returns the time of all statements since an earlier moment, without that of these readings, in seconds.
    pub(super) fn time_since(&self, before: &Self) -> f64 {
        (self.time_s - self.own_s() - before.time_s + before.own_s()).max(0.0)
    }

    /// Time of these readings, in seconds.
    fn own_s(&self) -> f64 {
        let own = self.sent.values().filter(|own| is_own(&own.text));
        own.map(|own| own.time_s).sum()
    }
}

/// Joins counted and sampled statements, and returns those with the most time, the longest first.
pub(super) fn longest(
    mut counted: HashMap<String, StatementUse>,
    sampled: HashMap<String, StatementUse>,
) -> Vec<StatementUse> {
    for (key, own) in sampled {
        // A server that counts prepared statements too must not show them twice.
        let is_counted = counted
            .get(&key)
            .is_some_and(|sent| sent.time_s >= 0.5 * own.time_s);
        if !is_counted && !is_own(&own.text) {
            counted.insert(key, own);
        }
    }
    let mut all: Vec<StatementUse> = counted.into_values().collect();
    all.sort_by(|one, other| {
        let by_time = other.time_s.total_cmp(&one.time_s);
        by_time.then_with(|| one.text.cmp(&other.text))
    });
    all.truncate(STATEMENTS_MAX);
    all
}

fn is_own(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    OWN.iter().any(|word| text.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(key: &str, text: &str, count: u64, time_s: f64) -> Row {
        let text = Some(text.to_owned());
        (
            key.to_owned(),
            text,
            count,
            time_s,
            100 * count,
            count,
            0,
            0,
        )
    }

    #[test]
    fn orders_growth_by_time() {
        let before = Statements::of(
            vec![row("a", "SELECT ?", 5, 1.0), row("b", "COMMIT", 1, 9.0)],
            20.0,
        );
        let after = Statements::of(
            vec![
                row("a", "SELECT ?", 15, 3.0),
                row("b", "COMMIT", 1, 9.0),
                row("c", "SELECT `x` FROM y", 2, 3.0),
                row("d", "SELECT `x` FROM `y`", 1, 4.0),
                row("e", "SHOW GLOBAL STATUS", 4, 1.5),
            ],
            29.5,
        );
        let grown = longest(after.since(&before), HashMap::new());
        let texts: Vec<&str> = grown.iter().map(|own| own.text.as_str()).collect();
        assert_eq!(texts, ["SELECT x FROM y", "SELECT ?"]);
        assert_eq!((grown[0].count, grown[1].count), (3, 10));
        assert!((grown[0].time_s - 7.0).abs() < 1e-9);
        assert!((grown[1].examined_per_row() - 100.0).abs() < 1e-9);
        assert!((after.time_since(&before) - 8.0).abs() < 1e-9);
    }

    #[test]
    fn counts_statement_in_both_lists_once() {
        let after = Statements::of(
            vec![row("a", "SELECT `x` FROM `y` WHERE `z` = ? ", 3, 2.0)],
            2.0,
        );
        let sampled = |text: &str, time_s: f64| {
            let own = StatementUse {
                text: text.to_owned(),
                time_s,
                is_sampled: true,
                ..StatementUse::default()
            };
            (key(text), own)
        };
        let sampled = [
            sampled("select x from y where z = ?", 2.2),
            sampled("COMMIT", 1.0),
        ];
        let all = longest(
            after.since(&Statements::default()),
            sampled.into_iter().collect(),
        );
        let shown: Vec<(u64, bool)> = all.iter().map(|own| (own.count, own.is_sampled)).collect();
        assert_eq!(shown, [(3, false), (0, true)]);
    }
}
