//! Statements that are seen running.
//!
//! MariaDB counts executions of statements that drivers prepare in no list of statements. So they are sampled: a statement that was
//! seen in half of the looks ran half of the time.

use std::collections::HashMap;

use tenfold_run_dir::component_use::StatementUse;

use super::statement_text::{key, statement_text};

/// Reads the statements that run, values included. How many rows they have read is known only at their end.
pub(super) const QUERY: &str = "\
    SELECT COMMAND = 'Execute', LEFT(INFO, 1000) FROM information_schema.PROCESSLIST \
    WHERE COMMAND IN ('Query', 'Execute') AND INFO IS NOT NULL AND ID <> CONNECTION_ID() LIMIT 500";

/// Columns of [`QUERY`]: whether the statement is prepared, and its text.
pub(super) type Row = (bool, Option<String>);

/// Most texts that are kept.
const TEXTS_MAX: usize = 2_000;

/// Statements that were seen running.
#[derive(Debug, Default)]
pub(super) struct Running {
    looks: u64,
    /// By the key of the text, and whether it was prepared.
    seen: HashMap<(String, bool), StatementUse>,
    /// Most that were seen at once.
    pub(super) at_once_max: u64,
}

impl Running {
    /// Adds one look.
    pub(super) fn add(&mut self, rows: Vec<Row>) {
        self.looks += 1;
        self.at_once_max = self.at_once_max.max(rows.len() as u64);
        for (is_prepared, text) in rows {
            let text = statement_text(&text.unwrap_or_default());
            let key = (key(&text), is_prepared);
            if self.seen.len() >= TEXTS_MAX && !self.seen.contains_key(&key) {
                continue;
            }
            let own = self.seen.entry(key).or_insert_with(|| StatementUse {
                text,
                is_sampled: true,
                ..StatementUse::default()
            });
            own.count += 1;
        }
    }

    /// Returns the statements with their times in a run of `over_s` seconds, by the key of their texts: only prepared ones, or all.
    pub(super) fn statements(
        &self,
        over_s: f64,
        only_prepared: bool,
    ) -> HashMap<String, StatementUse> {
        let chosen = self
            .seen
            .iter()
            .filter(|((_, is_prepared), _)| *is_prepared || !only_prepared);
        let mut sums: HashMap<String, StatementUse> = HashMap::new();
        for ((key, _), own) in chosen {
            let sum = sums.entry(key.clone()).or_insert_with(|| StatementUse {
                text: own.text.clone(),
                is_sampled: true,
                ..StatementUse::default()
            });
            sum.count += own.count;
            sum.time_s += own.count as f64 / self.looks.max(1) as f64 * over_s;
        }
        sums
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(is_prepared: bool, text: &str) -> Row {
        (is_prepared, Some(text.to_owned()))
    }

    #[test]
    fn times_what_was_seen() {
        let mut running = Running::default();
        running.add(vec![
            row(true, "SELECT 1"),
            row(true, "SELECT 2"),
            row(false, "COMMIT"),
        ]);
        running.add(vec![row(false, "SELECT 3")]);
        running.add(Vec::new());
        running.add(Vec::new());
        let prepared = running.statements(8.0, true);
        let own = &prepared["select"];
        assert_eq!((prepared.len(), own.count), (1, 2));
        assert!((own.time_s - 4.0).abs() < 1e-9 && own.is_sampled);
        let all = running.statements(8.0, false);
        assert!((all["select"].time_s - 6.0).abs() < 1e-9);
        assert_eq!((all.len(), running.at_once_max), (2, 3));
    }

    #[test]
    fn keeps_a_limited_number_of_texts() {
        let mut running = Running::default();
        let letters = |number: usize| {
            number
                .to_string()
                .replace(|c: char| c.is_ascii_digit(), "x")
        };
        running.add(
            (0..10)
                .map(|length| row(true, &letters(10_usize.pow(length))))
                .collect(),
        );
        assert_eq!(running.seen.len(), 10);
        for round in 0..3_000_usize {
            let text: String = format!("{round:b}").replace('0', "a").replace('1', "b");
            running.add(vec![row(true, &text)]);
        }
        assert_eq!(running.seen.len(), TEXTS_MAX);
    }
}
