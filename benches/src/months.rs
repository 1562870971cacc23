//! Benchmark `months`: the table of the posts as one, and in partitions by month, with the same rows in a box of the same size.
//!
//! Statements run within the database, in loops, so that no client is measured. Identifiers of posts begin with their time, so a
//! month is a range of them, and the primary key stays as it is.

pub(crate) mod arguments;
mod page;

use std::path::Path;
use std::process::Command;
use std::time::Instant;

use anyhow::{Context as _, bail};
use serde::{Deserialize, Serialize};
use tenfold_lab::{Allowances, Lab, LabOptions, RoleAllowance};

use self::arguments::MonthsArguments;
use crate::output;
use crate::output::spread::Spread;
use crate::workshop::Workshop;
use crate::workshop::interrupt::Interrupt;
use crate::workshop::progress::report;
use crate::workshop::tenfold_binary;

/// Months of posts.
const MONTHS: u64 = 12;
/// Authors of the posts.
const AUTHORS: u64 = 1_000;
/// Identifiers of a month: ticks of 250 us, and ten bits of the bucket.
const MONTH_IDS: u64 = 30 * 86_400 * 4_000 * 1_024;
/// Reads of each kind in a round.
const READS: u64 = 2_000;
/// New posts in a round.
const WRITES: u64 = 500;
/// Posts that one statement deletes: fewer than would hold locks for long.
const DELETED_AT_ONCE: u64 = 1_000;

/// Database of the service.
const DATABASE: &str = "tenfold";

/// Tables, and how they are divided.
const TABLES: [&str; 2] = ["posts_whole", "posts_by_month"];

/// Results of the benchmark.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct MonthsFigures {
    /// Start, RFC 3339 in UTC.
    pub(crate) started_at: String,
    /// The machine.
    pub(crate) host: tenfold_run_dir::manifest::Host,
    /// CPUs of the box.
    pub(crate) box_cpu: f64,
    /// Reason why the box had no limits. `None` if it had.
    pub(crate) unconfined_because: Option<String>,
    /// Posts of a month.
    pub(crate) posts_a_month: u64,
    /// True if it was a quick check.
    pub(crate) quick: bool,
    /// Operations.
    pub(crate) operations: Vec<OperationFigures>,
    /// Plans of the reads: operation, table, partitions, index, rows.
    pub(crate) plans: Vec<[String; 5]>,
    /// Duration, in seconds.
    pub(crate) took_s: f64,
}

/// An operation on both tables.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct OperationFigures {
    /// Name.
    pub(crate) name: String,
    /// Time in microseconds: in one table, and by month.
    pub(crate) us: [Option<Spread>; 2],
}

/// An operation, as a statement on `{table}`, and how often a round repeats it.
struct Operation {
    name: &'static str,
    statement: String,
    repeated: u64,
}

/// Writes the page of measured figures anew.
pub(crate) fn write_page(folder: &Path) -> anyhow::Result<()> {
    let figures: MonthsFigures = output::read("months", folder)?;
    output::write_pages("months", &page::page(&figures), folder)
}

/// Runs the benchmark, prints its page and writes its files.
pub(crate) fn run(arguments: &MonthsArguments) -> anyhow::Result<()> {
    let interrupt = Interrupt::catch()?;
    let tenfold = tenfold_binary::find(arguments.tenfold.as_ref(), true)?;
    let workshop = Workshop::new(&arguments.cache, tenfold, false, interrupt)?;
    let started_at = format!("{:.0}", jiff::Timestamp::now());
    let began = Instant::now();
    let database = Database::start(&workshop.folder("months")?, arguments.box_cpu)?;
    let posts = arguments.posts_a_month();
    for table in TABLES {
        report(&format!("{table}: loading {} posts", posts * MONTHS));
        database.run(&created(table))?;
        for month in 0..MONTHS {
            workshop.interrupt().check()?;
            database.run(&loaded(table, month, posts))?;
        }
        database.run(&format!("ANALYZE TABLE {table}"))?;
    }
    let operations = operations();
    let mut times: Vec<[Vec<f64>; 2]> = operations.iter().map(|_| Default::default()).collect();
    let mut dropped: [Vec<f64>; 2] = Default::default();
    for round in 0..arguments.rounds() {
        report(&format!("round {}", round + 1));
        for (operation, times) in operations.iter().zip(&mut times) {
            for (table, times) in TABLES.iter().zip(times) {
                workshop.interrupt().check()?;
                times.push(database.timed(operation, table, posts)?);
            }
        }
    }
    let plans = plans(&database, &operations)?;
    // The oldest months leave, one a round.
    for month in 0..u64::from(arguments.rounds()).min(MONTHS - 1) {
        workshop.interrupt().check()?;
        report(&format!("removing month {month}"));
        let whole = format!(
            "DECLARE done INT DEFAULT 0;\nWHILE done = 0 DO DELETE FROM {} WHERE id < {} LIMIT {DELETED_AT_ONCE}; \
             SET done = (ROW_COUNT() = 0); END WHILE;",
            TABLES[0],
            first_id(month + 1)
        );
        let by_month = format!("ALTER TABLE {} DROP PARTITION m{month};", TABLES[1]);
        for (statements, times) in [whole, by_month].iter().zip(&mut dropped) {
            times.push(database.block_us(statements)?);
        }
    }
    let mut figures: Vec<OperationFigures> = operations
        .iter()
        .zip(times)
        .map(|(own, times)| OperationFigures {
            name: own.name.to_owned(),
            us: times.map(Spread::of),
        })
        .collect();
    figures.push(OperationFigures {
        name: "remove the oldest month".to_owned(),
        us: dropped.map(Spread::of),
    });
    let figures = MonthsFigures {
        started_at,
        host: tenfold_probe::host::describe(),
        box_cpu: arguments.box_cpu,
        unconfined_because: database.lab.unconfined_because().map(str::to_owned),
        posts_a_month: posts,
        quick: arguments.quick,
        operations: figures,
        plans,
        took_s: began.elapsed().as_secs_f64(),
    };
    database.lab.stop().context("could not stop the database")?;
    output::write("months", &page::page(&figures), &figures, &arguments.out)
}

/// First identifier of a month.
fn first_id(month: u64) -> u64 {
    month * MONTH_IDS
}

/// Statement that creates a table, with the columns and keys of the posts of a shard.
fn created(table: &str) -> String {
    let columns = "id BIGINT PRIMARY KEY, author_id BIGINT NOT NULL, created_at BIGINT NOT NULL, updated_at BIGINT NOT NULL, \
        has_photo BOOLEAN NOT NULL DEFAULT FALSE, content VARCHAR(1024) NOT NULL, html TEXT NOT NULL, KEY author (author_id)";
    let mut text = format!(
        "CREATE TABLE {table} ({columns}) ENGINE = InnoDB, CHARACTER SET utf8mb4, COLLATE utf8mb4_bin"
    );
    if table == TABLES[1] {
        let months = (0..MONTHS).map(|month| {
            let end = first_id(month + 1);
            format!("PARTITION m{month} VALUES LESS THAN ({end})")
        });
        let months: Vec<_> = months.collect();
        text += &format!(
            " PARTITION BY RANGE (id) ({}, PARTITION later VALUES LESS THAN MAXVALUE)",
            months.join(", ")
        );
    }
    text
}

/// Statement that loads the posts of a month.
fn loaded(table: &str, month: u64, posts: u64) -> String {
    let (first, step) = (first_id(month), MONTH_IDS / posts.max(1));
    format!(
        "INSERT INTO {table} SELECT {first} + seq * {step}, seq * 7919 % {AUTHORS} + 1, {first} DIV 4096, {first} DIV 4096, FALSE, \
         REPEAT('word ', 200), REPEAT('<p>word</p>', 130) FROM seq_0_to_{}",
        posts - 1
    )
}

/// Operations, each of a random author, post or month. `@a`, `@p` and `@m` are drawn before each.
fn operations() -> Vec<Operation> {
    let newest = first_id(MONTHS);
    vec![
        Operation {
            name: "newest ten posts of an author",
            statement: "SELECT COUNT(content) INTO @out FROM (SELECT content FROM {table} WHERE author_id = @a ORDER BY id DESC \
                        LIMIT 10) AS page"
                .to_owned(),
            repeated: READS,
        },
        Operation {
            name: "the same, of the last month",
            statement: format!(
                "SELECT COUNT(content) INTO @out FROM (SELECT content FROM {{table}} WHERE author_id = @a AND id >= {} ORDER BY id \
                 DESC LIMIT 10) AS page",
                first_id(MONTHS - 1)
            ),
            repeated: READS,
        },
        Operation {
            name: "a post",
            statement: "SELECT MAX(content) INTO @out FROM {table} WHERE id = @p".to_owned(),
            repeated: READS,
        },
        Operation {
            name: "number of posts of a month",
            statement: format!(
                "SELECT COUNT(*) INTO @out FROM {{table}} WHERE id >= @m * {MONTH_IDS} AND id < (@m + 1) * {MONTH_IDS}"
            ),
            repeated: 5,
        },
        Operation {
            name: "create a post",
            statement: format!(
                "INSERT INTO {{table}} SELECT IFNULL(MAX(id), 0) + 1024, @a, {newest}, {newest}, FALSE, REPEAT('word ', 200), \
                 REPEAT('<p>word</p>', 130) FROM (SELECT id FROM {{table}} ORDER BY id DESC LIMIT 1) AS newest"
            ),
            repeated: WRITES,
        },
    ]
}

/// Explains the reads on both tables.
fn plans(database: &Database, operations: &[Operation]) -> anyhow::Result<Vec<[String; 5]>> {
    let mut plans = Vec::new();
    for own in operations
        .iter()
        .filter(|own| own.statement.starts_with("SELECT"))
    {
        for table in TABLES {
            let statement = own.statement.replace("{table}", table);
            let statement = statement.replace("INTO @out ", "");
            let statement = statement.replace("@a", "7").replace("@m", "3");
            let statement = statement.replace("@p", &first_id(3).to_string());
            let rows = database.run(&format!("EXPLAIN PARTITIONS {statement}"))?;
            // id, select_type, table, partitions, type, possible_keys, key, key_len, ref, rows, Extra
            for row in rows.lines() {
                let cells: Vec<&str> = row.split('\t').collect();
                if let [_, _, of, partitions, _, _, key, _, _, count, ..] = cells[..]
                    && of == table
                {
                    let partitions = match partitions {
                        "NULL" => "-".to_owned(),
                        names => names.split(',').count().to_string(),
                    };
                    plans.push([own.name, table, &partitions, key, count].map(str::to_owned));
                }
            }
        }
    }
    Ok(plans)
}

/// The database in its box.
struct Database {
    lab: Lab,
}

impl Database {
    fn start(directory: &Path, box_cpu: f64) -> anyhow::Result<Self> {
        // No box runs this program.
        let mut options = LabOptions::new("tenfold", directory);
        options.allowances = Allowances::new(vec![RoleAllowance {
            role: "sql".to_owned(),
            cpu: box_cpu,
            memory_bytes: None,
        }]);
        options.command = "scripts/bench months".to_owned();
        options.tuned = true;
        let lab = tenfold_lab::up(&tenfold_lab::stage::STORES, &options);
        Ok(Self {
            lab: lab.context("could not start the database")?,
        })
    }

    /// Runs statements, and returns their rows, separated by tabs. As an administrator, by the socket: the account of the service may
    /// not drop partitions.
    fn run(&self, statements: &str) -> anyhow::Result<String> {
        let own = self.lab.boxes().first().context("the lab has no box")?;
        let socket = self.lab.directory().join(own.name()).join("sql.sock");
        let output = Command::new("mariadb")
            .args(["--no-defaults", "--batch", "--skip-column-names"])
            .arg(format!("--socket={}", socket.display()))
            .args(["--delimiter=//", "-e", statements, DATABASE])
            .output()
            .context("could not start `mariadb`")?;
        if !output.status.success() {
            bail!("{}", String::from_utf8_lossy(&output.stderr).trim());
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Runs a block of statements, and returns its time in microseconds.
    fn block_us(&self, statements: &str) -> anyhow::Result<f64> {
        let (declared, statements) = match statements.split_once('\n') {
            Some((declared, rest)) if declared.starts_with("DECLARE") => (declared, rest),
            _ => ("", statements),
        };
        let rows = self.run(&format!(
            "BEGIN NOT ATOMIC {declared} DECLARE began DATETIME(6) DEFAULT SYSDATE(6); {statements} \
             SELECT TIMESTAMPDIFF(MICROSECOND, began, SYSDATE(6)); END"
        ))?;
        let last = rows.lines().last().unwrap_or_default();
        last.trim()
            .parse()
            .with_context(|| format!("{last:?} is no time"))
    }

    /// Returns the mean time of an operation in a round, in microseconds.
    fn timed(&self, operation: &Operation, table: &str, posts: u64) -> anyhow::Result<f64> {
        let statement = operation.statement.replace("{table}", table);
        let repeated = operation.repeated;
        let step = MONTH_IDS / posts.max(1);
        let us = self.block_us(&format!(
            "DECLARE turn INT DEFAULT 0;\nWHILE turn < {repeated} DO SET turn = turn + 1; \
             SET @a = CAST(1 + FLOOR(RAND() * {AUTHORS}) AS UNSIGNED); SET @m = CAST(FLOOR(RAND() * {MONTHS}) AS UNSIGNED); \
             SET @p = @m * {MONTH_IDS} + CAST(FLOOR(RAND() * {posts}) AS UNSIGNED) * {step}; {statement}; END WHILE;"
        ))?;
        Ok(us / repeated as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_are_ranges_of_identifiers() {
        let whole = created(TABLES[0]);
        assert!(!whole.contains("PARTITION"));
        let by_month = created(TABLES[1]);
        assert_eq!(by_month.matches("PARTITION m").count() as u64, MONTHS);
        assert!(by_month.contains(&format!("m0 VALUES LESS THAN ({MONTH_IDS})")));
        // The last post of a month is in it.
        let (posts, step) = (20_000, MONTH_IDS / 20_000);
        assert!(first_id(3) + (posts - 1) * step < first_id(4));
        assert!(loaded(TABLES[0], 3, posts).contains(&first_id(3).to_string()));
    }
}
