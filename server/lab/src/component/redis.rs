//! Redis boxes: an LRU cache behind TLS and a password.

use std::net::SocketAddr;
use std::path::Path;

use crate::LabError;
use crate::boxes::box_plan::BoxPlan;
use crate::boxes::readiness::Listening;
use crate::boxes::renewal::{Renewal, Session};
use crate::directory::plain_path;
use crate::directory::{private_directory, write_private};
use crate::identity::secret;
use crate::identity::{Authority, Identity};
use crate::program;

/// A cache on a box of its own.
#[derive(Debug)]
pub(crate) struct Redis<'a> {
    /// Name of the box.
    pub(crate) name: &'a str,
    /// Role of the box.
    pub(crate) role: &'static str,
    /// Address of its service.
    pub(crate) listen: SocketAddr,
    /// Memory of the box, in bytes. `None` if unlimited.
    pub(crate) memory_bytes: Option<u64>,
}

/// Maximum memory in an unlimited box, in bytes.
const MEMORY_BYTES: u64 = 256 << 20;

impl Redis<'_> {
    /// Plans the box, and returns its URL.
    pub(crate) fn plan(
        &self,
        directory: &Path,
        authority: &Authority,
    ) -> Result<(BoxPlan, String), LabError> {
        let program = program::REDIS.find()?;
        let own = plain_path(directory)?.join(self.name);
        private_directory(&own).map_err(|source| LabError::Directory {
            path: own.clone(),
            source,
        })?;
        let identity = authority.issue(self.name, &[self.listen.ip()])?;
        let password = secret(directory, "cache-password")?;
        // The other half is for fragmentation and client buffers.
        let memory_bytes = self.memory_bytes.map_or(MEMORY_BYTES, |bytes| bytes / 2);
        let settings = own.join("redis.conf");
        write_private(
            &settings,
            &format!(
                "bind {ip}\n\
                 port 0\n\
                 tls-port {port}\n\
                 tls-ca-cert-file {ca}\n\
                 tls-cert-file {certificate}\n\
                 tls-key-file {key}\n\
                 tls-auth-clients no\n\
                 requirepass {password}\n\
                 dir {own}\n\
                 maxmemory {memory_bytes}\n\
                 maxmemory-policy allkeys-lru\n\
                 save \"\"\n\
                 appendonly no\n\
                 tcp-backlog 1024\n",
                ip = self.listen.ip(),
                port = self.listen.port(),
                ca = identity.ca.display(),
                certificate = identity.certificate.display(),
                key = identity.key.display(),
                own = own.display(),
            ),
        )?;
        let mut plan = BoxPlan::program(self.name, self.role, program, Listening::at(self.listen))
            .with([settings]);
        let url = format!(
            "rediss://:{password}@{}/0?ca={}",
            self.listen,
            identity.ca.display()
        );
        plan.monitor = Some(url.clone());
        plan.renewal = Renewal::Cache(self.session(&identity, password)?);
        Ok((plan, url))
    }

    /// Returns an administrator's session.
    fn session(&self, identity: &Identity, password: String) -> Result<Session, LabError> {
        let (ip, port) = (self.listen.ip().to_string(), self.listen.port().to_string());
        let ca = identity.ca.display().to_string();
        Ok(Session {
            client: program::REDIS_CLI.find()?,
            arguments: ["-h", &ip, "-p", &port, "--tls", "--cacert", &ca]
                .map(str::to_owned)
                .into(),
            password: Some(("REDISCLI_AUTH", password)),
            reload: format!(
                "CONFIG SET tls-cert-file {} tls-key-file {}\n",
                identity.certificate.display(),
                identity.key.display()
            ),
            is_primary: true,
        })
    }
}

/// Returns the command after which these passwords are accepted and no other.
pub(crate) fn passwords_command(passwords: &[&str]) -> String {
    let added: Vec<String> = passwords
        .iter()
        .map(|password| format!(">{password}"))
        .collect();
    format!("ACL SETUSER default resetpass {}\n", added.join(" "))
}
