//! The command line. Most flags have an environment variable; a flag takes precedence over it.

pub(crate) mod agent;
pub(crate) mod completions;
pub(crate) mod doctor;
pub(crate) mod gate;
pub(crate) mod groups;
pub(crate) mod init;
pub(crate) mod knee;
pub(crate) mod lab;
pub(crate) mod ladder;
pub(crate) mod man;
pub(crate) mod merge;
pub(crate) mod plan;
pub(crate) mod profile;
pub(crate) mod record;
pub(crate) mod report;
pub(crate) mod run;
pub(crate) mod serve;
pub(crate) mod values;

use clap::parser::ValueSource;
use clap::{ArgMatches, CommandFactory, FromArgMatches, Parser, Subcommand};

use agent::{AgentArguments, GeneratorArguments};
use completions::CompletionsArguments;
use doctor::DoctorArguments;
use gate::GateArguments;
use init::InitArguments;
use knee::KneeArguments;
use lab::LabArguments;
use ladder::LadderArguments;
use man::ManArguments;
use merge::MergeArguments;
use plan::PlanArguments;
use profile::ProfileArguments;
use record::RecordArguments;
use report::ReportArguments;
use run::RunArguments;
use serve::ServeArguments;

/// Load-test and profile a service: how far does it scale, what breaks first, and did the fix work?
#[derive(Debug, Parser)]
#[command(
    name = "tenfold",
    version,
    max_term_width = 100,
    subcommand_help_heading = "Commands",
    after_help = "A flag can also be set by the environment variable in its help; the flag takes precedence.\n\
    Durations are written as 500ms, 90s or 1h30m, rates as 500/s or 40k/s."
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

impl Cli {
    /// Reads the command line and the environment.
    ///
    /// A flag overrides an environment variable that contradicts it; two contradicting flags are an error.
    pub(crate) fn read() -> Result<Self, clap::Error> {
        let matches = Self::command().try_get_matches()?;
        let mut cli = Self::from_arg_matches(&matches)?;
        if let Some((_, given)) = matches.subcommand() {
            if let Command::Profile(profile) = &cli.command
                && profile.other.is_some()
                && let Some(flag) = search_flag(given)
            {
                return Err(conflict(&format!(
                    "--{flag} is for a search, but with two run directories `tenfold profile` compares their profiles and sends \
                     nothing; leave it out"
                )));
            }
            if let Command::Knee(knee) = &cli.command
                && let Some(message) = knee.conflict(&flags(given, "knee"))
            {
                return Err(conflict(&message));
            }
            let service = match &mut cli.command {
                Command::Run(run) => Some(&mut run.service),
                Command::Knee(knee) => Some(&mut knee.search.service),
                Command::Profile(profile) => Some(&mut profile.search.service),
                _ => None,
            };
            if let Some(service) = service {
                service
                    .resolve_conflicts(given)
                    .map_err(|message| conflict(&message))?;
            }
        }
        Ok(cli)
    }
}

/// Returns a flag of the command line that only a search uses.
fn search_flag(given: &ArgMatches) -> Option<String> {
    const OF_COMPARISONS: [&str; 4] = ["scenario", "other", "json", "out"];
    let mut given = flags(given, "profile").into_iter();
    given.find(|flag| !OF_COMPARISONS.contains(&flag.as_str()))
}

/// Returns the flags of a subcommand that stand on the command line, without their dashes. An argument without a flag has the name
/// of its field.
fn flags(given: &ArgMatches, subcommand: &str) -> Vec<String> {
    let command = Cli::command();
    let subcommand = command.find_subcommand(subcommand);
    let arguments = subcommand
        .into_iter()
        .flat_map(clap::Command::get_arguments);
    // Groups of flags have ids as well, but are no arguments.
    arguments
        .filter(|own| given.value_source(own.get_id().as_str()) == Some(ValueSource::CommandLine))
        .map(|own| own.get_long().unwrap_or(own.get_id().as_str()).to_owned())
        .collect()
}

fn conflict(message: &str) -> clap::Error {
    Cli::command().error(clap::error::ErrorKind::ArgumentConflict, message)
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Send the traffic of a scenario to a service, and report the results
    Run(Box<RunArguments>),
    /// Write a first scenario for a service
    ///
    /// From a URL: a single request, with rate, phases and objectives explained. From an OpenAPI document, version 3 or 2: a
    /// request for each operation, with values from its examples and schemas. From an access log or a HAR
    /// file: what `tenfold record` writes.
    Init(InitArguments),
    /// Print the JSON Schema of the scenario format, for editors
    ///
    /// An editor with a TOML language server such as Taplo completes and checks scenarios that begin with a
    /// line `#:schema ./scenario.schema.json`. Write the file with
    /// `tenfold schema > scenario.schema.json`.
    Schema,
    /// Turn an access log or a HAR file into a trace to replay, or into a fitted scenario
    Record(RecordArguments),
    /// Render the report of one run, or compare several runs
    Report(ReportArguments),
    /// Merge the runs of several generators into one
    ///
    /// The generators must have sent the same scenario at the same time. The merged run equals that of a
    /// single generator: counts are added, and histograms are added slot by slot. Its measurement is as good
    /// as that of the worst part.
    Merge(MergeArguments),
    /// Send shares of runs that are started on another machine
    ///
    /// Waits at a NATS server for runs with `--agents`, and takes part in one at a time. Each machine runs one agent for each core that
    /// is to send. The limits are the operator's: no run can change them.
    Agent(AgentArguments),
    /// Find the highest rate that a service sustains
    ///
    /// Sends the mix of the scenario at constant rates, in short trials that close in on the knee and longer ones that
    /// confirm it. A rate is sustained if at least 99% of the requests are answered in time, at most 0.1% fail, every
    /// objective is met with its whole confidence interval, and the requests in flight do not pile up.
    Knee(Box<KneeArguments>),
    /// Find the bottleneck of a service
    ///
    /// Searches for the knee, then sends a third of that rate, nine tenths of it, and a quarter more than it, and takes
    /// profiles of the service's processor time and waits. The differences between the three name the bottleneck.
    /// With two run directories, compares their profiles: `tenfold profile runs/before runs/after`.
    Profile(Box<ProfileArguments>),
    /// Climb the stages of the reference service, or the variants of yours, and report the gain of each step
    ///
    /// At each step, finds the knee and the bottleneck, takes the change that the bottleneck asks for (a bigger box, another
    /// one, tuned databases, the next stage), and compares its gain with the prediction. A box and a zone are killed at each
    /// stage, to show what users see. With --steps, the variants are commands of yours.
    Ladder(Box<LadderArguments>),
    /// Work out rates, storage, bandwidth and boxes from users and their traffic
    ///
    /// The back of the envelope, with its arithmetic. With the answer of `tenfold knee` for one box, also the number of boxes.
    Plan(PlanArguments),
    /// Compare two builds of a service under the same load: pass, fail or inconclusive
    ///
    /// Both builds run at the same time and are restarted every few rounds. Each request goes to one build
    /// and its twin to the other, in random order. A build is a command that contains {port}, a git
    /// revision, a directory with sources, or the URL of a running service.
    Gate(Box<GateArguments>),
    /// Run the reference service
    Serve(Box<ServeArguments>),
    /// Run a whole stage of the reference service on this machine, each box with limited CPU and memory
    Lab(LabArguments),
    /// Send a share of a run, as a child of `tenfold run`. Reads its job from standard input
    #[command(hide = true)]
    Generator(GeneratorArguments),
    /// Check this machine: cores, limits, and installed components
    Doctor(DoctorArguments),
    /// Print the completion script of a shell
    ///
    /// Packages of Tenfold install it. Otherwise, for bash:
    /// tenfold completions bash > ~/.local/share/bash-completion/completions/tenfold
    Completions(CompletionsArguments),
    /// Print a manual page, or write the pages of all commands
    ///
    /// Packages of Tenfold install them. Otherwise, read one with: tenfold man run | man -l -
    Man(ManArguments),
}
