//! The table of docs/verdicts.md, whose rows the tests assert.

use tenfold_run_dir::counts::FAILURE_CLASSES;

use super::{early, rows};

/// Rows that other tests cover.
const COVERED_ELSEWHERE: &[(&str, &str)] = &[
    (
        "local_memory",
        "`connect::local_shortage::tests` of tenfold-loadgen",
    ),
    ("lost_user", "`failure::tests` of tenfold-loadgen"),
    (
        "grpc",
        "`grpc::answers_without_grpc_fail_as_grpc` of tenfold-loadgen",
    ),
    (
        "the generator is late: it was stopped, or had too little CPU time",
        "`frozen_generator`",
    ),
    (
        "the disk of the run directory is full",
        "`blame::full_disk_is_invalid`",
    ),
    (
        "Tenfold is killed; `tenfold report` shows the run up to its last checkpoint",
        "`killed`",
    ),
    (
        "one of several generators dies, and more than 1% of the arrivals are not sent",
        "`generators::share_of_a_killed_generator_is_missing`",
    ),
    (
        "an agent dies, hangs or is cut off, and more than 1% of the arrivals are not sent",
        "`agents::losses::share_of_a_killed_agent_is_missing`",
    ),
    (
        "an agent started apart from the others, or its clock went astray, by more than `--clock-error-max`",
        "`verdict::clocks::tests` of tenfold-analysis",
    ),
    (
        "an agent refuses its share, or its clock is not known well enough",
        "`agents::refusals::operator_of_an_agent_limits_its_runs`",
    ),
    (
        "there are too few agents, or the NATS server can't be reached",
        "`agents::refusals::agents_that_can_not_be_used_are_named`",
    ),
];

/// A row of the table.
#[derive(Debug, Clone, Copy)]
pub(super) struct Documented {
    /// Class of the failed requests. `None` if the row has no class.
    pub(super) class: Option<&'static str>,
    pub(super) side: &'static str,
    pub(super) measurement: &'static str,
    pub(super) exit_code: Option<i32>,
    what: &'static str,
}

impl Documented {
    /// The row with a class, or with a text in its first column.
    pub(super) fn row(key: &str) -> Self {
        let mut rows = table().into_iter().filter(|row| row.key() == key);
        let row = rows.next().unwrap_or_else(|| panic!("no row `{key}`"));
        assert!(rows.next().is_none(), "two rows `{key}`");
        row
    }

    fn key(&self) -> &'static str {
        self.class.unwrap_or(self.what)
    }
}

fn table() -> Vec<Documented> {
    let lines = include_str!("../../../../docs/verdicts.md").lines();
    let lines = lines.skip_while(|line| !line.starts_with("| what goes wrong"));
    let rows = lines.skip(2).take_while(|line| line.starts_with('|'));
    let cells = rows.map(|row| -> Vec<&str> { row.split('|').map(str::trim).collect() });
    cells
        .filter(|cells| !cells[1].starts_with("**"))
        .map(|cells| Documented {
            class: cells[2]
                .strip_prefix('`')
                .and_then(|class| class.strip_suffix('`')),
            side: cells[3],
            measurement: cells[4],
            exit_code: cells[5].parse().ok(),
            what: cells[1],
        })
        .collect()
}

#[test]
fn table_names_every_failure_class_with_its_side() {
    for (class, side) in FAILURE_CLASSES {
        assert_eq!(Documented::row(class).side, side.name(), "{class}");
    }
}

#[test]
fn each_row_has_a_test() {
    let elsewhere = COVERED_ELSEWHERE.iter().map(|(key, _)| *key);
    let mut tested: Vec<&str> = rows::KEYS.iter().chain(early::KEYS).copied().collect();
    tested.extend(elsewhere);
    tested.sort_unstable();
    let mut documented: Vec<&str> = table().iter().map(Documented::key).collect();
    documented.sort_unstable();
    assert_eq!(documented, tested);
}
