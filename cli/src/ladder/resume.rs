//! The beginning of a ladder, or of the rest of an unfinished one.

use std::path::Path;

use tenfold_analysis::format;
use tenfold_analysis::ladder::{LadderReport, VERSION};

use super::climb::{Climb, Source};
use super::{LADDER, other_version, prices};
use crate::exit::UsageError;
use crate::output::print;

/// Requests of a user in a month, of the reference service: 100 billion reads and 1 billion writes of 10 million users.
const REQUESTS_PER_USER: f64 = 10_100.0;

impl Climb<'_> {
    /// Returns the command that goes on with this ladder.
    pub(super) fn command(&self) -> Vec<String> {
        let arguments = self.arguments;
        let mut command = ["tenfold", "ladder", &arguments.scenario]
            .map(str::to_owned)
            .to_vec();
        if let Some(steps) = &arguments.steps {
            command.extend(["--steps".to_owned(), steps.display().to_string()]);
        }
        for rule in &arguments.rules {
            command.extend(["--rules".to_owned(), rule.clone()]);
        }
        command
    }

    /// Returns the settings that all steps depend on, each with its value.
    fn settings(&self) -> Vec<String> {
        let arguments = self.arguments;
        let mut settings = vec![
            format!("scenario: {}", arguments.scenario),
            format!("rules: {}", arguments.rules.join("; ")),
            format!("--quick: {}", arguments.quick),
            format!("--no-outages: {}", arguments.no_outages),
            format!(
                "--max: {}",
                arguments
                    .max
                    .map_or("none".to_owned(), |max| format::rate(max.per_second()))
            ),
        ];
        if let Source::Road(road) = &self.source {
            let data = arguments.data_set.options();
            settings.extend([
                format!("--stages: {}", arguments.stages.join(",")),
                format!("--boxes: {:?}", road.sizes),
                format!("data: {} {} {}", data.seed, data.users, data.posts),
            ]);
        }
        settings
    }

    /// Returns the report of a new ladder, or that of an unfinished one in the directory.
    pub(crate) fn begin_or_resume(&self, path: &Path) -> anyhow::Result<LadderReport> {
        let file = path.join(LADDER);
        let settings = self.settings();
        let text = match std::fs::read_to_string(&file) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return self.begin(path, settings);
            }
            Err(error) => {
                return Err(
                    UsageError(format!("could not read {}: {error}", file.display())).into(),
                );
            }
        };
        let mut report: LadderReport = serde_json::from_str(&text)
            .map_err(|error| UsageError(format!("{} is not a ladder: {error}", file.display())))?;
        if report.version != VERSION {
            return Err(other_version(&file, report.version).into());
        }
        if report.finished {
            return Err(UsageError(format!(
                "the ladder in {} is finished; choose another directory for --out",
                path.display()
            ))
            .into());
        }
        let mut differing = settings
            .iter()
            .filter(|setting| !report.settings.contains(setting));
        if let Some(setting) = differing.next() {
            return Err(UsageError(format!(
                "the ladder in {} was begun with other flags, now `{setting}`; repeat them, or choose another directory for --out",
                path.display()
            ))
            .into());
        }
        self.check_taken(&report, path)?;
        // Prices and users are derived from the measurements.
        report.prices = Some(prices::read(self.arguments.prices.as_deref())?);
        report.requests_per_user = self.requests_per_user();
        print::note(&format!(
            "resuming after step {} of the ladder in {}",
            report.steps.len(),
            path.display()
        ));
        Ok(report)
    }

    fn begin(&self, path: &Path, settings: Vec<String>) -> anyhow::Result<LadderReport> {
        let has_files = std::fs::read_dir(path).is_ok_and(|mut files| files.next().is_some());
        if has_files {
            return Err(UsageError(format!(
                "{} has files, but no ladder; choose another directory for --out",
                path.display()
            ))
            .into());
        }
        let rules = self.scenario.rules.iter();
        Ok(LadderReport {
            version: VERSION,
            scenario: self.scenario.name.clone(),
            rules: rules.map(|rule| rule.text.clone()).collect(),
            started_at: format!("{:.0}", jiff::Timestamp::now()),
            settings,
            finished: false,
            ended_because: None,
            requests_per_user: self.requests_per_user(),
            prices: Some(prices::read(self.arguments.prices.as_deref())?),
            steps: Vec::new(),
            skipped: self.skipped.clone(),
        })
    }

    fn requests_per_user(&self) -> Option<f64> {
        match (&self.source, self.arguments.requests_per_user) {
            (_, Some(requests)) => Some(requests.0),
            (Source::Road(_), None) => Some(REQUESTS_PER_USER),
            (Source::File(_), None) => None,
        }
    }

    /// Checks that the steps that were taken are those of this ladder: a step measured as another would be compared with the
    /// wrong one.
    fn check_taken(&self, report: &LadderReport, path: &Path) -> anyhow::Result<()> {
        let mut replayed = LadderReport {
            steps: Vec::new(),
            ..report.clone()
        };
        for step in &report.steps {
            let planned = self.next(&replayed);
            if planned.as_ref().map(|planned| planned.name.as_str()) != Some(step.name.as_str()) {
                return Err(UsageError(format!(
                    "step {} of the ladder in {} is `{}`, but would be {} now; choose another directory for --out",
                    replayed.steps.len() + 1,
                    path.display(),
                    step.name,
                    planned.map_or("absent".to_owned(), |planned| format!("`{}`", planned.name))
                ))
                .into());
            }
            replayed.steps.push(step.clone());
        }
        Ok(())
    }
}
