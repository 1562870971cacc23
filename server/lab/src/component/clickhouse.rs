//! ClickHouse boxes: a warehouse, over HTTP.

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
const USER: &str = "tenfold";

/// Memory for a query in an unlimited box, in bytes.
const QUERY_BYTES: u64 = 256 << 20;

/// A warehouse on a box of its own.
#[derive(Debug)]
pub(crate) struct ClickHouse {
    /// Name of the box, and its role.
    name: &'static str,
    /// Address of its service.
    listen: SocketAddr,
    /// Ports of its own protocol, and between servers.
    native: u16,
    between: u16,
}

impl ClickHouse {
    /// Allocates its addresses.
    pub(crate) fn new(name: &'static str, site: &mut Site) -> Result<Self, LabError> {
        Ok(Self {
            name,
            listen: site.private(name, port::CLICKHOUSE)?,
            native: site.private(name, port::CLICKHOUSE_NATIVE)?.port(),
            between: site.private(name, port::CLICKHOUSE_BETWEEN)?.port(),
        })
    }

    /// Returns the address of its service.
    pub(crate) fn address(&self) -> SocketAddr {
        self.listen
    }

    /// Plans the box, whose memory is `memory_bytes`, or unlimited, and returns its URL.
    pub(crate) fn plan(
        &self,
        directory: &Path,
        memory_bytes: Option<u64>,
    ) -> Result<(BoxPlan, String), LabError> {
        let program = program::CLICKHOUSE.find()?;
        let own = own_directory(self.name, directory)?;
        let password = secret(directory, "clickhouse-password")?;
        // The other half is for caches and merges.
        let query_bytes = memory_bytes.map_or(QUERY_BYTES, |bytes| bytes / 2);
        let settings = own.join("config.xml");
        write_private(&settings, &self.settings(&own))?;
        write_private(&own.join("users.xml"), &users(&password, query_bytes))?;
        let listening = Listening::at(self.listen);
        let mut plan = BoxPlan::program(self.name, self.name, program, listening)
            .with([format!("--config-file={}", settings.display())]);
        plan.progress = ProgressSource {
            file: None,
            data: Some(own),
            growing: "writing data,",
            of_line: None,
        };
        let url = format!("clickhouse://{USER}:{password}@{}/default", self.listen);
        plan.url = Some(url.clone());
        Ok((plan, url))
    }

    /// Returns settings for versions from 18.16 on.
    fn settings(&self, own: &Path) -> String {
        format!(
            "<?xml version=\"1.0\"?>\n\
             <yandex>\n  \
               <logger><level>warning</level><log>{own}/server.log</log><errorlog>{own}/error.log</errorlog><size>10M</size><count>1</count></logger>\n  \
               <http_port>{port}</http_port>\n  \
               <tcp_port>{native}</tcp_port>\n  \
               <interserver_http_port>{between}</interserver_http_port>\n  \
               <listen_host>{ip}</listen_host>\n  \
               <max_connections>64</max_connections>\n  \
               <max_concurrent_queries>20</max_concurrent_queries>\n  \
               <uncompressed_cache_size>16777216</uncompressed_cache_size>\n  \
               <mark_cache_size>67108864</mark_cache_size>\n  \
               <path>{own}/data/</path>\n  \
               <tmp_path>{own}/tmp/</tmp_path>\n  \
               <user_files_path>{own}/user_files/</user_files_path>\n  \
               <format_schema_path>{own}/format_schemas/</format_schema_path>\n  \
               <users_config>users.xml</users_config>\n  \
               <default_profile>default</default_profile>\n  \
               <default_database>default</default_database>\n  \
               <timezone>UTC</timezone>\n\
             </yandex>\n",
            own = own.display(),
            ip = self.listen.ip(),
            port = self.listen.port(),
            native = self.native,
            between = self.between,
        )
    }
}

/// Returns the accounts: one, with a password of letters and digits.
fn users(password: &str, query_bytes: u64) -> String {
    format!(
        "<?xml version=\"1.0\"?>\n\
         <yandex>\n  \
           <profiles><default><max_memory_usage>{query_bytes}</max_memory_usage><load_balancing>random</load_balancing></default></profiles>\n  \
           <users><{USER}><password>{password}</password><networks><ip>::/0</ip></networks><profile>default</profile><quota>default</quota></{USER}></users>\n  \
           <quotas><default></default></quotas>\n\
         </yandex>\n"
    )
}
