//! ArcadeDB boxes: documents and a graph, over HTTP.

use std::net::SocketAddr;
use std::path::Path;

use super::own_directory;
use crate::LabError;
use crate::boxes::box_plan::BoxPlan;
use crate::boxes::readiness::Listening;
use crate::directory::write_private;
use crate::identity::secret;
use crate::network::site::{Site, port};
use crate::program;
use crate::starting::progress_source::ProgressSource;

/// Account of the service.
const USER: &str = "root";

/// Database of the service.
const DATABASE: &str = "tenfold";

/// Memory for the heap in an unlimited box, in bytes.
const HEAP_BYTES: u64 = 256 << 20;

/// Calls that one process of the service makes at once, at most.
const CALLS_MAX: u32 = 1_024;

/// A database of documents and graphs on a box of its own.
#[derive(Debug)]
pub(crate) struct ArcadeDb {
    /// Name of the box, and its role.
    name: &'static str,
    /// Address of its service.
    listen: SocketAddr,
    /// Port that it would use with TLS.
    encrypted: u16,
}

impl ArcadeDb {
    /// Allocates its addresses.
    pub(crate) fn new(name: &'static str, site: &mut Site) -> Result<Self, LabError> {
        Ok(Self {
            name,
            listen: site.private(name, port::ARCADEDB)?,
            encrypted: site.private(name, port::ARCADEDB_ENCRYPTED)?.port(),
        })
    }

    /// Plans the box, whose memory is `memory_bytes`, or unlimited.
    pub(crate) fn plan(
        &self,
        directory: &Path,
        memory_bytes: Option<u64>,
    ) -> Result<BoxPlan, LabError> {
        let program = program::ARCADEDB.find()?;
        let own = own_directory(self.name, directory)?;
        let password = secret(directory, "arcadedb-password")?;
        // It reads the password from a file at its first start.
        let file = own.join("password");
        write_private(&file, &password)?;
        let property = |name: &str, value: String| format!("-Darcadedb.{name}={value}");
        // The other half is for memory outside the heap.
        let heap_mib = memory_bytes.map_or(HEAP_BYTES, |bytes| bytes / 2) >> 20;
        let (ip, port) = (self.listen.ip(), self.listen.port());
        let listening = Listening::at(self.listen);
        let mut plan = BoxPlan::program(self.name, self.name, program, listening).with([
            property("server.rootPath", own.display().to_string()),
            property("server.rootPasswordPath", file.display().to_string()),
            property("server.httpIncomingHost", ip.to_string()),
            property("server.httpIncomingPort", port.to_string()),
            property("server.httpsIncomingPort", self.encrypted.to_string()),
            property("server.defaultDatabases", String::new()),
            property("ha.enabled", "false".to_owned()),
            property("profile", "low-ram".to_owned()),
            // It refuses calls beyond a queue of 8 otherwise.
            property("queryQueueMaxSize", CALLS_MAX.to_string()),
        ]);
        let heap = format!("-Xms64m -Xmx{heap_mib}m");
        plan.environment = vec![("JAVA_OPTS".into(), Some(heap.into()))];
        plan.progress = ProgressSource {
            file: None,
            data: Some(own),
            growing: "writing data,",
            of_line: None,
        };
        plan.url = Some(format!(
            "arcadedb://{USER}:{password}@{}/{DATABASE}",
            self.listen
        ));
        Ok(plan)
    }
}
