//! The service under test: one that runs already, or a stage of the reference service that is started for it.

use std::path::Path;
use std::sync::mpsc::{self, TryRecvError};

use anyhow::Context as _;
use tenfold_gate::{CommandService, ServiceCommand};
use tenfold_lab::{Allowances, Lab, LabBox, Watch};
use tenfold_loadgen::{DialOptions, Interrupt, Target, TlsOptions};
use tenfold_measure::Endpoint;
use tenfold_scenarios::Scenario;

use crate::arguments::groups::service::ServiceArguments;
use crate::output::print;
use crate::output::start_lines::StartLines;
use crate::permission::host_guard;
use crate::{policy, stages};

/// Directory of the reference service's data, with one subdirectory for each stage and data set.
const LAB_DIRECTORY: &str = ".tenfold";

/// Directories of a stage beside its first, for runs beside each other: `.tenfold/STAGE-2` and so on.
const SPARE_DIRECTORIES: u32 = 15;

/// Target that represents any stage when connection flags are checked.
const STAGE_URL: &str = "http://127.0.0.1";

/// A target whose flags are checked, but to which nothing is connected yet.
pub(crate) struct Subject {
    /// Options of its connections.
    pub(crate) dial: DialOptions,
    /// Address. Any address of this machine for a stage that is not started yet.
    pub(crate) target: Target,
}

impl Subject {
    /// Checks the flags. A target that can't be used is an error before anything is started.
    pub(crate) fn of(arguments: &ServiceArguments) -> anyhow::Result<Self> {
        let dial = arguments.connections.options()?;
        arguments.target.components()?;
        let url = arguments.target.url.as_deref().unwrap_or(STAGE_URL);
        let target = url.parse::<Target>()?.with(dial.clone())?;
        Ok(Self { dial, target })
    }

    /// Connects to the service, or starts the stage. `command` is named as the user of the lab.
    pub(crate) fn start(
        self,
        arguments: &ServiceArguments,
        scenario: &Scenario,
        command: &str,
        interrupt: &Interrupt,
    ) -> anyhow::Result<Service> {
        if self.dial.tls.insecure {
            print::note(
                "note: certificates are not verified (--insecure), so anyone may be answering",
            );
        }
        match &arguments.target.url {
            Some(_) => Service::running(arguments, self.target, follows_redirects(scenario)),
            None => Service::start(arguments, self.dial, command, interrupt),
        }
    }
}

/// Returns whether a request of the scenario follows redirects.
fn follows_redirects(scenario: &Scenario) -> bool {
    let mut requests = scenario.requests.iter();
    requests.any(|request| request.transport.follow > 0)
}

/// The service under test.
pub(crate) struct Service {
    /// Its address.
    pub(crate) endpoint: Endpoint,
    /// Lab that runs it. `None` if it is no stage.
    pub(crate) lab: Option<Lab>,
    /// Command that runs it. `None` if it is a stage, or runs already.
    command: Option<CommandService>,
}

impl Service {
    /// Uses the service at `--target`, if load may be sent there.
    ///
    /// `follows` is true if the scenario follows redirects.
    fn running(
        arguments: &ServiceArguments,
        target: Target,
        follows: bool,
    ) -> anyhow::Result<Self> {
        let endpoint = host_guard::clear(
            target,
            arguments.target.admin.as_deref(),
            &arguments.permission.hosts,
            follows,
        )?;
        Ok(Self::at(endpoint))
    }

    /// Starts a service by a shell command. Its output goes to `log`.
    pub(crate) fn by_command(
        arguments: &ServiceArguments,
        command: &ServiceCommand,
        log: &Path,
        interrupt: &Interrupt,
    ) -> anyhow::Result<Self> {
        let dial = arguments.connections.options()?;
        let command = ServiceCommand {
            http: dial.http,
            ..command.clone()
        };
        Self::of_command(CommandService::start(&command, log, interrupt)?, dial)
    }

    /// Uses a service that a command started.
    pub(crate) fn of_command(started: CommandService, dial: DialOptions) -> anyhow::Result<Self> {
        let admin = started.admin_address();
        let endpoint = host_guard::clear_loopback(started.address(), admin, dial)?;
        Ok(Self {
            endpoint,
            lab: None,
            command: Some(started),
        })
    }

    /// Uses a service that runs already, at an address to which load may be sent.
    pub(crate) fn at(endpoint: Endpoint) -> Self {
        Self {
            endpoint,
            lab: None,
            command: None,
        }
    }

    /// Stops a service that was started for this program.
    pub(crate) fn stop(self) -> anyhow::Result<()> {
        if let Some(command) = self.command {
            command.stop();
        }
        Ok(self.lab.map_or(Ok(()), Lab::stop)?)
    }

    /// Starts a stage of the reference service.
    fn start(
        arguments: &ServiceArguments,
        dial: DialOptions,
        command: &str,
        interrupt: &Interrupt,
    ) -> anyhow::Result<Self> {
        let name = arguments.stage.name.as_deref().unwrap_or("single-box");
        let stage = stages::find(name)?;
        let program = std::env::current_exe().context("could not find this program's own file")?;
        // A store holds one data set.
        let mut name = stage.name.to_owned();
        for (flag, value) in arguments.data_set.written() {
            name.push_str(&flag.replace("--data", ""));
            name.push_str(&value);
        }
        let directory = Path::new(LAB_DIRECTORY).join(name);
        let mut options = tenfold_lab::LabOptions::new(program, &directory);
        options.spares = SPARE_DIRECTORIES;
        options.command = command.to_owned();
        options.listens = true;
        options.store_url = arguments.store.url.clone();
        options.policy = policy::for_stage(stage, arguments.stage.policy.as_deref())?;
        if stage.scales || !arguments.stage.boxes.is_empty() {
            options.allowances = Allowances::new(arguments.stage.boxes.clone());
        }
        options.counts = arguments.stage.counts.clone();
        options.with = arguments.stage.with.clone();
        options.tuned = arguments.stage.tuned;
        if arguments.stage.allow_delays {
            options.arguments.push("--allow-delays".into());
        }
        options.data_set = Some(arguments.data_set.options());
        print::note(&format!(
            "starting the reference service at stage {}",
            stage.name
        ));
        let mut lines = StartLines::new();
        let mut watch = Watch {
            is_over: &|| *interrupt.borrow(),
            on_status: &mut |status| lines.show(status),
        };
        let lab = tenfold_lab::up_watched(stage, &options, &mut watch)?;
        drop(lines);
        if lab.directory() != directory {
            print::note(&format!(
                "note: another lab is up in {}, so this one is in {}",
                directory.display(),
                lab.directory().display()
            ));
        }
        if let Some(reason) = lab.unconfined_because() {
            print::note(&format!("note: boxes have no limits: {reason}"));
        }
        let address = lab.address().context("the stage has no box that listens")?;
        let dial = DialOptions {
            tls: TlsOptions {
                ca: lab.ca().map(Path::to_owned),
                ..dial.tls
            },
            ..dial
        };
        let endpoint = host_guard::clear_loopback(address, lab.admin_address(), dial)?;
        Ok(Self {
            endpoint: Endpoint {
                pid: lab.service().and_then(LabBox::pid),
                ..endpoint
            },
            lab: Some(lab),
            command: None,
        })
    }

    /// Flags that fix the number of boxes of all groups of the stage: `--count app=2`. `None` if no group can scale.
    pub(crate) fn pins(&self) -> Option<String> {
        let lab = self.lab.as_ref()?;
        let pin = |group: String| {
            let boxes = lab.boxes().iter();
            let count = boxes.filter(|own| own.role() == group).count();
            format!("--count {group}={count}")
        };
        let pins: Vec<String> = lab.scaled_groups().into_iter().map(pin).collect();
        (!pins.is_empty()).then(|| pins.join(" "))
    }

    /// Does `work` while `tenfold lab status` can show the lab.
    pub(crate) fn answering<T>(&self, work: impl FnOnce() -> T) -> T {
        let Some(lab) = &self.lab else {
            return work();
        };
        std::thread::scope(|scope| {
            let (running, ended) = mpsc::channel::<()>();
            scope.spawn(move || {
                lab.answer(&|| ended.try_recv() == Err(TryRecvError::Disconnected));
            });
            let done = work();
            // A panic drops it as well.
            drop(running);
            done
        })
    }
}
