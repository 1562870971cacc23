//! The stages of the reference service, and what each adds to the previous one.

use crate::LabError;
use crate::network::site::Site;
use crate::options::LabOptions;
use crate::stage::stage_plan::StagePlan;

mod autoscaled;
mod balanced;
mod cached;
mod cdn;
mod partitioned;
mod parts;
mod polyglot;
mod separated;
mod single_box;
pub(crate) mod stage_plan;
mod stores;
mod tiers;
mod watched;

pub use stores::STORES;

/// Plans the boxes of a stage.
pub(crate) type Plan = fn(&LabOptions, &mut Site) -> Result<StagePlan, LabError>;

/// A scaling stage of the reference service.
#[derive(Debug, Clone, Copy)]
pub struct Stage {
    /// Name on the command line.
    pub name: &'static str,
    /// Description in one sentence.
    pub description: &'static str,
    /// Number of users it is meant for.
    pub users: &'static str,
    /// Components that it adds to the previous stage.
    pub adds: &'static [&'static str],
    /// Cargo features that the program must be compiled with.
    pub features: &'static [&'static str],
    /// Roles of its boxes.
    pub roles: &'static [&'static str],
    /// Roles that can have several boxes.
    pub countable: &'static [&'static str],
    /// Roles whose boxes are there only if they are asked for.
    pub optional: &'static [&'static str],
    /// True if the number of its boxes follows the load. That needs boxes with a size.
    pub scales: bool,
    pub(crate) plan: Plan,
}

/// All stages, in order. Each removes the bottleneck of the previous one.
pub const STAGES: &[Stage] = &[
    Stage {
        name: "single-box",
        description: "everything on one box, which can be made bigger",
        users: "1-2",
        adds: &["one web server, one SQL database and the files, on one box"],
        features: &["stage-single-box"],
        roles: single_box::ROLES,
        countable: &[],
        optional: &[],
        scales: false,
        plan: single_box::plan,
    },
    Stage {
        name: "separated",
        description: "data and files on boxes of their own, in a private network",
        users: "Users+",
        adds: &[
            "object store for static content and user files",
            "SQL database on its own box",
            "TLS in transit, encryption at rest",
            "a private network",
        ],
        features: &["stage-separated"],
        roles: separated::ROLES,
        countable: &[],
        optional: &[],
        scales: false,
        plan: separated::plan,
    },
    Stage {
        name: "balanced",
        description: "several web servers in two zones, and a database that survives one",
        users: "Users++",
        adds: &[
            "load balancer",
            "several web servers in two zones",
            "web tier apart from application tier",
            "SQL primary with standby and failover",
            "edge cache for static content",
        ],
        features: &["stage-balanced"],
        roles: balanced::ROLES,
        countable: tiers::COUNTABLE,
        optional: &[],
        scales: false,
        plan: balanced::plan,
    },
    Stage {
        name: "cached",
        description: "frequent reads are served from memory",
        users: "Users+++",
        adds: &[
            "memory cache for hot content and for sessions",
            "SQL read replicas",
            "reads split from writes",
        ],
        features: &["stage-cached"],
        roles: cached::ROLES,
        countable: tiers::COUNTABLE,
        optional: &[],
        scales: false,
        plan: cached::plan,
    },
    Stage {
        name: "autoscaled",
        description: "capacity follows the load",
        users: "Users++++",
        adds: &[
            "web and application servers added and removed by metric or by time of day",
            "load balancer in front of the application servers",
            "metrics and scaling rules in Prometheus",
            "alerts, a log of incidents, and a look from outside",
        ],
        features: &["stage-autoscaled"],
        roles: autoscaled::ROLES,
        countable: tiers::COUNTABLE,
        optional: &[],
        scales: true,
        plan: autoscaled::plan,
    },
    Stage {
        name: "partitioned",
        description: "data split across databases",
        users: "Users+++++",
        adds: &[
            "a database for users and follows, apart from the posts (federation)",
            "posts split by author over several databases (sharding)",
            "buckets of authors moved between databases while the service runs",
            "photos made by workers, from a queue that is bounded",
        ],
        features: &["stage-partitioned"],
        roles: partitioned::ROLES,
        countable: partitioned::COUNTABLE,
        optional: partitioned::OPTIONAL,
        scales: false,
        plan: partitioned::plan,
    },
];

/// Finds a stage by name.
///
/// # Errors
/// Returns an error that suggests the nearest name if no stage has this one.
pub fn find(name: &str) -> Result<&'static Stage, LabError> {
    let asked = name.trim().to_ascii_lowercase().replace(['_', ' '], "-");
    if let Some(stage) = STAGES.iter().find(|stage| stage.name == asked) {
        return Ok(stage);
    }
    let nearest = STAGES
        .iter()
        .map(|stage| (strsim::jaro_winkler(stage.name, &asked), stage.name))
        .max_by(|a, b| a.0.total_cmp(&b.0));
    let advice = match nearest {
        // A lower similarity is a coincidence: "box" would match "balanced".
        Some((similarity, nearest)) if similarity >= 0.75 => format!("did you mean `{nearest}`?"),
        _ => format!("the stages are {}", names()),
    };
    Err(LabError::UnknownStage {
        name: name.to_owned(),
        advice,
    })
}

fn names() -> String {
    let names: Vec<_> = STAGES.iter().map(|stage| stage.name).collect();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_every_stage_by_name() {
        for stage in STAGES {
            assert_eq!(find(stage.name).unwrap().name, stage.name);
        }
        assert_eq!(find(" Single_Box ").unwrap().name, "single-box");
    }

    #[test]
    fn suggests_nearest_stage() {
        let error = find("single").unwrap_err().to_string();
        assert!(error.contains("did you mean `single-box`"), "{error}");
        let error = find("zzz").unwrap_err().to_string();
        assert!(error.contains("single-box, separated, balanced"), "{error}");
        assert!(find("").is_err());
    }

    #[test]
    fn every_program_belongs_to_a_stage() {
        for program in crate::PROGRAMS {
            assert!(find(program.since).is_ok(), "{}", program.name);
        }
    }
}
