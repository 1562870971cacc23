//! Checks of the machine and its limits, one function each.

use serde::Serialize;

use crate::{host, limits, procfs};

/// A property of the machine, and whether it is sufficient.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Check {
    /// Name of the property.
    pub name: &'static str,
    /// Value found.
    pub value: String,
    /// Rating of the value.
    pub standing: Standing,
    /// Remedy. `None` unless the rating is [`Standing::Poor`].
    pub advice: Option<String>,
}

/// Rating of a property.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// Sufficient.
    Good,
    /// Impairs measurements, or a stage.
    Poor,
    /// Not reported by the system.
    Unknown,
}

pub(super) fn all() -> Vec<Check> {
    vec![
        cores(),
        memory(),
        load(),
        open_files(),
        cgroups(),
        perf_events(),
        timer_slack(),
    ]
}

impl Check {
    fn good(name: &'static str, value: impl Into<String>) -> Self {
        Self {
            name,
            value: value.into(),
            standing: Standing::Good,
            advice: None,
        }
    }

    fn poor(name: &'static str, value: impl Into<String>, advice: &str) -> Self {
        Self {
            standing: Standing::Poor,
            advice: Some(advice.into()),
            ..Self::good(name, value)
        }
    }

    fn unknown(name: &'static str) -> Self {
        Self {
            standing: Standing::Unknown,
            ..Self::good(name, "unknown")
        }
    }
}

fn cores() -> Check {
    match host::cores() {
        1 => Check::poor(
            "cores",
            "1",
            "generator and service compete for one core; run the service on another machine",
        ),
        cores => Check::good("cores", cores.to_string()),
    }
}

fn memory() -> Check {
    let (Some(total), Some(available)) = (host::memory_bytes(), host::available_memory_bytes())
    else {
        return Check::unknown("memory");
    };
    let mebibytes = |bytes: u64| bytes >> 20;
    let value = format!(
        "{} MiB, {} MiB free",
        mebibytes(total),
        mebibytes(available)
    );
    if mebibytes(available) < 512 {
        let advice =
            "little memory is free, and a machine that swaps measures its disk; free some memory";
        return Check::poor("memory", value, advice);
    }
    Check::good("memory", value)
}

fn load() -> Check {
    let Some(load) = host::read("/proc/loadavg").and_then(|text| procfs::load_1m(&text)) else {
        return Check::unknown("load average");
    };
    let value = format!("{load:.2}");
    if load > host::cores() as f64 / 2.0 {
        let advice = "other processes keep this machine busy, so figures are noisy; wait until they are done";
        return Check::poor("load average", value, advice);
    }
    Check::good("load average", value)
}

fn open_files() -> Check {
    let (limit, limit_max) = limits::open_files();
    let shown = |limit: u64| match limit {
        u64::MAX => "unlimited".to_owned(),
        limit => limit.to_string(),
    };
    let value = format!("{}, may be raised to {}", shown(limit), shown(limit_max));
    if limit_max < 16_384 {
        let advice = "each connection is an open file; raise the hard limit (`ulimit -Hn`)";
        return Check::poor("open files", value, advice);
    }
    Check::good("open files", value)
}

fn cgroups() -> Check {
    let advice = "boxes can't be limited in size; the lab runs them without limits, and says so";
    if let Some(controllers) = host::read("/sys/fs/cgroup/cgroup.controllers") {
        let value = format!("v2 ({})", controllers.trim());
        let has = |name: &str| {
            controllers
                .split_ascii_whitespace()
                .any(|found| found == name)
        };
        if has("cpu") && has("memory") {
            return Check::good("cgroups", value);
        }
        return Check::poor("cgroups", value, advice);
    }
    let v1 = |name: &str| std::path::Path::new("/sys/fs/cgroup").join(name).is_dir();
    if v1("cpu") && v1("memory") {
        return Check::good("cgroups", "v1 (cpu memory)");
    }
    if cfg!(target_os = "linux") {
        return Check::poor("cgroups", "no cpu and memory controllers", advice);
    }
    Check::unknown("cgroups")
}

fn perf_events() -> Check {
    let name = "perf_event_paranoid";
    let Some(level) = host::read("/proc/sys/kernel/perf_event_paranoid")
        .and_then(|text| text.trim().parse::<i32>().ok())
    else {
        return Check::unknown(name);
    };
    if level > 2 {
        let advice = "ordinary accounts can't use the kernel's profiler; \
                      allow it with `sysctl kernel.perf_event_paranoid=2`";
        return Check::poor(name, level.to_string(), advice);
    }
    Check::good(name, level.to_string())
}

fn timer_slack() -> Check {
    let name = "timer slack";
    #[cfg(target_os = "linux")]
    if let Ok(ns) = rustix::thread::current_timer_slack() {
        // The generator's threads set their own. This value applies to other programs.
        return Check::good(name, format!("{} us", ns as f64 / 1e3));
    }
    Check::unknown(name)
}
