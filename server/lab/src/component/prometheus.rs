//! Prometheus boxes: record metrics and evaluate the scaling rules. And the node exporter, which serves the lab's figures.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::own_directory;
use crate::LabError;
use crate::boxes::box_plan::BoxPlan;
use crate::boxes::readiness::Listening;
use crate::directory::write_private;
use crate::program;

/// A Prometheus.
#[derive(Debug)]
pub(crate) struct Prometheus<'a> {
    /// Name of the box.
    pub(crate) name: &'a str,
    /// Role of the box.
    pub(crate) role: &'static str,
    /// Address of its interface.
    pub(crate) listen: SocketAddr,
    /// Scrape jobs with one address each.
    pub(crate) jobs: &'a [(&'static str, SocketAddr)],
    /// Scrape jobs with settings of their own.
    pub(crate) special_jobs: &'a [Value],
    /// Address of the Alertmanager. `None` if there is none: alerts fire, and nobody hears of them.
    pub(crate) alertmanager: Option<SocketAddr>,
    /// Files of rules by name, as text.
    pub(crate) rules: &'a [(&'static str, String)],
}

/// Name of the file that lists the services to scrape.
const TARGETS: &str = "services.json";

impl Prometheus<'_> {
    /// Plans the box, and returns the file that is to list the services to scrape.
    pub(crate) fn plan(&self, directory: &Path) -> Result<(BoxPlan, PathBuf), LabError> {
        let program = program::PROMETHEUS.find()?;
        let own = own_directory(self.name, directory)?;
        let targets = own.join(TARGETS);
        write_private(&targets, "[]")?;
        for (name, text) in self.rules {
            write_private(&own.join(name), text)?;
        }
        let rule_files: Vec<_> = self.rules.iter().map(|(name, _)| *name).collect();
        let jobs = self.jobs.iter().map(|(job, address)| {
            json!({
                "job_name": job,
                // The labels of the lab's figures are those of the boxes, not of the exporter.
                "honor_labels": true,
                "static_configs": [{"targets": [address.to_string()]}],
            })
        });
        let services = json!({"job_name": "service", "file_sd_configs": [{"files": [TARGETS], "refresh_interval": "5s"}]});
        let alertmanagers = self
            .alertmanager
            .map(|address| json!({"static_configs": [{"targets": [address.to_string()]}]}));
        let jobs = jobs
            .chain([services])
            .chain(self.special_jobs.iter().cloned());
        // JSON is YAML.
        let settings = json!({
            "global": {"scrape_interval": "1s", "scrape_timeout": "900ms", "evaluation_interval": "1s"},
            "rule_files": rule_files,
            "alerting": {"alertmanagers": alertmanagers.into_iter().collect::<Vec<_>>()},
            "scrape_configs": jobs.collect::<Vec<_>>(),
        });
        let file = own.join("prometheus.yml");
        write_private(&file, &settings.to_string())?;
        let listening = Listening::at(self.listen);
        let plan = BoxPlan::program(self.name, self.role, program, listening).with([
            format!("--config.file={}", file.display()),
            format!("--storage.tsdb.path={}", own.join("data").display()),
            // A lab is short-lived: a week, or 1 GB.
            "--storage.tsdb.retention.time=7d".to_owned(),
            "--storage.tsdb.retention.size=1GB".to_owned(),
            format!("--web.listen-address={}", self.listen),
            "--log.level=warn".to_owned(),
        ]);
        Ok((plan, targets))
    }
}

/// Plans a node exporter, and returns the directory whose figures it serves.
pub(crate) fn node_exporter(
    name: &str,
    role: &'static str,
    listen: SocketAddr,
    directory: &Path,
) -> Result<(BoxPlan, PathBuf), LabError> {
    let program = program::NODE_EXPORTER.find()?;
    let own = own_directory(name, directory)?;
    let plan = BoxPlan::program(name, role, program, Listening::at(listen)).with([
        format!("--web.listen-address={listen}"),
        "--collector.disable-defaults".to_owned(),
        "--collector.textfile".to_owned(),
        format!("--collector.textfile.directory={}", own.display()),
        "--collector.cpu".to_owned(),
        "--collector.filesystem".to_owned(),
        "--collector.loadavg".to_owned(),
        "--collector.meminfo".to_owned(),
        "--log.level=warn".to_owned(),
    ]);
    Ok((plan, own))
}
