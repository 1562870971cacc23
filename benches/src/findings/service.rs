//! Services that are started for a diagnosis.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::time::Duration;

use anyhow::{Context as _, bail};
use serde::Deserialize;
use tenfold_probe::{AdminListener, DelaySwitch};

use crate::findings::component::Component;
use crate::findings::planted::{Behind, Planted, Service};
use crate::generator::server::bare_process::Listening;
use crate::workshop::Workshop;
use crate::workshop::child::{Child, Confines};

const PYTHON: &str = include_str!("../../planted/server.py");
const PYTHON_BEHIND: &str = include_str!("../../planted/behind.py");
const NODE: &str = include_str!("../../planted/server.js");
const GO: &str = include_str!("../../planted/server.go");
const JAVA: &str = include_str!("../../planted/Server.java");

/// Time for a service to print its port.
const START: Duration = Duration::from_secs(60);

/// Driver of the services in Python for MariaDB, with its version.
const PYTHON_DRIVER: &str = "pymysql==1.1.1";

/// Time after which a delay ends by itself, and after which it is asked for again.
const DELAY: (Duration, Duration) = (Duration::from_secs(60), Duration::from_secs(15));

/// Data of the reference service, as many as the scenario reads.
const DATA: [&str; 4] = ["--data-users", "500", "--data-posts", "5000"];

/// A service with the components behind it, until it is dropped.
#[derive(Debug)]
pub(super) struct Started {
    /// Its address. `None` if `tenfold profile` starts it.
    pub(super) target: Option<String>,
    /// Addresses of components, as `--component` takes them.
    pub(super) components: Vec<String>,
    /// Limits of the generator.
    pub(super) generator: Confines,
    // Dropped in this order: the service before the components behind it.
    _delay: Option<Delay>,
    children: Vec<Child>,
    behind: Vec<Component>,
}

/// A delay that is asked for again and again, until it is dropped.
#[derive(Debug)]
struct Delay(#[expect(dead_code, reason = "its end ends the delay")] Sender<()>);

/// Addresses of the reference service.
#[derive(Debug, Deserialize)]
struct Ready {
    address: String,
    admin: String,
}

impl Started {
    /// Starts the service of a planted bottleneck, and the components behind it.
    pub(super) fn start(
        planted: &Planted,
        folder: &Path,
        workshop: &Workshop,
    ) -> anyhow::Result<Self> {
        let files = [
            ("server.py", PYTHON),
            ("behind.py", PYTHON_BEHIND),
            ("server.js", NODE),
            ("server.go", GO),
            ("Server.java", JAVA),
        ];
        for (name, text) in files {
            fs::write(folder.join(name), text).context("could not write the service")?;
        }
        let mut started = Self {
            target: None,
            components: Vec::new(),
            generator: Confines::default(),
            _delay: None,
            children: Vec::new(),
            behind: Vec::new(),
        };
        let starting = Starting { folder, workshop };
        let behind = starting.behind(planted.behind, &mut started)?;
        starting.service(planted.service, behind, &mut started)?;
        Ok(started)
    }
}

/// Directory and environment in which services are started.
struct Starting<'a> {
    folder: &'a Path,
    workshop: &'a Workshop,
}

/// Address of the component behind a service, as the service gets it.
enum Known {
    Nothing,
    Port(u16),
    /// Flags of the reference service.
    Flags(Vec<String>),
}

impl Starting<'_> {
    /// Starts the component behind a service.
    fn behind(&self, behind: Behind, started: &mut Started) -> anyhow::Result<Known> {
        let interrupt = self.workshop.interrupt();
        let (component, known) = match behind {
            Behind::Nothing => return Ok(Known::Nothing),
            Behind::Peer(argument) => {
                let (child, port) = self.child("peer", &self.python(argument), None)?;
                started.children.push(child);
                return Ok(Known::Port(port));
            }
            Behind::Database => {
                let database = Component::database(self.folder, interrupt)?;
                started.components.push(database.database_url(""));
                let known = Known::Port(database.port);
                (database, known)
            }
            Behind::UnknownDatabase => {
                let database = Component::database(self.folder, interrupt)?;
                let known = Known::Port(database.port);
                (database, known)
            }
            Behind::HiddenDatabase(connections) => {
                let database = Component::database(self.folder, interrupt)?;
                let parameters = format!("?pool_min=1&pool_max={connections}");
                let store = database.database_url(&parameters);
                (database, Known::Flags(vec!["--store".to_owned(), store]))
            }
            Behind::LateReplica => {
                let primary = Component::database(self.folder, interrupt)?;
                let replica = Component::late_replica(&primary, self.folder, interrupt)?;
                let urls = [&primary, &replica].map(|own| own.database_url(""));
                started.components.extend(urls.clone());
                let [store, read] = urls;
                started.behind.push(primary);
                let flags = ["--store".to_owned(), store, "--replica".to_owned(), read];
                (replica, Known::Flags(flags.to_vec()))
            }
            Behind::Cache(memory) => {
                let cache = Component::cache(memory, self.folder, interrupt)?;
                let url = format!("redis://127.0.0.1:{}", cache.port);
                started.components.push(url);
                let known = Known::Port(cache.port);
                (cache, known)
            }
        };
        started.behind.push(component);
        Ok(known)
    }

    /// Starts a service.
    fn service(
        &self,
        service: Service,
        behind: Known,
        started: &mut Started,
    ) -> anyhow::Result<()> {
        let mut scheme = "http";
        let mut files = None;
        let mut command = match service {
            Service::Python(argument) => {
                if argument == "handshakes" {
                    scheme = "https";
                }
                self.python(argument)
            }
            Service::PythonWithFiles(argument, most) => {
                files = Some(most);
                self.python(argument)
            }
            Service::PythonBehind(argument) => self.python_behind(argument)?,
            Service::Node(argument) => {
                let mut command = self.command("node");
                command.args(["--perf-basic-prof", "server.js", argument]);
                command
            }
            Service::Go(argument) => {
                self.run(
                    self.command("go")
                        .args(["build", "-o", "service", "server.go"]),
                )?;
                let mut command = self.command(self.folder.join("service"));
                command.arg(argument);
                command
            }
            Service::Java(argument, _) => {
                self.run(self.command("javac").arg("Server.java"))?;
                let mut command = self.command("java");
                command
                    .args(service.java_flags())
                    .args(["Server", argument]);
                command
            }
            Service::Unbalanced(argument) => return self.unbalanced(argument, started),
            Service::Reference(_) => return Ok(()),
            Service::Delayed(component, us) => {
                return self.delayed(component, us, &behind, started);
            }
            Service::WeakGenerator => return self.weak_generator(started),
        };
        if let Known::Port(port) = behind {
            command.arg(port.to_string());
        }
        let (child, port) = self.child("service", &command, files)?;
        started.children.push(child);
        started.target = Some(format!("{scheme}://127.0.0.1:{port}"));
        Ok(())
    }

    fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command.current_dir(self.folder);
        command
    }

    fn python(&self, argument: &str) -> Command {
        let mut command = self.command("python3");
        // From 3.12 on, its functions have names in profiles.
        command.args(["-X", "perf", "server.py", argument]);
        command
    }

    /// Returns a service in an environment that has the driver for MariaDB.
    fn python_behind(&self, argument: &str) -> anyhow::Result<Command> {
        let environment = self.workshop.cache().join("findings-python");
        let python = environment.join("bin/python");
        if !environment.join("complete").exists() {
            let mut create = self.command("python3");
            self.run(create.args(["-m", "venv", "--clear"]).arg(&environment))?;
            let mut install = self.command(&python);
            self.run(install.args(["-m", "pip", "install", "--quiet", PYTHON_DRIVER]))?;
            fs::write(environment.join("complete"), "")?;
        }
        let mut command = self.command(python);
        command.args(["-X", "perf", "behind.py", argument]);
        Ok(command)
    }

    /// Runs a command to its end.
    fn run(&self, command: &mut Command) -> anyhow::Result<()> {
        let name = PathBuf::from(command.get_program());
        let name = name.file_name().unwrap_or_default().display().to_string();
        let done = command
            .output()
            .with_context(|| format!("could not run {name}"))?;
        match done.status.success() {
            true => Ok(()),
            false => bail!(
                "{name} failed: {}",
                String::from_utf8_lossy(&done.stderr).trim()
            ),
        }
    }

    /// Starts a process that prints its port.
    fn child(
        &self,
        name: &str,
        command: &Command,
        open_files: Option<u64>,
    ) -> anyhow::Result<(Child, u16)> {
        let confines = Confines {
            open_files,
            ..Confines::default()
        };
        let child = Child::start(name, command, &confines, self.folder)?;
        let port = self.printed(&child, |text| text.trim().parse::<u16>().ok())?;
        Ok((child, port))
    }

    /// Waits until a process has printed something that can be read.
    fn printed<T>(&self, child: &Child, read: impl Fn(&str) -> Option<T>) -> anyhow::Result<T> {
        let printed = || read(&child.output());
        let interrupt = self.workshop.interrupt();
        interrupt.wait(START, || printed().is_some() || child.has_ended())?;
        printed().with_context(|| format!("the service did not start: {}", child.last_words()))
    }

    /// Starts two servers, and a balancer that sends nearly everything to the first.
    fn unbalanced(&self, argument: &str, started: &mut Started) -> anyhow::Result<()> {
        let mut ports = [0; 2];
        for (name, port) in ["web-1", "web-2"].into_iter().zip(&mut ports) {
            let (child, own) = self.child(name, &self.python(argument), None)?;
            started.children.push(child);
            *port = own;
        }
        let interrupt = self.workshop.interrupt();
        let (balancer, statistics) = Component::balancer(ports, self.folder, interrupt)?;
        started.target = Some(format!("http://127.0.0.1:{}", balancer.port));
        let url = format!("haproxy+http://127.0.0.1:{statistics}/");
        started.components.push(url);
        started.behind.push(balancer);
        Ok(())
    }

    /// Starts the reference service, and delays one of its components.
    fn delayed(
        &self,
        component: &'static str,
        us: u64,
        behind: &Known,
        started: &mut Started,
    ) -> anyhow::Result<()> {
        let ready_file = self.folder.join("ready.json");
        let mut command = self.command(self.workshop.tenfold());
        command
            .args(["serve", "--allow-delays", "--stop-with-stdin"])
            .args(["--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"])
            .args(["--data", "reference"])
            .args(DATA)
            .arg("--ready-file")
            .arg(&ready_file);
        if let Known::Flags(flags) = behind {
            command.args(flags);
        }
        let child = Child::start("service", &command, &Confines::default(), self.folder)?;
        let ready = || {
            let text = fs::read(&ready_file).ok()?;
            serde_json::from_slice::<Ready>(&text).ok()
        };
        let interrupt = self.workshop.interrupt();
        interrupt.wait(START, || ready().is_some() || child.has_ended())?;
        let Some(ready) = ready() else {
            bail!("the service did not start: {}", child.last_words());
        };
        let listener = AdminListener::from(format!("http://{}", ready.admin).as_str());
        started._delay = Some(Delay::start(&listener, component, us)?);
        started.children.push(child);
        started.target = Some(format!("http://{}", ready.address));
        Ok(())
    }

    /// Starts a fast server, and two busy loops on the processor of the generator.
    fn weak_generator(&self, started: &mut Started) -> anyhow::Result<()> {
        let first = Confines {
            processor: Some(0),
            open_files: None,
        };
        let second = Confines {
            processor: Some(1),
            open_files: None,
        };
        let own = std::env::current_exe().context("could not find the path of this program")?;
        let mut server = self.command(own);
        server.arg("bare-handler");
        let server = Child::start("service", &server, &second, self.folder)?;
        let listening =
            self.printed(&server, |text| serde_json::from_str::<Listening>(text).ok())?;
        started.children.push(server);
        for name in ["busy-1", "busy-2"] {
            let mut busy = self.command("sh");
            busy.args(["-c", "while :; do :; done"]);
            let busy = Child::start(name, &busy, &first, self.folder)?;
            started.children.push(busy);
        }
        started.target = Some(format!("http://{}", listening.address));
        started.generator = first;
        Ok(())
    }
}

impl Delay {
    /// Delays each call of a component for so many microseconds.
    fn start(listener: &AdminListener, component: &'static str, us: u64) -> anyhow::Result<Self> {
        let switch = DelaySwitch::new(listener);
        let (lasts, again) = DELAY;
        let ask = move || switch.delay(component, Duration::from_micros(us), lasts);
        ask()?;
        let (stop, stopped) = mpsc::channel();
        std::thread::spawn(move || {
            while stopped.recv_timeout(again) == Err(RecvTimeoutError::Timeout) {
                // An overloaded service may answer too late; there is time for more attempts.
                let _ = ask();
            }
        });
        Ok(Self(stop))
    }
}
