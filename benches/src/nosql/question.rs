//! The questions: one for each kind of store.

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

/// A question that SQL and another kind of store can answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Question {
    /// Sessions and counters: Redis cluster
    KeyValue,
    /// Feeds: Cassandra
    WideColumn,
    /// A post with author, photo and thread as one read: ArcadeDB
    Document,
    /// Whom to follow: ArcadeDB
    Graph,
}

impl Question {
    /// Returns the title of its section.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::KeyValue => "Key-value: sessions and counters",
            Self::WideColumn => "Wide column: feeds",
            Self::Document => "Document: a post with author, photo and thread",
            Self::Graph => "Graph: whom to follow",
        }
    }

    /// Returns the name of the other store.
    pub(crate) fn store(self) -> &'static str {
        match self {
            Self::KeyValue => "Redis cluster",
            Self::WideColumn => "Cassandra",
            Self::Document | Self::Graph => "ArcadeDB",
        }
    }

    /// Returns the role of the boxes of the other store.
    #[cfg_attr(
        not(feature = "nosql"),
        expect(dead_code, reason = "only the measurement starts boxes")
    )]
    pub(crate) fn role(self) -> &'static str {
        match self {
            Self::KeyValue => "redis-cluster",
            Self::WideColumn => "cassandra",
            Self::Document | Self::Graph => "arcadedb",
        }
    }

    /// Returns the number of boxes of the other store. The one box of SQL has as much CPU as all of them.
    #[cfg_attr(
        not(feature = "nosql"),
        expect(dead_code, reason = "only the measurement starts boxes")
    )]
    pub(crate) fn boxes(self) -> u32 {
        match self {
            Self::KeyValue => 3,
            _ => 1,
        }
    }

    /// Describes the consistency that the other store gives up.
    pub(crate) fn given_up(self) -> &'static str {
        match self {
            Self::KeyValue => {
                "Redis syncs its log once a second: a power failure can lose the last second of acknowledged writes; a crash of the process loses \
                 none. No transaction spans two servers. An addition whose answer is lost may count twice, since the driver sends it again. All \
                 data must fit into memory. MariaDB syncs before it acknowledges."
            }
            Self::WideColumn => {
                "Cassandra syncs its log before it acknowledges, as MariaDB does (its default is later). A post reaches some feeds before others, and after a failure only some, until \
                 it is pushed again; MariaDB writes to all feeds of a call or to none. With several replicas, a reader at less than a quorum may \
                 miss the newest posts."
            }
            Self::Document => {
                "A handle is copied into each document: a new name arrives document by document, and readers see both for that time. ArcadeDB commits \
                 to its log without a sync: a power failure can lose acknowledged writes; a crash of the process loses none. A reply rewrites the \
                 whole document."
            }
            Self::Graph => {
                "No foreign key ties a person to a user: what deletes a user must delete the person too. ArcadeDB commits to its log without a sync, \
                 as above."
            }
        }
    }
}
