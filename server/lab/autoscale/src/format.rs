//! The formats in which a policy is written.

mod aws;
mod behavior;
mod keda;
mod kubernetes;
mod node;
mod prometheus;
mod series;

use std::fmt;
use std::str::FromStr;

use self::node::Node;
use crate::Policy;

/// A format in which a policy is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Recording rules of Prometheus, as YAML.
    Prometheus,
    /// A `HorizontalPodAutoscaler` (autoscaling/v2) for each group, as YAML.
    Kubernetes,
    /// A `ScaledObject` (keda.sh/v1alpha1) for each group, as YAML.
    Keda,
    /// Requests to AWS Application Auto Scaling by operation, as JSON.
    Aws,
}

/// A policy in a format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// The text.
    pub text: String,
    /// Parts of the policy that the format can't express, and what it needs to work.
    pub notes: Vec<String>,
}

impl Format {
    /// All formats.
    pub const ALL: [Self; 4] = [Self::Prometheus, Self::Kubernetes, Self::Keda, Self::Aws];

    /// Writes a policy.
    pub fn write(self, policy: &Policy) -> Written {
        let mut notes = Vec::new();
        let documents = match self {
            Self::Prometheus => vec![prometheus::rules(policy)],
            Self::Kubernetes => kubernetes::manifests(policy, &mut notes),
            Self::Keda => keda::manifests(policy, &mut notes),
            Self::Aws => vec![aws::requests(policy, &mut notes)],
        };
        let text = match self {
            Self::Aws => documents.iter().map(Node::json).collect(),
            _ => documents
                .iter()
                .map(Node::yaml)
                .collect::<Vec<_>>()
                .join("---\n"),
        };
        Written { text, notes }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Prometheus => "prometheus",
            Self::Kubernetes => "kubernetes",
            Self::Keda => "keda",
            Self::Aws => "aws",
        })
    }
}

impl FromStr for Format {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|format| format.to_string() == text)
            .ok_or_else(|| {
                format!("there is no format `{text}`; write prometheus, kubernetes, keda or aws")
            })
    }
}
