//! Components that can be delayed.

/// A component that can be delayed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Component {
    /// The processors: a delay spends CPU time in each request.
    Cpu,
    /// Serialisation of responses.
    Serialize,
    /// Reads of single records of the store, from the primary.
    StorePoint,
    /// Reads of lists of the store, from the primary.
    StoreList,
    /// Writes to the store.
    StoreWrite,
    /// Reads of single records of replicas.
    ReplicaPoint,
    /// Reads of lists of replicas.
    ReplicaList,
    /// The cache that processes share.
    Cache,
    /// Users' files, and static assets if they are stored there.
    Files,
}

/// Effect of a delay.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    /// The call uses more CPU time.
    Cpu,
    /// The call waits, and keeps its thread, connection or writer meanwhile.
    Wait,
}

impl Component {
    /// All components, in the order of their discriminants.
    pub(crate) const ALL: [Self; 9] = [
        Self::Cpu,
        Self::Serialize,
        Self::StorePoint,
        Self::StoreList,
        Self::StoreWrite,
        Self::ReplicaPoint,
        Self::ReplicaList,
        Self::Cache,
        Self::Files,
    ];

    /// Returns its name in the protocol.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Serialize => "serialize",
            Self::StorePoint => "store.point",
            Self::StoreList => "store.list",
            Self::StoreWrite => "store.write",
            Self::ReplicaPoint => "replica.point",
            Self::ReplicaList => "replica.list",
            Self::Cache => "cache",
            Self::Files => "files",
        }
    }

    /// Returns the component of a name.
    pub(crate) fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|own| own.name() == name)
    }

    /// Returns the effect of a delay.
    pub(crate) fn kind(self) -> Kind {
        match self {
            Self::Cpu | Self::Serialize => Kind::Cpu,
            _ => Kind::Wait,
        }
    }

    /// Returns the metrics in `Server-Timing` that grow if requests queue for it.
    pub(crate) fn parts(self) -> &'static [&'static str] {
        match self {
            Self::Cpu => &["cpu", "sched"],
            Self::Serialize => &["serialize"],
            Self::StorePoint | Self::StoreList | Self::ReplicaPoint | Self::ReplicaList => {
                &["pool", "sql", "lock"]
            }
            Self::StoreWrite => &["queue", "commit", "pool", "sql"],
            Self::Cache => &["cache", "lock"],
            Self::Files => &["files"],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn discriminants_are_indices_and_names_are_unique() {
        for (index, component) in Component::ALL.into_iter().enumerate() {
            assert_eq!(component as usize, index);
            assert_eq!(Component::of_name(component.name()), Some(component));
        }
        assert_eq!(Component::of_name("nothing"), None);
    }
}
