//! What watches stage `autoscaled`: optional components around Prometheus.

use std::net::SocketAddr;
use std::path::PathBuf;

use serde_json::Value;

use super::tiers::Tiers;
use crate::LabError;
use crate::boxes::box_plan::BoxPlan;
use crate::component::haproxy::{LineHead, RequestLogSocket};
use crate::component::{alertmanager, blackbox, bugsink, goaccess, mtail};
use crate::network::Flow;
use crate::network::site::port;
use crate::program::{self, Program};
use crate::stage::stage_plan::Entrance;
use crate::watching::{self, Page, WatchingPlan};

/// Roles of its boxes.
pub(super) const ROLES: [&str; 6] = [
    "alertmanager",
    "incidents",
    "blackbox-exporter",
    "mtail",
    "goaccess",
    "bugsink",
];

/// Longest path of a socket, in bytes, less a margin.
const SOCKET_PATH_MAX: usize = 100;

/// Boxes that watch a stage, and what Prometheus has to know of them.
#[derive(Default)]
pub(super) struct Watched {
    /// The boxes.
    pub(super) boxes: Vec<BoxPlan>,
    /// Scrape jobs.
    pub(super) jobs: Vec<Value>,
    /// Address of the Alertmanager. `None` if it is not installed.
    pub(super) alertmanager: Option<SocketAddr>,
    /// Pages and missing programs.
    pub(super) plan: WatchingPlan,
}

impl Watched {
    /// Plans the boxes that read the log of the balancer, which has to be planned later.
    pub(super) fn log(&mut self, tiers: &mut Tiers<'_>) -> Result<(), LabError> {
        self.counters_of_log(tiers)?;
        self.page_of_log(tiers)
    }

    fn counters_of_log(&mut self, tiers: &mut Tiers<'_>) -> Result<(), LabError> {
        let name = "mtail";
        let Some(program) = self.find(program::MTAIL) else {
            return Ok(());
        };
        let listen = tiers.site.private(name, port::ADMIN)?;
        let (plan, socket) = mtail::mtail((name, name), program, listen, &tiers.options.directory)?;
        if !self.sends_log(tiers, name, socket, LineHead::Syslog) {
            return Ok(());
        }
        tiers.flows.push(Flow::between("prometheus", listen));
        self.boxes.push(plan);
        self.jobs.push(mtail::job(listen));
        self.page(
            name,
            listen,
            "/metrics",
            "requests and latencies, from the balancer's log",
        );
        Ok(())
    }

    fn page_of_log(&mut self, tiers: &mut Tiers<'_>) -> Result<(), LabError> {
        let name = "goaccess";
        let Some(program) = self.find(program::GOACCESS) else {
            return Ok(());
        };
        let listen = tiers.site.private(name, port::HTTP)?;
        let own = tiers.options.program.clone();
        let directory = &tiers.options.directory;
        let (plan, socket) = goaccess::goaccess((name, name), own, &program, listen, directory)?;
        if !self.sends_log(tiers, name, socket, LineHead::Nothing) {
            return Ok(());
        }
        self.boxes.push(plan);
        self.page(
            name,
            listen,
            "/",
            "the latest requests by path, status and server, from the balancer's log",
        );
        Ok(())
    }

    /// Sends the log to a socket. Returns false if its path is too long.
    fn sends_log(
        &mut self,
        tiers: &mut Tiers<'_>,
        name: &str,
        path: PathBuf,
        head: LineHead,
    ) -> bool {
        let fits = path.as_os_str().len() <= SOCKET_PATH_MAX;
        match fits {
            true => tiers.request_logs.push(RequestLogSocket { path, head }),
            false => self.plan.missing.push(format!(
                "{name} does not run: the path of its socket would have more than {SOCKET_PATH_MAX} bytes; use a shorter --dir"
            )),
        }
        fits
    }

    /// Plans the box that receives error reports of services, which have to be planned later.
    pub(super) fn errors(&mut self, tiers: &mut Tiers<'_>) -> Result<(), LabError> {
        let name = "bugsink";
        let Some(program) = self.find(program::BUGSINK) else {
            return Ok(());
        };
        let listen = tiers.site.private(name, port::ERRORS)?;
        let directory = &tiers.options.directory;
        let (plan, address) = bugsink::bugsink((name, name), program, listen, directory)?;
        tiers.error_reports = Some((listen, address));
        self.boxes.push(plan);
        let shows = format!(
            "error reports; log in as {} with the password in {}",
            bugsink::USER,
            directory.join("secrets").join(bugsink::PASSWORD).display()
        );
        self.page(name, listen, "/", &shows);
        Ok(())
    }

    /// Plans the box that calls the entrance from outside.
    pub(super) fn site(
        &mut self,
        tiers: &mut Tiers<'_>,
        entrance: SocketAddr,
    ) -> Result<(), LabError> {
        let name = "blackbox-exporter";
        let Some(program) = self.find(program::BLACKBOX_EXPORTER) else {
            return Ok(());
        };
        let listen = tiers.site.private(name, port::ADMIN)?;
        let authority = tiers.authority.certificate();
        let directory = &tiers.options.directory;
        let plan =
            blackbox::blackbox_exporter((name, name), program, listen, &authority, directory)?;
        tiers.flows.push(Flow::between("prometheus", listen));
        tiers.flows.push(Flow::between(name, entrance));
        self.boxes.push(plan);
        self.jobs.push(blackbox::job(
            listen,
            &format!("https://{entrance}/healthz"),
        ));
        self.page(
            name,
            listen,
            "/",
            "the entrance as users reach it: connection, TLS, first byte, certificate",
        );
        Ok(())
    }

    /// Plans the boxes that group alerts and keep the log of incidents. An earlier log is removed.
    pub(super) fn alerts(&mut self, tiers: &mut Tiers<'_>) -> Result<(), LabError> {
        let directory = &tiers.options.directory;
        let log = watching::incidents_path(directory);
        match std::fs::remove_file(&log) {
            Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
                return Err(LabError::Directory { path: log, source });
            }
            _ => {}
        }
        let (name, keeper) = ("alertmanager", "incidents");
        let Some(program) = self.find(program::ALERTMANAGER) else {
            return Ok(());
        };
        let listen = tiers.site.private(name, port::ALERTMANAGER)?;
        let receiver = tiers.site.private(keeper, port::INCIDENTS)?;
        let own = tiers.options.program.clone();
        self.boxes.push(alertmanager::receiver(
            (keeper, keeper),
            own,
            receiver,
            &log,
        ));
        self.boxes.push(alertmanager::alertmanager(
            (name, name),
            program,
            listen,
            receiver,
            directory,
        )?);
        tiers.flows.push(Flow::between("prometheus", listen));
        tiers.flows.push(Flow::between(name, receiver));
        self.alertmanager = Some(listen);
        self.page(name, listen, "/", "alerts that fire, and silences");
        Ok(())
    }

    /// Adds a page of a box.
    pub(super) fn page(&mut self, name: &str, listen: SocketAddr, path: &str, shows: &str) {
        self.plan.pages.push(Page {
            name: name.to_owned(),
            url: format!("http://{listen}{path}"),
            shows: shows.to_owned(),
        });
    }

    /// Adds the statistics of the balancers.
    pub(super) fn balancers(&mut self, entrance: &Entrance, others: &[(&str, SocketAddr)]) {
        let first = entrance
            .statistics
            .map(|address| (entrance.name.as_str(), address));
        for (name, address) in first.iter().chain(others) {
            self.page(name, *address, "/", "servers of the balancer");
        }
    }

    /// Finds a program, or notes that it is missing.
    fn find(&mut self, program: Program) -> Option<PathBuf> {
        let found = program.path();
        if found.is_none() {
            self.plan.missing.push(format!(
                "{} is not installed ({}); install it with `{}`",
                program.name,
                program.purpose,
                program.remedy()
            ));
        }
        found
    }
}
