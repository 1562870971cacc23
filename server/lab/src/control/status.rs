//! What a lab says of its boxes.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::balancer::{self, BalancerStatus};
use crate::boxes::cgroup::Usage;
use crate::boxes::lab_box::LabBox;
use crate::options::allowance::Allowance;
use crate::table;

/// A lab and its boxes, at one moment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LabStatus {
    /// The stage that is up.
    pub stage: String,
    /// The process that holds it.
    pub pid: u32,
    /// Why its boxes are not confined, where they were to be.
    pub unconfined_because: Option<String>,
    /// Where traffic enters; none where the box that it enters by does not listen.
    pub entrance: Option<EntranceStatus>,
    /// Its boxes, in the order of their start.
    pub boxes: Vec<BoxStatus>,
    /// What its balancers counted, in the order of their start.
    #[serde(default)]
    pub balancers: Vec<BalancerStatus>,
}

/// Where traffic enters a lab.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EntranceStatus {
    /// Where, as `https://127.0.0.1:4001`.
    pub url: String,
    /// The certificate of the authority that vouches for it; none where HTTP is spoken in the clear.
    pub ca: Option<PathBuf>,
    /// Where HTTP in the clear is sent on from.
    pub redirect: Option<SocketAddr>,
}

/// A box, at one moment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BoxStatus {
    /// Its name, unique in the lab.
    pub name: String,
    /// What it is for.
    pub role: String,
    /// The zone that it is in.
    pub zone: Option<String>,
    /// `up`, or how it ended.
    pub state: String,
    /// Where it serves.
    pub address: Option<SocketAddr>,
    /// Where it offers metrics and profiles.
    pub admin: Option<SocketAddr>,
    /// What it may use; none where it is not confined.
    pub allowance: Option<Allowance>,
    /// Its process; none where it is not up.
    pub pid: Option<u32>,
    /// The file that it writes its log to.
    pub log: PathBuf,
    /// How long it has been up, in seconds.
    pub up_for_s: Option<f64>,
    /// What it has used since; none where it is not confined or not up.
    pub usage: Option<Usage>,
}

impl BoxStatus {
    pub(crate) fn of(own: &LabBox) -> Self {
        let state = match own.ended() {
            _ if own.is_up() => "up".to_owned(),
            Some(status) => status.to_string(),
            None => "ended".to_owned(),
        };
        Self {
            name: own.name().to_owned(),
            role: own.role().to_owned(),
            zone: own.zone().map(str::to_owned),
            state,
            address: own.address(),
            admin: own.admin_address(),
            allowance: own.allowance(),
            pid: own.pid().filter(|_| own.is_up()),
            log: own.log().to_owned(),
            up_for_s: own.up_for().map(|time| time.as_secs_f64()),
            usage: own.usage(),
        }
    }
}

impl fmt::Display for LabStatus {
    /// A table of the boxes: where they are and what they may use.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
        let mut rows = vec![
            [
                "box",
                "zone",
                "state",
                "address",
                "admin",
                "allowance",
                "pid",
                "log",
            ]
            .map(str::to_owned),
        ];
        rows.extend(self.boxes.iter().map(|own| {
            [
                own.name.clone(),
                or_dash(own.zone.clone()),
                own.state.clone(),
                or_dash(own.address.map(|address| address.to_string())),
                or_dash(own.admin.map(|address| address.to_string())),
                match own.allowance {
                    Some(allowance) => allowance.to_string(),
                    None => "not confined".to_owned(),
                },
                or_dash(own.pid.map(|pid| pid.to_string())),
                own.log.display().to_string(),
            ]
        }));
        table::write(f, &rows)?;
        if let Some(entrance) = &self.entrance {
            write!(f, "traffic enters at {}", entrance.url)?;
            if let Some(ca) = &entrance.ca {
                write!(f, ", vouched for by {}", ca.display())?;
            }
            writeln!(f)?;
        }
        match &self.unconfined_because {
            Some(reason) => writeln!(f, "boxes are not confined: {reason}"),
            None => Ok(()),
        }
    }
}

/// What the boxes of a lab used between two moments.
#[derive(Debug, Clone, PartialEq)]
pub struct Used<'a> {
    /// At the first.
    pub before: &'a LabStatus,
    /// At the second.
    pub after: &'a LabStatus,
}

impl fmt::Display for Used<'_> {
    /// A table: processors used, the share of periods in which the box was held back, memory; and one of what
    /// balancers counted since they were started.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rows = vec![
            [
                "box",
                "state",
                "CPU used",
                "of",
                "held back",
                "memory",
                "of",
            ]
            .map(str::to_owned),
        ];
        for own in &self.after.boxes {
            let before = self
                .before
                .boxes
                .iter()
                .find(|other| other.name == own.name);
            let mut row = [
                own.name.clone(),
                own.state.clone(),
                "-".to_owned(),
                "-".to_owned(),
                "-".to_owned(),
                "-".to_owned(),
                "-".to_owned(),
            ];
            if let Some(allowance) = own.allowance {
                row[3] = allowance.cpu.to_string();
                row[6] = mib(allowance.memory_bytes);
            }
            if let Some(usage) = own.usage {
                row[5] = mib(usage.memory_bytes);
                let earlier = before
                    .filter(|before| before.pid == own.pid)
                    .and_then(|before| Some((before.usage?, before.up_for_s?)));
                if let (Some((earlier, from)), Some(to)) = (earlier, own.up_for_s)
                    && to > from
                {
                    let used = usage.cpu.saturating_sub(earlier.cpu).as_secs_f64() / (to - from);
                    row[2] = format!("{used:.3}");
                    let periods = usage.periods.saturating_sub(earlier.periods);
                    let held = usage
                        .periods_throttled
                        .saturating_sub(earlier.periods_throttled);
                    row[4] = match periods {
                        0 => "0%".to_owned(),
                        periods => format!("{:.0}%", held as f64 * 100.0 / periods as f64),
                    };
                }
            }
            rows.push(row);
        }
        table::write(f, &rows)?;
        balancer::write_table(f, &self.after.balancers)
    }
}

fn mib(bytes: u64) -> String {
    format!("{:.0} MiB", bytes as f64 / f64::from(1 << 20))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn status(cpu_ms: u64, up_for_s: f64) -> LabStatus {
        LabStatus {
            stage: "single-box".to_owned(),
            pid: 7,
            unconfined_because: None,
            balancers: Vec::new(),
            entrance: Some(EntranceStatus {
                url: "https://127.0.0.1:4001".to_owned(),
                ca: Some("lab/tls/ca.pem".into()),
                redirect: None,
            }),
            boxes: vec![BoxStatus {
                name: "web".to_owned(),
                role: "web".to_owned(),
                zone: None,
                state: "up".to_owned(),
                address: Some("127.0.0.1:4001".parse().unwrap()),
                admin: None,
                allowance: Some(Allowance::default()),
                pid: Some(42),
                log: "lab/web.log".into(),
                up_for_s: Some(up_for_s),
                usage: Some(Usage {
                    cpu: Duration::from_millis(cpu_ms),
                    periods: cpu_ms,
                    periods_throttled: cpu_ms / 4,
                    memory_bytes: 40 << 20,
                    ..Usage::default()
                }),
            }],
        }
    }

    #[test]
    fn the_boxes_are_a_table() {
        let mut own = status(0, 1.0);
        let told = own.to_string();
        assert_eq!(
            told,
            "box  zone  state  address         admin  allowance         pid  log\n\
             web  -     up     127.0.0.1:4001  -      0.2 CPU, 512 MiB  42   lab/web.log\n\
             traffic enters at https://127.0.0.1:4001, vouched for by lab/tls/ca.pem\n"
        );
        own.unconfined_because = Some("no control groups are mounted".to_owned());
        assert!(
            own.to_string()
                .ends_with("not confined: no control groups are mounted\n")
        );
    }

    #[test]
    fn what_was_used_is_of_the_time_between() {
        let (before, after) = (status(1_000, 10.0), status(1_400, 12.0));
        let used = Used {
            before: &before,
            after: &after,
        };
        assert_eq!(
            used.to_string(),
            "box  state  CPU used  of   held back  memory  of\n\
             web  up     0.200     0.2  25%        40 MiB  512 MiB\n"
        );
        // One that was started anew meanwhile has no time between.
        let mut again = after.clone();
        again.boxes[0].pid = Some(43);
        let used = Used {
            before: &before,
            after: &again,
        };
        assert!(used.to_string().contains("web  up     -  "), "{used}");
    }
}
