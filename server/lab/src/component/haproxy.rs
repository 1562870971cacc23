//! HAProxy boxes: the load balancer at the entrance, and the one in front of the databases.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use rustix::process::Signal;

use super::mariadb::GREETING;
use super::powerdns::HEALTH_PATH as DOOR_HEALTH_PATH;
use super::varnish::HEALTH_PATH as EDGE_HEALTH_PATH;
use super::{own_directory, replica};
use crate::LabError;
use crate::balancer::SOCKET;
use crate::boxes::box_plan::{BoxPlan, Stop};
use crate::boxes::readiness::Listening;
use crate::boxes::renewal::Renewal;
use crate::directory::write_private;
use crate::identity::{Authority, Identity};
use crate::program;

/// Path of the health check of an application server.
const HEALTH_PATH: &str = "/healthz";

/// A server behind a balancer.
#[derive(Debug, Clone)]
pub(crate) struct Server {
    /// Name of the server's box.
    pub(crate) name: String,
    /// Address of its service.
    pub(crate) address: SocketAddr,
}

/// The load balancer at the entrance.
#[derive(Debug)]
pub(crate) struct Edge<'a> {
    /// Name of the box.
    pub(crate) name: &'a str,
    /// Role of the box.
    pub(crate) role: &'static str,
    /// Address of HTTPS.
    pub(crate) listen: SocketAddr,
    /// Address of plain HTTP, which redirects to HTTPS.
    pub(crate) redirect: SocketAddr,
    /// Address of its statistics, as HTML and for Prometheus.
    pub(crate) statistics: SocketAddr,
    /// Address of HTTPS that it has only at times. `None` if there is none.
    pub(crate) floating: Option<SocketAddr>,
    /// Its certificate.
    pub(crate) identity: &'a Identity,
    /// Servers behind it.
    pub(crate) behind: &'a Behind<'a>,
    /// True if caches at the edge ask this balancer for what they lack.
    pub(crate) is_origin: bool,
    /// Sockets that get a line for each request.
    pub(crate) request_logs: &'a [RequestLogSocket],
}

/// Line of a request: HAProxy's format `httplog` without query strings, captured headers and cookies.
pub(crate) const REQUEST_LINE: &str =
    r#"%ci:%cp [%tr] %ft %b/%s %TR/%Tw/%Tc/%Tr/%Ta %ST %B %tsc "%HM %HPO %HV""#;

/// A socket that gets a line for each request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RequestLogSocket {
    /// Its path.
    pub(crate) path: PathBuf,
    /// Text before each line.
    pub(crate) head: LineHead,
}

/// Text before each line of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LineHead {
    /// Priority, time and process, as syslog has them.
    Syslog,
    /// Nothing.
    Nothing,
}

/// Returns the settings for a log of requests. Without a socket, there is none.
fn request_logs(sockets: &[RequestLogSocket]) -> String {
    if sockets.is_empty() {
        return String::new();
    }
    let mut text = "    no log\n".to_owned();
    for socket in sockets {
        let format = match socket.head {
            LineHead::Syslog => "",
            LineHead::Nothing => "format raw ",
        };
        let _ = writeln!(
            text,
            "    log {} {format}local0 info",
            socket.path.display()
        );
    }
    let line = REQUEST_LINE.replace('"', "\\\"");
    let _ = writeln!(text, "    log-format \"{line}\"");
    text
}

/// Servers behind the entrance.
#[derive(Debug)]
pub(crate) struct Behind<'a> {
    /// Servers of all paths that have no route.
    pub(crate) servers: &'a [Server],
    /// Paths that other servers have.
    pub(crate) routes: &'a [Route],
    /// Caches at the edge. `None` if there are none.
    pub(crate) edges: Option<Edges>,
    /// True to keep static files.
    pub(crate) caches_assets: bool,
    /// Path of the servers' health check.
    pub(crate) health_path: &'a str,
}

/// Caches at the edge.
#[derive(Debug, Clone)]
pub(crate) struct Edges {
    /// The caches.
    pub(crate) servers: Vec<Server>,
    /// Address at which the balancer sends what they ask for to the service.
    pub(crate) origin: SocketAddr,
}

/// Paths that a group of servers has.
#[derive(Debug, Clone)]
pub(crate) struct Route {
    /// Name of the group.
    pub(crate) backend: &'static str,
    /// Condition on the path.
    pub(crate) paths: &'static str,
    /// Servers of the group.
    pub(crate) servers: Vec<Server>,
}

/// Public paths, whose responses are the same for everybody.
const PUBLIC: &str = "{ method GET HEAD } { path_beg /v1/posts/ /v1/users/ /static/ }";

impl Behind<'_> {
    /// Returns the rules for clients: public paths go to the edges, as long as one is up.
    fn public_rules(&self) -> String {
        match &self.edges {
            Some(_) => format!(
                "    http-request deny deny_status 405 if {{ method PURGE }}\n    \
                 use_backend edges if {PUBLIC} {{ nbsrv(edges) gt 0 }}\n{}",
                self.rules()
            ),
            None => self.asset_rules() + &self.rules(),
        }
    }

    /// Returns the rules that keep static files.
    fn asset_rules(&self) -> String {
        let rules = "    http-request set-var(txn.static) bool(true) if { path_beg /static/ }
    http-request cache-use static if { var(txn.static) -m bool }
    http-response cache-store static if { var(txn.static) -m bool }
";
        if self.caches_assets {
            rules.to_owned()
        } else {
            String::new()
        }
    }

    /// Returns the frontend for the edges, and the edges.
    fn edges(&self, is_origin: bool) -> String {
        let Some(edges) = &self.edges else {
            return String::new();
        };
        let mut text = format!(
            r#"
backend edges
    balance leastconn
    option httpchk GET {EDGE_HEALTH_PATH}
    {RETRIES}
    default-server {CHECKS}
"#
        );
        for server in &edges.servers {
            let _ = writeln!(text, "    server {} {}", server.name, server.address);
        }
        if is_origin {
            let _ = write!(
                text,
                r#"
frontend origin
    bind {origin}
    http-request deny deny_status 404 if {{ path_beg /internal/ }}
{assets}{rules}"#,
                origin = edges.origin,
                assets = self.asset_rules(),
                rules = self.rules(),
            );
        }
        text
    }

    /// Returns the rules that choose the group of a request.
    fn rules(&self) -> String {
        let rules = self.routes.iter();
        let rules = rules.map(|own| format!("    use_backend {} if {}\n", own.backend, own.paths));
        rules
            .chain(["    default_backend web\n".to_owned()])
            .collect()
    }

    /// Returns the groups.
    fn backends(&self) -> String {
        let routes = self.routes.iter();
        let groups = routes.map(|own| (own.backend, &own.servers[..]));
        let mut text = String::new();
        for (name, servers) in [("web", self.servers)].into_iter().chain(groups) {
            let _ = write!(
                text,
                r#"
backend {name}
    balance leastconn
    option httpchk GET {health}
    {RETRIES}
    default-server {CHECKS}
"#,
                health = self.health_path,
            );
            for server in servers {
                let _ = writeln!(text, "    server {} {}", server.name, server.address);
            }
        }
        text
    }
}

/// Checks of a server that answers HTTP, also of one that is added at run time. A new one gets its share of the load
/// over two seconds.
pub(crate) const CHECKS: &str =
    "check inter 500ms fall 2 rise 2 observe layer4 error-limit 3 on-error mark-down slowstart 2s";

/// List of the replicas behind the databases' balancer.
pub(crate) const REPLICAS: &str = "sql-replicas";

/// Retries what has not reached a server, and also a read whose server failed: it changes nothing. A write may have been
/// carried out before the failure.
const RETRIES: &str = "retry-on conn-failure empty-response
    http-request disable-l7-retry unless { method GET HEAD }";

/// The balancer between web servers and application servers.
#[derive(Debug)]
pub(crate) struct Applications<'a> {
    /// Name of the box.
    pub(crate) name: &'a str,
    /// Role of the box.
    pub(crate) role: &'static str,
    /// Address of its service.
    pub(crate) listen: SocketAddr,
    /// Address of its statistics.
    pub(crate) statistics: SocketAddr,
    /// Application servers behind it.
    pub(crate) servers: &'a [Server],
}

/// The balancer in front of the databases. It sends all connections to one database at a time.
pub(crate) struct Databases<'a> {
    /// Name of the box.
    pub(crate) name: &'a str,
    /// Role of the box.
    pub(crate) role: &'static str,
    /// Address of its service.
    pub(crate) listen: SocketAddr,
    /// Address of its statistics.
    pub(crate) statistics: SocketAddr,
    /// Databases behind it, the preferred primary first.
    pub(crate) servers: &'a [Server],
    /// Replicas, of which all healthy ones are used. `None` if the stage has none.
    pub(crate) replicas: Option<Replicas<'a>>,
}

/// Replicas of a database, behind the same balancer.
pub(crate) struct Replicas<'a> {
    /// Address of their service.
    pub(crate) listen: SocketAddr,
    /// Replicas behind it.
    pub(crate) servers: &'a [Server],
    /// Replicas that come and go, in maintenance until they are there.
    pub(crate) spares: &'a [Server],
    /// Authority whose certificates the lag check trusts.
    pub(crate) authority: &'a Authority,
}

impl Edge<'_> {
    /// Plans the box.
    pub(crate) fn plan(&self, directory: &Path) -> Result<BoxPlan, LabError> {
        let both = &self.identity.both;
        let mut text = common(self.statistics);
        let _ = write!(
            text,
            r#"
cache static
    total-max-size 16
    max-object-size 1000000
    max-age 3600
    process-vary on

frontend public
    bind {listen} ssl crt {crt} alpn h2,http/1.1 ssl-min-ver TLSv1.2
{floating}    http-request set-header X-Forwarded-Proto https
    http-request set-header X-Request-Id %[uuid()]
    http-response set-header Strict-Transport-Security max-age=31536000
    http-request deny deny_status 404 if {{ path_beg /internal/ }}
{rules}{log}
frontend in-the-clear
    bind {redirect}
    http-request return status 200 content-type text/plain string up if {{ path {DOOR_HEALTH_PATH} }} {{ nbsrv(web) gt 0 }}
    acl plain-host req.hdr(host) -m reg ^[A-Za-z0-9.-]+(:[0-9]+)?$
    http-request deny deny_status 400 unless plain-host
    http-request redirect location https://%[req.hdr(host),field(1,:)]:{port}%[pathq] code 308
{edges}{backends}"#,
            listen = self.listen,
            crt = both.display(),
            // It may be bound before the address is here.
            floating = self.floating.map_or_else(String::new, |floating| format!(
                "    bind {floating} transparent ssl crt {} alpn h2,http/1.1 ssl-min-ver TLSv1.2\n",
                both.display()
            )),
            redirect = self.redirect,
            port = self.listen.port(),
            rules = self.behind.public_rules(),
            edges = self.behind.edges(self.is_origin),
            backends = self.behind.backends(),
            log = request_logs(self.request_logs),
        );
        let mut plan = plan(
            self.name,
            self.role,
            directory,
            &text,
            self.listen,
            self.statistics,
        )?;
        plan.renewal = Renewal::Balancer(both.clone());
        Ok(plan)
    }
}

impl Applications<'_> {
    /// Plans the box.
    pub(crate) fn plan(&self, directory: &Path) -> Result<BoxPlan, LabError> {
        let mut text = common(self.statistics);
        let _ = write!(
            text,
            r#"
frontend applications
    bind {listen}
    default_backend app

backend app
    balance leastconn
    option httpchk GET {HEALTH_PATH}
    {RETRIES}
    default-server {CHECKS}
"#,
            listen = self.listen,
        );
        for server in self.servers {
            let _ = writeln!(text, "    server {} {}", server.name, server.address);
        }
        plan(
            self.name,
            self.role,
            directory,
            &text,
            self.listen,
            self.statistics,
        )
    }
}

impl Databases<'_> {
    /// Plans the box.
    pub(crate) fn plan(&self, directory: &Path) -> Result<BoxPlan, LabError> {
        let mut text = common(self.statistics);
        let _ = write!(
            text,
            r#"
listen sql
    mode tcp
    bind {listen}
    timeout client 1h
    timeout server 1h
    option tcp-check
    tcp-check connect
    tcp-check expect rstring {GREETING}
    # Stay with the current server until it fails: a server that recovers does not take over.
    stick-table type ip size 1
    stick on dst
    default-server check inter 500ms fall 2 rise 2 observe layer4 error-limit 3 on-error mark-down on-marked-down shutdown-sessions
"#,
            listen = self.listen,
        );
        for (index, server) in self.servers.iter().enumerate() {
            let backup = if index == 0 { "" } else { " backup" };
            let _ = writeln!(
                text,
                "    server {} {}{backup}",
                server.name, server.address
            );
        }
        if let Some(replicas) = &self.replicas {
            let own = own_directory(self.name, directory)?;
            let check = replica::check(&own, directory, replicas.authority)?;
            text = text.replacen(
                "global\n",
                "global\n    external-check\n    insecure-fork-wanted\n",
                1,
            );
            let _ = write!(
                text,
                r#"
listen {REPLICAS}
    mode tcp
    bind {listen}
    balance leastconn
    timeout client 1h
    timeout server 1h
    # The lag check starts a process, so it runs rarely; the service measures the lag itself.
    option external-check
    external-check path "/usr/sbin:/usr/bin:/sbin:/bin"
    external-check command {check}
    default-server check inter 2s fall 1 rise 1 on-marked-down shutdown-sessions
"#,
                listen = replicas.listen,
                check = check.display(),
            );
            for server in replicas.servers {
                let _ = writeln!(text, "    server {} {}", server.name, server.address);
            }
            for server in replicas.spares {
                let _ = writeln!(
                    text,
                    "    server {} {} disabled",
                    server.name, server.address
                );
            }
        }
        let mut plan = plan(
            self.name,
            self.role,
            directory,
            &text,
            self.listen,
            self.statistics,
        )?;
        // Clients stay connected for hours: do not wait for them.
        plan.stop = Stop::Signal(Signal::TERM);
        Ok(plan)
    }
}

/// Settings that both balancers share: limits, timeouts, statistics.
fn common(statistics: SocketAddr) -> String {
    format!(
        r#"global
    log stderr format raw local0 notice
    hard-stop-after 10s
    stats socket unix@{SOCKET} mode 600 level admin

defaults
    mode http
    log global
    option dontlognull
    option redispatch 1
    retries 3
    timeout connect 1s
    timeout queue 5s
    timeout check 2s
    timeout http-request 30s
    timeout http-keep-alive 5m
    timeout client 5m
    timeout server 30s

frontend statistics
    bind {statistics}
    http-request use-service prometheus-exporter if {{ path /metrics }}
    stats enable
    stats uri /
    stats refresh 5s
"#
    )
}

fn plan(
    name: &str,
    role: &'static str,
    directory: &Path,
    settings: &str,
    listen: SocketAddr,
    statistics: SocketAddr,
) -> Result<BoxPlan, LabError> {
    let program = program::HAPROXY.find()?;
    let own = own_directory(name, directory)?;
    let file = own.join("haproxy.cfg");
    write_private(&file, settings)?;
    let mut listening = Listening::at(listen);
    listening.admin = Some(statistics);
    // It may open its control socket after its ports.
    listening.marker = Some(own.join(SOCKET));
    let mut plan = BoxPlan::program(name, role, program, listening)
        .with(["-db", "-f"])
        .with([file]);
    // Finishes the requests in flight first.
    plan.stop = Stop::Signal(Signal::USR1);
    plan.balancer = Some(own);
    Ok(plan)
}
