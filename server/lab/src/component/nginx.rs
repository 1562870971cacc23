//! nginx boxes: web servers in front of the application servers of all zones.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::Path;

use rustix::process::Signal;

use super::haproxy::Server;
use crate::LabError;
use crate::boxes::box_plan::{BoxPlan, Stop};
use crate::boxes::readiness::Listening;
use crate::directory::plain_path;
use crate::directory::{private_directory, write_private};
use crate::program;

/// Path of the health check, which succeeds even if no application server is up.
pub(crate) const HEALTH_PATH: &str = "/nginx-health";

/// Path of its counters.
const STATISTICS_PATH: &str = "/";

/// A web server.
#[derive(Debug)]
pub(crate) struct WebServer<'a> {
    /// Name of the box.
    pub(crate) name: &'a str,
    /// Role of the box.
    pub(crate) role: &'static str,
    /// Zone of the box.
    pub(crate) zone: &'static str,
    /// Address of its service.
    pub(crate) listen: SocketAddr,
    /// Address of its counters.
    pub(crate) statistics: SocketAddr,
    /// Application servers behind it.
    pub(crate) servers: &'a [Server],
}

impl WebServer<'_> {
    /// Plans the box.
    pub(crate) fn plan(&self, directory: &Path) -> Result<BoxPlan, LabError> {
        let program = program::NGINX.find()?;
        let own = plain_path(directory)?.join(self.name);
        for path in [&own, &own.join("tmp")] {
            private_directory(path).map_err(|source| LabError::Directory {
                path: path.clone(),
                source,
            })?;
        }
        let file = own.join("nginx.conf");
        write_private(&file, &self.settings(&own))?;
        let mut listening = Listening::at(self.listen);
        listening.admin = Some(self.statistics);
        let mut plan = BoxPlan::program(self.name, self.role, program, listening)
            .with(["-e", "stderr", "-p"])
            .with([own])
            .with(["-c".into(), file]);
        plan.zone = Some(self.zone);
        plan.monitor = Some(format!("nginx+http://{}{STATISTICS_PATH}", self.statistics));
        // Finishes the requests in flight first.
        plan.stop = Stop::Signal(Signal::QUIT);
        Ok(plan)
    }

    fn settings(&self, own: &Path) -> String {
        // Otherwise the workers would run under an account that can't write here.
        let user = match rustix::process::geteuid().is_root() {
            true => "user root;\n",
            false => "",
        };
        let mut text = format!(
            r#"{user}daemon off;
worker_processes 1;
worker_rlimit_nofile 20000;
pid {own}/nginx.pid;
error_log stderr warn;
events {{
    worker_connections 10000;
}}
http {{
    access_log off;
    client_body_temp_path {own}/tmp/body;
    proxy_temp_path {own}/tmp/proxy;
    fastcgi_temp_path {own}/tmp/fastcgi;
    uwsgi_temp_path {own}/tmp/uwsgi;
    scgi_temp_path {own}/tmp/scgi;
    server_tokens off;
    keepalive_requests 1000000;
    keepalive_timeout 300s;
    upstream app {{
        least_conn;
        keepalive 128;
        keepalive_requests 1000000;
"#,
            own = own.display(),
        );
        for server in self.servers {
            let _ = writeln!(
                text,
                "        server {} max_fails=1 fail_timeout=1s;",
                server.address
            );
        }
        let _ = write!(
            text,
            r#"    }}
    server {{
        listen {listen} backlog=4096;
        location = {HEALTH_PATH} {{
            return 204;
        }}
        location / {{
            proxy_pass http://app;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_set_header Host $http_host;
            proxy_connect_timeout 1s;
            proxy_read_timeout 15s;
            # A read whose server failed goes to another; a write only if it has not been sent.
            proxy_next_upstream error timeout;
            proxy_next_upstream_tries 2;
            client_max_body_size 6m;
        }}
    }}
    server {{
        listen {statistics};
        location = {STATISTICS_PATH} {{
            stub_status;
        }}
    }}
}}
"#,
            listen = self.listen,
            statistics = self.statistics,
        );
        text
    }
}
