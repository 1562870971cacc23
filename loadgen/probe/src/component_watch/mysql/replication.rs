//! Replication of a replica from its primary.

use mysql_async::Row;
use tenfold_run_dir::component_use::Replication;

/// Reads the state of replication: no row if the server is no replica.
pub(super) const QUERY: &str = "SHOW SLAVE STATUS";

/// Columns with the seconds behind the primary, and the states of the two threads, of old and new servers.
const COLUMNS: [[&str; 3]; 2] = [
    [
        "Seconds_Behind_Master",
        "Slave_IO_Running",
        "Slave_SQL_Running",
    ],
    [
        "Seconds_Behind_Source",
        "Replica_IO_Running",
        "Replica_SQL_Running",
    ],
];

/// Adds what a look shows.
pub(super) fn seen(before: Option<Replication>, rows: &[Row]) -> Option<Replication> {
    let row = rows.first()?;
    let text = |name: &str| row.get_opt::<Option<String>, _>(name)?.ok()?;
    let columns = COLUMNS.iter().find(|columns| text(columns[1]).is_some())?;
    let behind_s = row.get_opt::<Option<u64>, _>(columns[0])?.ok()?;
    let states = [text(columns[1]), text(columns[2])];
    Some(joined(
        before,
        behind_s,
        states.iter().flatten().map(String::as_str),
    ))
}

/// Joins a look with those before. Each state is `Yes`, `No` or `Connecting`.
fn joined<'a>(
    before: Option<Replication>,
    behind_s: Option<u64>,
    mut states: impl Iterator<Item = &'a str>,
) -> Replication {
    let before = before.unwrap_or_default();
    Replication {
        behind_s_max: before.behind_s_max.max(behind_s),
        stopped: states.any(|state| state == "No"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_longest_lag() {
        let look = |before, behind_s| Some(joined(before, behind_s, ["Yes", "Yes"].into_iter()));
        let known = look(look(look(None, Some(3)), Some(30)), None).unwrap();
        assert_eq!((known.behind_s_max, known.stopped), (Some(30), false));
        let stopped = joined(Some(known), None, ["Yes", "No"].into_iter());
        assert!(stopped.stopped);
        assert!(
            !look(Some(stopped), Some(1)).unwrap().stopped,
            "started again"
        );
        assert_eq!(seen(None, &[]), None, "no replica");
    }
}
