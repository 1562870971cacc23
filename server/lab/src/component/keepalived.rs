//! Keepalived boxes: one beside each balancer; the address of the service is at the first balancer that is up (VRRP, RFC 9568).

use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use super::own_directory;
use crate::LabError;
use crate::boxes::box_plan::BoxPlan;
use crate::boxes::readiness::{Listening, Readiness};
use crate::directory::write_private;
use crate::program;

/// Interval at which the holder of the address says that it is up, in seconds. The other one takes over after three of them.
const ADVERTISE_S: f64 = 0.2;

/// Says that it is ready, and who holds the address.
const NOTIFY: &str = r#"#!/bin/sh
echo "$3" >"$(dirname "$0")/state"
echo '{}' >"$(dirname "$0")/ready.json.partial"
mv "$(dirname "$0")/ready.json.partial" "$(dirname "$0")/ready.json"
"#;

/// A keepalived in the network namespace of a balancer.
#[derive(Debug)]
pub(crate) struct Keepalived<'a> {
    /// Name of the box.
    pub(crate) name: &'a str,
    /// Role of the box.
    pub(crate) role: &'static str,
    /// Name of the balancer's box.
    pub(crate) balancer: &'static str,
    /// Plain HTTP of the balancer, whose connections show that it is up.
    pub(crate) checked: SocketAddr,
    /// Address that one of them holds.
    pub(crate) floating: IpAddr,
    /// True for the one that holds the address if both are up.
    pub(crate) is_first: bool,
}

impl Keepalived<'_> {
    /// Plans the box.
    pub(crate) fn plan(&self, directory: &Path) -> Result<BoxPlan, LabError> {
        let program = program::KEEPALIVED.find()?;
        let own = own_directory(self.name, directory)?;
        let notify = own.join("notify.sh");
        write_private(&notify, NOTIFY)?;
        let executable = fs::Permissions::from_mode(0o700);
        fs::set_permissions(&notify, executable).map_err(|source| LabError::Directory {
            path: notify.clone(),
            source,
        })?;
        let settings = own.join("keepalived.conf");
        let (state, priority) = match self.is_first {
            true => ("MASTER", 150),
            false => ("BACKUP", 100),
        };
        write_private(
            &settings,
            &format!(
                "global_defs {{\n  router_id {name}\n  vrrp_version 3\n  script_user root\n  vrrp_garp_master_delay 0\n}}\n\
                 vrrp_script balancer {{\n  script \"/bin/bash -c 'exec 3<>/dev/tcp/{ip}/{port}'\"\n  interval 1\n  timeout 1\n  fall 1\n  rise 2\n}}\n\
                 vrrp_instance door {{\n  state {state}\n  interface eth0\n  virtual_router_id 51\n  priority {priority}\n  advert_int {ADVERTISE_S}\n  \
                 virtual_ipaddress {{\n    {floating}/24 dev eth0\n  }}\n  track_script {{\n    balancer\n  }}\n  notify {notify}\n}}\n",
                name = self.name,
                ip = self.checked.ip(),
                port = self.checked.port(),
                floating = self.floating,
                notify = notify.display(),
            ),
        )?;
        let mut plan = BoxPlan::program(self.name, self.role, program, Listening::at(self.checked))
            .with(["--dont-fork", "--log-console", "--vrrp"])
            .with([format!("--use-file={}", settings.display())])
            .with([format!("--pid={}/keepalived.pid", own.display())])
            .with([format!("--vrrp_pid={}/vrrp.pid", own.display())]);
        plan.readiness = Readiness::File(own.join("ready.json"));
        plan.beside = Some(self.balancer);
        Ok(plan)
    }
}
