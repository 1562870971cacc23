//! Redis, and programs with its protocol: `INFO` and `SLOWLOG`.

use std::collections::HashMap;
use std::time::Duration;

use redis::{Client, Cmd, Connection, FromRedisValue, IntoConnectionInfo, TlsCertificates, Value};
use tenfold_run_dir::component_use::{
    COMMANDS_MAX, CacheUse, CommandUse, ComponentFigures, SlowCommand,
};

use super::component_url::ComponentUrl;
use super::counters::{Between, Counters, check_uptime};
use super::source::Source;
use super::trusted;

/// Time limit of a reading.
const TIMEOUT: Duration = Duration::from_millis(900);

/// Most entries of the log of slow commands that are read.
const SLOW_MAX: u32 = 1_000;

/// Commands of these readings.
const OWN: [&str; 4] = ["info", "slowlog", "auth", "hello"];

/// Counters of the CPU time: of the thread that runs commands, or else of the process.
const CPU: [[&str; 2]; 2] = [
    ["used_cpu_sys_main_thread", "used_cpu_user_main_thread"],
    ["used_cpu_sys", "used_cpu_user"],
];

pub(super) struct Redis {
    connection: Connection,
    before: Option<Reading>,
    blocked_max: u64,
    gaps: Vec<String>,
}

/// Counters at one moment.
struct Reading {
    info: Counters,
    /// Id of the newest entry in the log of slow commands. `None` if it is empty or unknown.
    slow_id: Option<i64>,
}

impl Redis {
    pub(super) fn open(url: &ComponentUrl) -> Result<Self, String> {
        let (plain, authority) = trusted::split_authority(url.secret(), "ca")?;
        // The crate's own message could contain the password.
        let invalid = |_| {
            "its URL is invalid: use redis://user:password@host:port, or rediss:// and ?ca=FILE for TLS".to_owned()
        };
        let info = plain.as_str().into_connection_info().map_err(invalid)?;
        let client = if plain.starts_with("rediss:") {
            trusted::use_ring();
            let certificates = TlsCertificates {
                client_tls: None,
                root_cert: authority.as_deref().map(trusted::read).transpose()?,
            };
            Client::build_with_tls(info, certificates)
        } else {
            Client::open(info)
        };
        let connection = client
            .and_then(|client| client.get_connection_with_timeout(TIMEOUT))
            .map_err(|error| reason(&error))?;
        for limited in [
            connection.set_read_timeout(Some(TIMEOUT)),
            connection.set_write_timeout(Some(TIMEOUT)),
        ] {
            limited.map_err(|error| reason(&error))?;
        }
        Ok(Self {
            connection,
            before: None,
            blocked_max: 0,
            gaps: Vec::new(),
        })
    }

    fn ask<T: FromRedisValue>(&mut self, words: &[&str]) -> Result<T, String> {
        let mut command = Cmd::new();
        command.arg(words);
        command
            .query(&mut self.connection)
            .map_err(|error| reason(&error))
    }

    fn info(&mut self, section: &str) -> Result<Counters, String> {
        let text: String = self.ask(&["INFO", section])?;
        Ok(parse_info(&text))
    }

    /// Reads the newest entries of the log of slow commands.
    fn slow(&mut self, count: u32) -> Result<Vec<SlowEntry>, String> {
        let entries: Vec<Value> = self.ask(&["SLOWLOG", "GET", &count.to_string()])?;
        Ok(entries.iter().filter_map(SlowEntry::of).collect())
    }
}

impl Source for Redis {
    fn begin(&mut self) -> Result<(), String> {
        let info = self.info("everything")?;
        let slow_id = match self.slow(1) {
            Ok(entries) => entries.first().map(|own| own.id),
            Err(reason) => {
                let gap = format!(
                    "its slow commands are not known ({reason}): allow SLOWLOG to the account"
                );
                self.gaps.push(gap);
                None
            }
        };
        self.before = Some(Reading { info, slow_id });
        Ok(())
    }

    fn look(&mut self) {
        let blocked = self.info("clients").ok();
        let blocked = blocked.and_then(|info| info.count("blocked_clients"));
        self.blocked_max = self.blocked_max.max(blocked.unwrap_or(0));
    }

    fn end(&mut self) -> Result<ComponentFigures, String> {
        let info = self.info("everything")?;
        let before = self.before.take().ok_or("it was not read before the run")?;
        let between = Between {
            from: &before.info,
            to: &info,
        };
        check_uptime(&between, "uptime_in_seconds")?;
        let entries = match self.gaps.is_empty() {
            true => self.slow(SLOW_MAX).unwrap_or_default(),
            false => Vec::new(),
        };
        let later = entries
            .into_iter()
            .filter(|own| before.slow_id.is_none_or(|id| own.id > id));
        let cpu = CPU.iter().find_map(|names| {
            let times = names.map(|name| between.grown(name));
            Some(times[0]? + times[1]?)
        });
        Ok(ComponentFigures::Cache(CacheUse {
            cpu_s: cpu.unwrap_or(0.0),
            commands: between.more("total_commands_processed"),
            hits: between.more("keyspace_hits"),
            misses: between.more("keyspace_misses"),
            evicted: between.more("evicted_keys"),
            memory_bytes: info.count("used_memory").unwrap_or(0),
            memory_allowed_bytes: info.count("maxmemory").filter(|bytes| *bytes > 0),
            blocked_max: self.blocked_max,
            connections_refused: between.more("rejected_connections"),
            by_command: commands(&between),
            slow: by_key_space(later),
        }))
    }

    fn gaps(&self) -> Vec<String> {
        self.gaps.clone()
    }
}

/// Parses the answer to `INFO`: lines `name:value`, and headings.
fn parse_info(text: &str) -> Counters {
    let pairs = text.lines().filter(|line| !line.starts_with('#'));
    pairs
        .filter_map(|line| line.trim().split_once(':'))
        .collect()
}

/// Returns the commands by their time (`cmdstat_get:calls=7,usec=90,…`), the longest first.
fn commands(between: &Between<'_>) -> Vec<CommandUse> {
    let field = |text: &str, name: &str| -> Option<u64> {
        let value = text
            .split(',')
            .find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
        value?.parse().ok()
    };
    let grown = between.to.iter().filter_map(|(key, after)| {
        let name = key.strip_prefix("cmdstat_")?;
        if OWN.iter().any(|own| name.starts_with(own)) {
            return None;
        }
        let before = between.from.text(key).unwrap_or_default();
        let since = |name: &str| -> Option<u64> {
            let before = field(before, name).unwrap_or(0);
            Some(field(after, name)?.saturating_sub(before))
        };
        Some(CommandUse {
            name: name.replace('|', " "),
            count: since("calls").filter(|count| *count > 0)?,
            time_s: since("usec")? as f64 / 1e6,
        })
    });
    let mut grown: Vec<CommandUse> = grown.collect();
    grown.sort_by(|one, other| other.time_s.total_cmp(&one.time_s));
    grown.truncate(COMMANDS_MAX);
    grown
}

/// An entry of the log of slow commands.
#[derive(Debug, Clone, PartialEq)]
struct SlowEntry {
    id: i64,
    time_s: f64,
    name: String,
    key_space: String,
}

impl SlowEntry {
    /// Reads an entry: id, time of day, microseconds, words. `None` if it is malformed.
    fn of(entry: &Value) -> Option<Self> {
        let Value::Array(fields) = entry else {
            return None;
        };
        let field = |index: usize| fields.get(index).cloned();
        let id: i64 = redis::from_redis_value(field(0)?).ok()?;
        let us: u64 = redis::from_redis_value(field(2)?).ok()?;
        let words: Vec<Vec<u8>> = redis::from_redis_value(field(3)?).ok()?;
        let name = words.first()?;
        Some(Self {
            id,
            time_s: us as f64 / 1e6,
            name: String::from_utf8_lossy(name).to_ascii_lowercase(),
            key_space: words.get(1).map_or_else(String::new, |key| key_space(key)),
        })
    }
}

/// Returns the beginning of a key, up to its first digit or separator: the rest may name a person.
fn key_space(key: &[u8]) -> String {
    let own = key
        .iter()
        .take(32)
        .take_while(|byte| byte.is_ascii_alphabetic() || **byte == b'_');
    own.map(|byte| char::from(*byte)).collect()
}

/// Sums slow commands by name and key space, the longest first.
fn by_key_space(entries: impl Iterator<Item = SlowEntry>) -> Vec<SlowCommand> {
    let mut sums: HashMap<(String, String), SlowCommand> = HashMap::new();
    for entry in entries {
        let key = (entry.name.clone(), entry.key_space.clone());
        let own = sums.entry(key).or_insert_with(|| SlowCommand {
            name: entry.name,
            key_space: entry.key_space,
            ..SlowCommand::default()
        });
        own.count += 1;
        own.time_s += entry.time_s;
        own.longest_s = own.longest_s.max(entry.time_s);
    }
    let mut sums: Vec<SlowCommand> = sums.into_values().collect();
    sums.sort_by(|one, other| other.time_s.total_cmp(&one.time_s));
    sums.truncate(COMMANDS_MAX);
    sums
}

/// Returns the reason of an error in one line, without the command, which may hold values.
fn reason(error: &redis::RedisError) -> String {
    let text = match error.code() {
        Some(code) => format!("{code} {}", error.detail().unwrap_or_default()),
        None => error.to_string(),
    };
    let line = text.lines().next().unwrap_or_default();
    line.chars().filter(|c| !c.is_control()).take(200).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn orders_commands_by_time() {
        let before =
            parse_info("# Commandstats\r\ncmdstat_get:calls=1,usec=10,usec_per_call=10.00\r\n");
        let after = parse_info(
            "cmdstat_get:calls=3,usec=30,usec_per_call=10.00\r\ncmdstat_config|get:calls=1,usec=900\r\n\
             cmdstat_set:calls=x,usec=1\r\n",
        );
        let between = Between {
            from: &before,
            to: &after,
        };
        let shown: Vec<(String, u64)> = commands(&between)
            .into_iter()
            .map(|own| (own.name, own.count))
            .collect();
        assert_eq!(shown, [("config get".to_owned(), 1), ("get".to_owned(), 2)]);
    }

    #[test]
    fn sums_slow_commands_without_their_keys() {
        let entry = |id: i64, key: &str, us: i64| {
            SlowEntry::of(&Value::Array(vec![
                Value::Int(id),
                Value::Int(1_700_000_000),
                Value::Int(us),
                Value::Array(vec![
                    Value::BulkString(b"SMEMBERS".to_vec()),
                    Value::BulkString(key.as_bytes().to_vec()),
                ]),
                Value::BulkString(b"127.0.0.1:5".to_vec()),
            ]))
            .unwrap()
        };
        let entries = [
            entry(1, "followers:ada", 40_000),
            entry(2, "followers:7", 20_000),
        ];
        let [own] = &by_key_space(entries.into_iter())[..] else {
            panic!()
        };
        assert_eq!(
            (own.name.as_str(), own.key_space.as_str()),
            ("smembers", "followers")
        );
        assert_eq!(own.count, 2);
        assert!((own.longest_s - 0.04).abs() < 1e-9);
        assert_eq!(SlowEntry::of(&Value::Nil), None);
    }

    proptest! {
        #[test]
        fn any_answer_is_harmless(text in ".{0,200}", key in proptest::collection::vec(any::<u8>(), 0..50)) {
            let info = parse_info(&text);
            let _ = commands(&Between { from: &info, to: &info });
            prop_assert!(!key_space(&key).contains(char::is_numeric));
        }
    }
}
