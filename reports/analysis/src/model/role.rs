//! Part of a box in the path of a request, by the name of its role in a stage.

/// Part of a box in the path of a request, in the order of the path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Divides requests among the boxes behind it.
    Balancer,
    /// Passes requests on to applications, or is the whole service.
    Web,
    /// Computes answers.
    Application,
    /// Holds hot content in memory.
    Cache,
    /// Divides statements among databases.
    SqlBalancer,
    /// Runs statements.
    Sql,
    /// Anything else.
    Other,
}

impl Role {
    /// Returns the part of a role.
    pub(super) fn of(role: &str) -> Self {
        match role {
            "balancer" => Self::Balancer,
            "web" => Self::Web,
            "app" | super::observation::SERVICE => Self::Application,
            "cache" => Self::Cache,
            "sql-balancer" => Self::SqlBalancer,
            role if role.starts_with("sql") => Self::Sql,
            _ => Self::Other,
        }
    }

    /// Returns whether its boxes divide data among them by key when they are many.
    pub(crate) fn is_sharded(self) -> bool {
        matches!(self, Self::Cache | Self::SqlBalancer | Self::Sql)
    }
}
