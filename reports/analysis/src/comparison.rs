//! What sets several runs apart.

use tenfold_run_dir::Run;

use crate::summarise::summarise;
use crate::summary::Summary;

/// Several runs side by side: their figures, and what was not the same about them.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// What to call each run: the last part of its directory's name.
    pub names: Vec<String>,
    /// What each came to.
    pub summaries: Vec<Summary>,
    /// What was not the same. Where there is much of it, the figures do not answer one question.
    pub differences: Vec<Difference>,
}

/// Something that was not the same in all runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// What.
    pub what: String,
    /// What it was, run by run.
    pub values: Vec<String>,
    /// Whether it makes the runs answer different questions, rather than explain their answers.
    pub different_question: bool,
}

/// Sets runs side by side.
pub fn compare(runs: &[Run]) -> Comparison {
    let name = |run: &Run| {
        run.path.file_name().map_or_else(
            || run.manifest.scenario.clone(),
            |name| name.to_string_lossy().into_owned(),
        )
    };
    Comparison {
        names: runs.iter().map(name).collect(),
        summaries: runs.iter().map(summarise).collect(),
        differences: differences(runs),
    }
}

/// What to call an aspect, whether it makes for a different question, and how to tell it of a run.
type Aspect = (&'static str, bool, fn(&Run) -> String);

fn differences(runs: &[Run]) -> Vec<Difference> {
    let aspects: [Aspect; 14] = [
        ("scenario", true, |run| run.manifest.scenario.clone()),
        ("scenario text", true, |run| {
            fingerprint(&run.manifest.scenario_text)
        }),
        ("command-line changes", true, |run| {
            let changes = run.manifest.overrides.iter();
            changes
                .map(|(flag, value)| format!("{flag} {value}"))
                .collect::<Vec<_>>()
                .join(", ")
        }),
        ("seed", true, |run| run.manifest.seed.to_string()),
        ("model", true, |run| run.manifest.model.clone()),
        ("bound on users", true, |run| run.manifest.users.to_string()),
        ("rules", true, |run| run.manifest.rules.join("; ")),
        ("counted phases", true, |run| {
            let counted = run.manifest.phases.iter().filter(|phase| !phase.warm_up);
            format!(
                "{:.1} s",
                counted.map(|phase| phase.duration_ns).sum::<u64>() as f64 / 1e9
            )
        }),
        ("interrupted", true, |run| {
            run.counts
                .interrupted
                .clone()
                .unwrap_or_else(|| "no".to_owned())
        }),
        ("target", false, |run| run.manifest.target.clone()),
        ("stage", false, |run| {
            run.manifest.stage.clone().unwrap_or_else(|| "–".to_owned())
        }),
        ("tenfold", false, |run| {
            let tool = &run.manifest.tool;
            let revision = tool.git_revision.as_deref().unwrap_or("no revision");
            format!("{} {revision} {}", tool.version, tool.build)
        }),
        ("machine", false, |run| {
            let host = &run.manifest.host;
            format!("{} x {}, {}", host.cores, host.cpu, host.kernel)
        }),
        (
            "generator and service on one machine",
            false,
            |run| match run.manifest.shared_host {
                Some(true) => "yes".to_owned(),
                Some(false) => "no".to_owned(),
                None => "not known".to_owned(),
            },
        ),
    ];
    aspects
        .into_iter()
        .map(|(what, different_question, of)| Difference {
            what: what.to_owned(),
            values: runs.iter().map(of).collect(),
            different_question,
        })
        .filter(|difference| difference.values.windows(2).any(|pair| pair[0] != pair[1]))
        .collect()
}

/// A short name for a text, the same for the same text: FNV-1a over its bytes.
fn fingerprint(text: &str) -> String {
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    format!("{:08x}", hash >> 32)
}
