//! The stores under test, each in boxes of its own.

use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use tenfold_lab::{Allowances, Lab, LabBox, LabOptions, RoleAllowance};

use crate::nosql::question::Question;

/// CPUs of a box while data is loaded.
const LOADING_CPU: f64 = 1.0;

/// The stores under test.
pub(super) struct Stores {
    lab: Lab,
    box_cpu: f64,
}

impl Stores {
    /// Starts SQL and the stores of the questions.
    pub(super) fn start(
        questions: &[Question],
        directory: &Path,
        box_cpu: f64,
    ) -> anyhow::Result<Self> {
        let mut with: Vec<String> = questions.iter().map(|own| own.role().to_owned()).collect();
        with.sort();
        with.dedup();
        let roles = with.iter().map(String::as_str).chain(["sql"]);
        let limits = roles.map(|role| RoleAllowance {
            role: role.to_owned(),
            cpu: LOADING_CPU.max(box_cpu * 3.0),
            memory_bytes: None,
        });
        // No box runs this program.
        let mut options = LabOptions::new("tenfold", directory);
        options.allowances = Allowances::new(limits.collect());
        options.command = "scripts/bench nosql".to_owned();
        options.with = with;
        let lab = tenfold_lab::up(&tenfold_lab::stage::STORES, &options)
            .context("could not start the stores")?;
        Ok(Self { lab, box_cpu })
    }

    /// Returns the reason why the boxes have no limits. `None` if they have.
    pub(super) fn unconfined_because(&self) -> Option<String> {
        self.lab.unconfined_because().map(str::to_owned)
    }

    /// Returns the URL of SQL.
    pub(super) fn sql(&self) -> anyhow::Result<&str> {
        self.url("sql")
    }

    /// Returns the URL of the other store of a question.
    pub(super) fn other(&self, question: Question) -> anyhow::Result<&str> {
        self.url(question.role())
    }

    fn url(&self, role: &str) -> anyhow::Result<&str> {
        let mut boxes = self.boxes(role);
        let url = boxes.find_map(LabBox::url);
        url.with_context(|| format!("no box of the role {role} has a URL"))
    }

    fn boxes<'a>(&'a self, role: &str) -> impl Iterator<Item = &'a LabBox> {
        let boxes = self.lab.boxes().iter();
        boxes.filter(move |own| own.role() == role)
    }

    /// Lets all boxes use as much CPU as they need to load data.
    pub(super) fn release(&self) -> anyhow::Result<()> {
        self.limit("sql", 1.0)?;
        for question in [Question::KeyValue, Question::WideColumn, Question::Document] {
            if self.boxes(question.role()).next().is_some() {
                self.limit(question.role(), 1.0)?;
            }
        }
        Ok(())
    }

    /// Limits both stores of a question to the same CPU.
    pub(super) fn confine(&self, question: Question) -> anyhow::Result<()> {
        let whole = LOADING_CPU.max(self.box_cpu * 3.0);
        let share = self.box_cpu / whole;
        self.limit("sql", share * f64::from(question.boxes()))?;
        self.limit(question.role(), share)
    }

    fn limit(&self, role: &str, share: f64) -> anyhow::Result<()> {
        match self.lab.unconfined_because() {
            Some(_) => Ok(()),
            None => Ok(self.lab.share_cpu(role, share)?),
        }
    }

    /// Returns the CPU time that the boxes of a role have used.
    pub(super) fn cpu(&self, role: &str) -> Duration {
        let boxes = self.boxes(role).filter_map(LabBox::usage);
        boxes.map(|own| own.cpu).sum()
    }

    /// Stops all boxes. Each store writes its memory to disk.
    pub(super) fn stop(self) -> anyhow::Result<()> {
        self.lab.stop().context("could not stop the stores")
    }
}
