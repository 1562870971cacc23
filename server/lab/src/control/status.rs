//! Status of a lab and its boxes.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::balancer::{self, BalancerStatus};
use crate::boxes::build::BuildStatus;
use crate::boxes::cgroup::Usage;
use crate::boxes::lab_box::LabBox;
use crate::options::allowance::Allowance;
use crate::scaling::{self, GroupStatus, SpareUse};
use crate::starting::progress::StartProgress;
use crate::table;
use crate::watching::{self, WatchingStatus};

/// State of a box that is ready.
const UP: &str = "up";

/// State of a box that runs and is not ready yet.
const STARTING: &str = "starting";

/// A lab and its boxes at one moment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LabStatus {
    /// Stage that is up.
    pub stage: String,
    /// Process that runs the lab.
    pub pid: u32,
    /// Command of that process, such as `tenfold lab up`. Empty if unknown.
    #[serde(default)]
    pub command: String,
    /// True until every box is ready.
    #[serde(default)]
    pub is_starting: bool,
    /// Reason why the boxes are not confined. `None` if they are, or if no allowance was requested.
    pub unconfined_because: Option<String>,
    /// Entrance of the stage. `None` if the entrance box does not listen.
    pub entrance: Option<EntranceStatus>,
    /// Its boxes, in start order.
    pub boxes: Vec<BoxStatus>,
    /// Counters of its balancers, in start order.
    #[serde(default)]
    pub balancers: Vec<BalancerStatus>,
    /// Groups of boxes that come and go.
    #[serde(default)]
    pub groups: Vec<GroupStatus>,
    /// What watches the stage. `None` if nothing does.
    #[serde(default)]
    pub watching: Option<WatchingStatus>,
    /// Use of the boxes that come and go, if they have run.
    #[serde(default)]
    pub spares: Vec<SpareUse>,
    /// Builds of the boxes of the service, including those that come and go and do not run.
    #[serde(default)]
    pub builds: Vec<BuildStatus>,
}

/// The entrance of a lab: the address that clients connect to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EntranceStatus {
    /// URL, such as `https://127.0.0.1:4001`.
    pub url: String,
    /// CA certificate that signed the entrance's certificate. `None` for plain HTTP.
    pub ca: Option<PathBuf>,
    /// Address that redirects plain HTTP to `url`.
    pub redirect: Option<SocketAddr>,
    /// Name of the service. `None` if it has none.
    #[serde(default)]
    pub door: Option<DoorStatus>,
}

/// The name of a service, which leads to one of two balancers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DoorStatus {
    /// URL with the name.
    pub url: String,
    /// Name.
    pub name: String,
    /// Name server that answers for it.
    pub name_server: SocketAddr,
    /// Time for which clients may use an answer, in seconds.
    pub ttl_s: u64,
    /// Address that moves between the balancers. `None` without a private network.
    #[serde(default)]
    pub floating: Option<SocketAddr>,
    /// Names and addresses of the balancers, the preferred one first.
    pub balancers: Vec<(String, SocketAddr)>,
}

/// A box at one moment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BoxStatus {
    /// Name, unique in the lab.
    pub name: String,
    /// Role, such as `web`.
    pub role: String,
    /// Zone, if the stage has zones.
    pub zone: Option<String>,
    /// `up`, `starting`, `waiting` for boxes that start before it, or the exit status.
    pub state: String,
    /// Progress of its start. `None` if it is ready, or has shown none.
    #[serde(default)]
    pub progress: Option<StartProgress>,
    /// Address of its service.
    pub address: Option<SocketAddr>,
    /// Address of its metrics and profiles.
    pub admin: Option<SocketAddr>,
    /// CPU and memory allowance. `None` if not confined.
    pub allowance: Option<Allowance>,
    /// Process ID. `None` if not up.
    pub pid: Option<u32>,
    /// Path of its log.
    pub log: PathBuf,
    /// Time since its start, in seconds.
    pub up_for_s: Option<f64>,
    /// CPU and memory used since its start. `None` if not up.
    pub usage: Option<Usage>,
}

impl BoxStatus {
    pub(crate) fn of(own: &LabBox) -> Self {
        let state = match own.ended() {
            _ if own.is_starting() => STARTING.to_owned(),
            _ if own.is_up() => UP.to_owned(),
            Some(status) => status.to_string(),
            None => "ended".to_owned(),
        };
        Self {
            name: own.name().to_owned(),
            role: own.role().to_owned(),
            zone: own.zone().map(str::to_owned),
            state,
            progress: own.progress().filter(|_| own.is_up()).cloned(),
            address: own.address(),
            admin: own.admin_address(),
            allowance: own.allowance(),
            pid: own.pid().filter(|_| own.is_up()),
            log: own.log().to_owned(),
            up_for_s: own.up_for().map(|time| time.as_secs_f64()),
            usage: own.usage(),
        }
    }

    /// Describes a box that is not started yet.
    pub(crate) fn planned(name: &str, role: &str, zone: Option<&str>) -> Self {
        Self {
            name: name.to_owned(),
            role: role.to_owned(),
            zone: zone.map(str::to_owned),
            state: "waiting".to_owned(),
            progress: None,
            address: None,
            admin: None,
            allowance: None,
            pid: None,
            log: PathBuf::new(),
            up_for_s: None,
            usage: None,
        }
    }

    /// Returns its progress if it has shown any, otherwise its state.
    fn shown_state(&self) -> String {
        match &self.progress {
            Some(progress) => progress.to_string(),
            None => self.state.clone(),
        }
    }
}

impl LabStatus {
    /// Names the boxes that start, with their progress: `app-1 loading 42,000 of 100,000 posts; cache starting`.
    pub fn starting_boxes(&self) -> String {
        let starting = self.boxes.iter().filter(|own| own.state == STARTING);
        let named = starting.map(|own| format!("{} {}", own.name, own.shown_state()));
        named.collect::<Vec<_>>().join("; ")
    }

    /// Number of boxes that are ready.
    pub fn ready_boxes(&self) -> usize {
        self.boxes.iter().filter(|own| own.state == UP).count()
    }
}

impl fmt::Display for LabStatus {
    /// Writes a table of the boxes with their addresses and allowances.
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
                own.shown_state(),
                or_dash(own.address.map(|address| address.to_string())),
                or_dash(own.admin.map(|address| address.to_string())),
                match own.allowance {
                    Some(allowance) => allowance.to_string(),
                    None => "not confined".to_owned(),
                },
                or_dash(own.pid.map(|pid| pid.to_string())),
                or_dash(Some(own.log.display().to_string()).filter(|path| !path.is_empty())),
            ]
        }));
        table::write(f, &rows)?;
        if let Some(entrance) = &self.entrance {
            write!(f, "entrance: {}", entrance.url)?;
            if let Some(ca) = &entrance.ca {
                write!(f, " (CA certificate: {})", ca.display())?;
            }
            writeln!(f)?;
            if let Some(door) = &entrance.door {
                let (url, server, ttl) = (&door.url, door.name_server, door.ttl_s);
                writeln!(f, "door: {url} (name server: {server}, TTL: {ttl} s)")?;
                if let Some(floating) = door.floating {
                    writeln!(f, "floating address: https://{floating}")?;
                }
            }
        }
        match &self.unconfined_because {
            Some(reason) => writeln!(f, "boxes are not confined: {reason}"),
            None => Ok(()),
        }
    }
}

/// CPU and memory that the boxes of a lab used between two moments.
#[derive(Debug, Clone, PartialEq)]
pub struct UsageBetween<'a> {
    /// Status at the first moment.
    pub before: &'a LabStatus,
    /// Status at the second moment.
    pub after: &'a LabStatus,
}

impl fmt::Display for UsageBetween<'_> {
    /// Writes a table of CPU used, share of periods throttled, and memory; then one of the balancers'
    /// counters since their start.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rows = vec![
            [
                "box",
                "state",
                "CPU used",
                "of",
                "throttled",
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
                own.shown_state(),
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
                    let throttled = usage
                        .periods_throttled
                        .saturating_sub(earlier.periods_throttled);
                    row[4] = match periods {
                        0 => "0%".to_owned(),
                        periods => format!("{:.0}%", throttled as f64 * 100.0 / periods as f64),
                    };
                }
            }
            rows.push(row);
        }
        table::write(f, &rows)?;
        balancer::write_table(f, &self.after.balancers)?;
        scaling::write_table(f, &self.after.groups)?;
        match &self.after.watching {
            Some(watching) => watching::write_alerts(f, watching),
            None => Ok(()),
        }
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
            command: "tenfold lab up".to_owned(),
            is_starting: false,
            unconfined_because: None,
            balancers: Vec::new(),
            groups: Vec::new(),
            watching: None,
            spares: Vec::new(),
            builds: Vec::new(),
            entrance: Some(EntranceStatus {
                url: "https://127.0.0.1:4001".to_owned(),
                ca: Some("lab/tls/ca.pem".into()),
                redirect: None,
                door: None,
            }),
            boxes: vec![BoxStatus {
                name: "web".to_owned(),
                role: "web".to_owned(),
                zone: None,
                state: UP.to_owned(),
                progress: None,
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
    fn shows_boxes_as_table() {
        let mut own = status(0, 1.0);
        let text = own.to_string();
        assert_eq!(
            text,
            "box  zone  state  address         admin  allowance         pid  log\n\
             web  -     up     127.0.0.1:4001  -      0.2 CPU, 512 MiB  42   lab/web.log\n\
             entrance: https://127.0.0.1:4001 (CA certificate: lab/tls/ca.pem)\n"
        );
        own.unconfined_because = Some("no control groups are mounted".to_owned());
        assert!(
            own.to_string()
                .ends_with("not confined: no control groups are mounted\n")
        );
    }

    #[test]
    fn shows_progress_of_boxes_that_start() {
        let mut own = status(0, 1.0);
        own.is_starting = true;
        let app = &mut own.boxes[0];
        STARTING.clone_into(&mut app.state);
        app.progress = Some(StartProgress::of("loading").with(42_000, Some(100_000), "posts"));
        own.boxes
            .push(BoxStatus::planned("balancer", "balancer", None));
        assert_eq!(own.starting_boxes(), "web loading 42,000 of 100,000 posts");
        assert_eq!(own.ready_boxes(), 0);
        let text = own.to_string();
        let lines: Vec<_> = text.lines().collect();
        assert!(
            lines[1].starts_with("web       -     loading 42,000 of 100,000 posts  127.0.0.1:4001"),
            "{text}"
        );
        assert!(lines[2].starts_with("balancer  -     waiting  "), "{text}");
        // A status of an earlier version has no progress.
        let mut document = serde_json::to_value(&own).unwrap();
        document["boxes"][0]
            .as_object_mut()
            .unwrap()
            .remove("progress");
        let read: LabStatus = serde_json::from_value(document).unwrap();
        assert_eq!(read.boxes[0].progress, None);
    }

    #[test]
    fn shows_usage_between_two_moments() {
        let (before, after) = (status(1_000, 10.0), status(1_400, 12.0));
        let used = UsageBetween {
            before: &before,
            after: &after,
        };
        assert_eq!(
            used.to_string(),
            "box  state  CPU used  of   throttled  memory  of\n\
             web  up     0.200     0.2  25%        40 MiB  512 MiB\n"
        );
        // A box that restarted in between has no difference to show.
        let mut again = after.clone();
        again.boxes[0].pid = Some(43);
        let used = UsageBetween {
            before: &before,
            after: &again,
        };
        assert!(used.to_string().contains("web  up     -  "), "{used}");
    }
}
