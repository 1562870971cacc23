//! The command line.

use clap::{Parser, Subcommand};

use crate::agents::arguments::{AgentsArguments, SimulatedAgentsArguments};
use crate::autoscale::arguments::AutoscaleArguments;
use crate::caches::arguments::CachesArguments;
use crate::findings::arguments::FindingsArguments;
use crate::gate::arguments::{GateArguments, PlantedArguments};
use crate::generator::arguments::GeneratorArguments;
use crate::generators::arguments::GeneratorsArguments;
use crate::hops::arguments::HopsArguments;
use crate::knee::arguments::{KneeArguments, PermitsArguments};
use crate::months::arguments::MonthsArguments;
use crate::nosql::arguments::NosqlArguments;
use crate::overload::arguments::OverloadArguments;
use crate::pages::PageArguments;
use crate::plan::arguments::PlanArguments;
use crate::stages::arguments::StagesArguments;

/// Compare the generator with its peers, measure a gate's error rates, find each stage's capacity
#[derive(Debug, Parser)]
#[command(name = "scripts/bench", max_term_width = 100)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// A benchmark, or one of its helper processes.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Compare cost, lag, memory and scaling with those of the peers, against the same servers
    Generator(GeneratorArguments),
    /// Compare the rate and the cost of one, two and four generators, each confined to an equal part of a CPU
    Generators(GeneratorsArguments),
    /// Measure how often a gate fails an unchanged build, and how often it finds a planted slowdown
    Gate(GateArguments),
    /// Find the rate that each stage of the reference service sustains in boxes of one size
    Stages(StagesArguments),
    /// Plant one bottleneck at a time in services, and count how often the diagnosis names it
    Findings(FindingsArguments),
    /// Search for the knee of services of known capacity, and count how often the answer holds it
    Knee(KneeArguments),
    /// Compare simulated knees and response times with measured ones
    Plan(PlanArguments),
    /// Compare scaling policies under the same loads: what they cost, and what users saw
    Autoscale(AutoscaleArguments),
    /// Ask SQL and other kinds of stores the same questions, with the same data and as much CPU
    Nosql(NosqlArguments),
    /// Compare the service in parts that call each other with the whole service: what a hop costs
    Hops(HopsArguments),
    /// Count the reads of returning browsers that end at each level, from their own caches to the database, and what a level saves
    Caches(CachesArguments),
    /// Upload photos at twice the rate that a worker sustains, with a bounded queue and without a bound
    Overload(OverloadArguments),
    /// Compare the table of the posts with one in partitions by month
    Months(MonthsArguments),
    /// Measure what runs of 10, 100 and 1,000 agents cost the controller
    Agents(AgentsArguments),
    /// Write pages anew from their figures, such as after a change of wording
    Page(PageArguments),
    /// Serve each request for a fixed time, with a number of them at a time, until killed
    #[command(hide = true)]
    Permits(PermitsArguments),
    /// Act as a number of agents that share one generator, until standard input closes
    #[command(hide = true)]
    SimulatedAgents(SimulatedAgentsArguments),
    /// Serve 1 KB for every path until standard input closes
    #[command(hide = true)]
    BareHandler,
    /// Answer every gRPC call with 1 KB until standard input closes
    #[command(hide = true)]
    BareGrpc,
    /// Answer every WebSocket message with 1 KB until standard input closes
    #[command(hide = true)]
    BareChat,
    /// Serve small responses that cost a given amount of CPU and a given wait, until killed
    #[command(hide = true)]
    Planted(PlantedArguments),
}

/// Reads a positive number.
pub(crate) fn positive(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(number) if number > 0.0 && number.is_finite() => Ok(number),
        _ => Err("it must be a number above 0".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn command_line_is_valid() {
        Cli::command().debug_assert();
    }
}
