//! Cassandra boxes: wide rows, through CQL.

use std::net::SocketAddr;
use std::path::Path;

use super::own_directory;
use crate::LabError;
use crate::boxes::box_plan::BoxPlan;
use crate::boxes::readiness::Listening;
use crate::directory::write_private;
use crate::network::site::{Site, port};
use crate::program;
use crate::starting::progress_source::ProgressSource;

/// Keyspace of the service.
const KEYSPACE: &str = "tenfold";

/// Memory for the heap in an unlimited box, in bytes.
const HEAP_BYTES: u64 = 384 << 20;

/// A wide-column store on a box of its own.
#[derive(Debug)]
pub(crate) struct Cassandra {
    /// Name of the box, and its role.
    name: &'static str,
    /// Address for clients.
    listen: SocketAddr,
    /// Ports for other servers, which it opens even if it is alone.
    storage: u16,
    storage_encrypted: u16,
}

impl Cassandra {
    /// Allocates its addresses.
    pub(crate) fn new(name: &'static str, site: &mut Site) -> Result<Self, LabError> {
        Ok(Self {
            name,
            listen: site.private(name, port::CQL)?,
            storage: site.private(name, port::CASSANDRA)?.port(),
            storage_encrypted: site.private(name, port::CASSANDRA_ENCRYPTED)?.port(),
        })
    }

    /// Plans the box, whose memory is `memory_bytes`, or unlimited.
    pub(crate) fn plan(
        &self,
        directory: &Path,
        memory_bytes: Option<u64>,
    ) -> Result<BoxPlan, LabError> {
        let program = program::CASSANDRA.find()?;
        let own = own_directory(self.name, directory)?;
        let settings = own.join("cassandra.yaml");
        write_private(&settings, &self.settings(&own))?;
        let property = |name: &str, value: String| format!("-Dcassandra.{name}={value}");
        // The other half is for memory outside the heap.
        let heap_mib = memory_bytes.map_or(HEAP_BYTES, |bytes| bytes / 2) >> 20;
        let listening = Listening::at(self.listen);
        let mut plan = BoxPlan::program(self.name, self.name, program, listening)
            .with(["-f", "-R"])
            .with([
                property("config", format!("file://{}", settings.display())),
                property("storagedir", own.display().to_string()),
                property("skip_wait_for_gossip_to_settle", "0".to_owned()),
                property("ring_delay_ms", "100".to_owned()),
                property("superuser_setup_delay_ms", "0".to_owned()),
            ]);
        plan.environment = vec![
            ("MAX_HEAP_SIZE".into(), Some(format!("{heap_mib}M").into())),
            (
                "HEAP_NEWSIZE".into(),
                Some(format!("{}M", heap_mib / 4).into()),
            ),
        ];
        plan.progress = ProgressSource {
            file: None,
            data: Some(own),
            growing: "writing data,",
            of_line: None,
        };
        plan.url = Some(format!("cassandra://{}/{KEYSPACE}", self.listen));
        Ok(plan)
    }

    /// Returns settings for versions from 3.11 on. A write is on the disk before it is acknowledged: with the periodic sync, a killed process loses all
    /// writes since the last one.
    fn settings(&self, own: &Path) -> String {
        format!(
            "cluster_name: tenfold\n\
             num_tokens: 16\n\
             partitioner: org.apache.cassandra.dht.Murmur3Partitioner\n\
             data_file_directories: [\"{own}/data\"]\n\
             commitlog_directory: \"{own}/commitlog\"\n\
             saved_caches_directory: \"{own}/caches\"\n\
             hints_directory: \"{own}/hints\"\n\
             cdc_raw_directory: \"{own}/cdc\"\n\
             commitlog_sync: batch\n\
             commitlog_sync_batch_window_in_ms: 2\n\
             commitlog_segment_size_in_mb: 8\n\
             commitlog_total_space_in_mb: 64\n\
             seed_provider: [{{class_name: org.apache.cassandra.locator.SimpleSeedProvider, parameters: [{{seeds: \"{ip}\"}}]}}]\n\
             listen_address: {ip}\n\
             rpc_address: {ip}\n\
             storage_port: {storage}\n\
             ssl_storage_port: {storage_encrypted}\n\
             native_transport_port: {port}\n\
             start_native_transport: true\n\
             endpoint_snitch: SimpleSnitch\n\
             concurrent_reads: 4\n\
             concurrent_writes: 4\n\
             memtable_heap_space_in_mb: 32\n\
             memtable_offheap_space_in_mb: 32\n\
             file_cache_size_in_mb: 32\n\
             key_cache_size_in_mb: 8\n\
             disk_access_mode: standard\n\
             auto_snapshot: false\n",
            own = own.display(),
            ip = self.listen.ip(),
            port = self.listen.port(),
            storage = self.storage,
            storage_encrypted = self.storage_encrypted,
        )
    }
}
