//! Varnish boxes: caches at the edge, which keep public responses and serve them while the service is away.

use std::net::SocketAddr;
use std::path::Path;

use super::own_directory;
use crate::LabError;
use crate::boxes::box_plan::BoxPlan;
use crate::boxes::readiness::Listening;
use crate::directory::write_private;
use crate::program;

/// Path that an edge answers itself.
pub(crate) const HEALTH_PATH: &str = "/edge-health";

/// Memory for responses in an unlimited box, in bytes.
const MEMORY_BYTES: u64 = 128 << 20;

/// A cache at the edge.
#[derive(Debug)]
pub(crate) struct Varnish<'a> {
    /// Name of the box.
    pub(crate) name: &'a str,
    /// Role of the box.
    pub(crate) role: &'static str,
    /// Address of its service.
    pub(crate) listen: SocketAddr,
    /// Address of the service that it asks.
    pub(crate) origin: SocketAddr,
    /// Key of purges.
    pub(crate) key: &'a str,
    /// Memory of the box, in bytes. `None` if unlimited.
    pub(crate) memory_bytes: Option<u64>,
}

impl Varnish<'_> {
    /// Plans the box.
    pub(crate) fn plan(&self, directory: &Path) -> Result<BoxPlan, LabError> {
        let program = program::VARNISHD.find()?;
        program::XKEY.find()?;
        program::CC.find()?;
        let own = own_directory(self.name, directory)?;
        let settings = own.join("edge.vcl");
        write_private(&settings, &self.settings())?;
        // The rest is for threads, connections and the log in shared memory.
        let memory_bytes = self.memory_bytes.map_or(MEMORY_BYTES, |bytes| bytes / 4);
        let arguments = [
            "-F".to_owned(),
            "-j".to_owned(),
            "none".to_owned(),
            "-T".to_owned(),
            "none".to_owned(),
            "-a".to_owned(),
            format!("edge={},HTTP", self.listen),
            "-f".to_owned(),
            settings.display().to_string(),
            "-n".to_owned(),
            own.join("work").display().to_string(),
            "-s".to_owned(),
            format!("malloc,{memory_bytes}b"),
            "-s".to_owned(),
            "Transient=malloc,32m".to_owned(),
            "-l".to_owned(),
            "16m".to_owned(),
            "-p".to_owned(),
            "thread_pools=1".to_owned(),
            "-p".to_owned(),
            "thread_pool_min=20".to_owned(),
            "-p".to_owned(),
            "thread_pool_max=500".to_owned(),
        ];
        Ok(
            BoxPlan::program(self.name, self.role, program, Listening::at(self.listen))
                .with(arguments),
        )
    }

    /// Returns the settings. Of what the service answers, they keep what has `CDN-Cache-Control`, and static files.
    fn settings(&self) -> String {
        let (ip, port, key) = (self.origin.ip(), self.origin.port(), self.key);
        format!(
            r#"vcl 4.1;
import std;
import xkey;

backend origin {{
    .host = "{ip}";
    .port = "{port}";
    .connect_timeout = 1s;
    .first_byte_timeout = 30s;
    .probe = {{ .url = "/readyz"; .interval = 500ms; .timeout = 1s; .window = 2; .threshold = 2; .initial = 2; }}
}}

sub vcl_recv {{
    if (req.url == "{HEALTH_PATH}") {{
        return (synth(200, "up"));
    }}
    if (req.method == "PURGE") {{
        if (req.http.edge-key != "{key}") {{
            return (synth(403, "Forbidden"));
        }}
        set req.http.purged = "0";
        if (req.http.purge-changed) {{
            # The service may go away before anybody has asked again: then the earlier response is better than none.
            set req.http.purged = xkey.softpurge(req.http.purge-changed);
        }}
        if (req.http.purge-gone) {{
            set req.http.purged = req.http.purged + "+" + xkey.purge(req.http.purge-gone);
        }}
        return (synth(200, "Purged " + req.http.purged));
    }}
    if (req.method != "GET" && req.method != "HEAD") {{
        return (pass);
    }}
    # The balancer sends public paths alone, whose responses are the same for everybody.
    unset req.http.cookie;
    unset req.http.authorization;
    if (req.restarts == 0) {{
        unset req.http.service-failed;
    }}
    if (std.healthy(req.backend_hint) && !req.http.service-failed) {{
        # No response after its time or its purge.
        set req.grace = 0s;
    }} else {{
        set req.grace = 1h;
    }}
    return (hash);
}}

sub vcl_backend_response {{
    if (beresp.status >= 500) {{
        if (!bereq.http.service-failed || bereq.is_bgfetch) {{
            # A response of the service, even if it is not kept, would replace the earlier one.
            return (abandon);
        }}
        set beresp.uncacheable = true;
        set beresp.ttl = 0s;
        set beresp.grace = 0s;
        return (deliver);
    }}
    if (beresp.http.cdn-cache-control ~ "max-age=[0-9]+") {{
        set beresp.ttl = std.duration(regsub(beresp.http.cdn-cache-control, "^.*max-age=([0-9]+).*$", "\1") + "s", 0s);
        set beresp.grace = 1h;
    }} elsif (bereq.url ~ "^/static/" && beresp.status == 200) {{
        set beresp.grace = 1h;
    }} else {{
        set beresp.uncacheable = true;
        set beresp.ttl = 0s;
        set beresp.grace = 0s;
    }}
    return (deliver);
}}

sub vcl_backend_error {{
    if (!bereq.http.service-failed || bereq.is_bgfetch) {{
        return (abandon);
    }}
}}

sub vcl_synth {{
    if (resp.status == 503 && req.restarts == 0 && (req.method == "GET" || req.method == "HEAD")) {{
        # Serve an earlier response, if there is one; otherwise the error of the service.
        set req.http.service-failed = "1";
        return (restart);
    }}
}}

sub vcl_deliver {{
    unset resp.http.cdn-cache-control;
    unset resp.http.xkey;
    unset resp.http.via;
    unset resp.http.x-varnish;
    if (obj.hits > 0) {{
        set resp.http.x-cache = "hit";
    }} else {{
        set resp.http.x-cache = "miss";
    }}
}}
"#
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_is_in_a_private_file_alone() {
        let directory = tempfile::tempdir().unwrap();
        let edge = Varnish {
            name: "edge-1",
            role: "edge",
            listen: "127.0.1.1:6081".parse().unwrap(),
            origin: "127.0.1.1:8080".parse().unwrap(),
            key: "hunter2",
            memory_bytes: Some(64 << 20),
        };
        let plan = match edge.plan(directory.path()) {
            Ok(plan) => plan,
            Err(missing @ LabError::MissingProgram(_)) => {
                crate::skip::skip(&missing);
                return;
            }
            Err(error) => panic!("{error}"),
        };
        let has_key = |text: &std::ffi::OsString| text.to_string_lossy().contains("hunter2");
        assert!(!plan.arguments.iter().any(has_key));
        assert!(plan.arguments.contains(&"malloc,16777216b".into()));
        let settings = std::fs::read_to_string(directory.path().join("edge-1/edge.vcl")).unwrap();
        assert!(settings.contains("req.http.edge-key != \"hunter2\""));
    }
}
