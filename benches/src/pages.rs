//! Pages of benchmarks, written anew from their figures.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::stages::Load;
use crate::{
    agents, autoscale, caches, findings, gate, generator, generators, hops, knee, months, nosql,
    overload, plan, stages,
};

/// Options of the pages.
#[derive(Debug, Args)]
pub(crate) struct PageArguments {
    /// Benchmarks whose figures are in the directory
    #[arg(required = true, value_name = "BENCHMARKS")]
    pub(crate) benchmarks: Vec<Benchmark>,
    /// Directory of their JSON files, and for the pages
    #[arg(long, default_value = "docs/benchmarks", value_name = "DIR")]
    pub(crate) out: PathBuf,
}

/// A benchmark with a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Benchmark {
    Generator,
    Generators,
    Gate,
    Stages,
    Writes,
    Findings,
    Knee,
    Plan,
    Autoscale,
    Nosql,
    Hops,
    Caches,
    Overload,
    Months,
    Agents,
}

/// Writes the pages.
pub(crate) fn write(arguments: &PageArguments) -> anyhow::Result<()> {
    for benchmark in &arguments.benchmarks {
        match benchmark {
            Benchmark::Generator => generator::write_page(&arguments.out),
            Benchmark::Generators => generators::write_page(&arguments.out),
            Benchmark::Gate => gate::write_page(&arguments.out),
            Benchmark::Stages => stages::write_page(Load::Mix, &arguments.out),
            Benchmark::Writes => stages::write_page(Load::Writes, &arguments.out),
            Benchmark::Findings => findings::write_page(&arguments.out),
            Benchmark::Knee => knee::write_page(&arguments.out),
            Benchmark::Plan => plan::write_page(&arguments.out),
            Benchmark::Autoscale => autoscale::write_page(&arguments.out),
            Benchmark::Nosql => nosql::write_page(&arguments.out),
            Benchmark::Hops => hops::write_page(&arguments.out),
            Benchmark::Caches => caches::write_page(&arguments.out),
            Benchmark::Overload => overload::write_page(&arguments.out),
            Benchmark::Months => months::write_page(&arguments.out),
            Benchmark::Agents => agents::write_page(&arguments.out),
        }?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use clap::ValueEnum as _;

    use super::*;

    #[test]
    fn pages_in_docs_are_those_of_this_version() {
        let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/benchmarks");
        let out = tempfile::tempdir().unwrap();
        for benchmark in Benchmark::value_variants() {
            let name = benchmark.to_possible_value().unwrap();
            let file = |extension: &str| format!("{}.{extension}", name.get_name());
            if !docs.join(file("json")).exists() {
                continue;
            }
            std::fs::copy(docs.join(file("json")), out.path().join(file("json"))).unwrap();
            let arguments = PageArguments {
                benchmarks: vec![*benchmark],
                out: out.path().to_owned(),
            };
            write(&arguments).unwrap();
            let read = |folder: &Path| std::fs::read_to_string(folder.join(file("md"))).unwrap();
            assert!(
                read(out.path()) == read(&docs),
                "run `scripts/bench page {}`",
                name.get_name()
            );
        }
    }
}
