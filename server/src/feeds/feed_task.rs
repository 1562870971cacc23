//! Jobs of written feeds.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::model::{PostId, Timestamp, UserId};
use crate::queue::JobId;
use crate::store::NotedPost;

/// Version of the format. Workers of another version leave the job for those that know it.
const VERSION: u32 = 1;

/// Job of written feeds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FeedTask {
    version: u32,
    pub(crate) kind: TaskKind,
}

/// What a job does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) enum TaskKind {
    /// Writes a post to the feeds of its author's followers.
    Spread {
        post: PostId,
        author: UserId,
        created_at: Timestamp,
    },
    /// Writes a feed that had this version when it was read.
    Write { user: UserId, version: i64 },
    /// Checks the next users, after these.
    Check {
        started_at: Timestamp,
        after: UserId,
    },
}

impl From<TaskKind> for FeedTask {
    fn from(kind: TaskKind) -> Self {
        Self {
            version: VERSION,
            kind,
        }
    }
}

impl From<NotedPost> for TaskKind {
    fn from(note: NotedPost) -> Self {
        Self::Spread {
            post: note.post,
            author: note.author,
            created_at: note.created_at,
        }
    }
}

impl FeedTask {
    /// Returns the identifier, which no other job has. `None` never happens.
    pub(crate) fn id(&self) -> Option<JobId> {
        JobId::new(match self.kind {
            TaskKind::Spread { post, .. } => format!("spread-{post}"),
            TaskKind::Write { user, version } => format!("write-{user}-{version}"),
            TaskKind::Check { started_at, after } => format!("check-{}-{after}", started_at.0),
        })
    }

    /// Returns the content of the job. `None` never happens.
    pub(crate) fn to_bytes(self) -> Option<Bytes> {
        serde_json::to_vec(&self).ok().map(Bytes::from)
    }

    /// Parses a job.
    ///
    /// # Errors
    /// The reason why it is no job of feeds.
    pub(crate) fn parse(id: &JobId, payload: &[u8]) -> Result<Self, String> {
        let task: Self = serde_json::from_slice(payload)
            .map_err(|error| format!("the content is no job of feeds: {error}"))?;
        if task.version != VERSION {
            return Err(format!("the job has the unknown version {}", task.version));
        }
        if task.id().as_ref() != Some(id) {
            return Err("the job has the identifier of another one".to_owned());
        }
        Ok(task)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn tasks() -> [FeedTask; 3] {
        [
            TaskKind::Spread {
                post: PostId(7),
                author: UserId(3),
                created_at: Timestamp(9),
            },
            TaskKind::Write {
                user: UserId(3),
                version: 7,
            },
            TaskKind::Check {
                started_at: Timestamp(9),
                after: UserId(0),
            },
        ]
        .map(FeedTask::from)
    }

    #[test]
    fn jobs_are_read_as_written() {
        for task in tasks() {
            let (id, bytes) = (task.id().unwrap(), task.to_bytes().unwrap());
            assert_eq!(FeedTask::parse(&id, &bytes), Ok(task));
        }
    }

    #[test]
    fn rejects_other_content() {
        let [spread, write, _] = tasks();
        let id = spread.id().unwrap();
        let text = String::from_utf8(spread.to_bytes().unwrap().to_vec()).unwrap();
        for (id, text) in [
            (&id, String::new()),
            (&id, "{}".to_owned()),
            (&write.id().unwrap(), text.clone()),
            (&id, text.replace("\"version\":1", "\"version\":2")),
            (&id, text.replace("\"post\":7", "\"post\":8")),
            (&id, text.replace("\"post\":7", "\"post\":7,\"more\":1")),
        ] {
            let parsed = FeedTask::parse(id, text.as_bytes());
            assert!(parsed.is_err(), "{id} {text}");
        }
    }

    proptest! {
        #[test]
        fn every_job_has_an_identifier(user in any::<i64>(), version in any::<i64>(), at in any::<i64>()) {
            for kind in [
                TaskKind::Spread { post: PostId(user), author: UserId(at), created_at: Timestamp(at) },
                TaskKind::Write { user: UserId(user), version },
                TaskKind::Check { started_at: Timestamp(at), after: UserId(user) },
            ] {
                let task = FeedTask::from(kind);
                let id = task.id().unwrap();
                prop_assert_eq!(FeedTask::parse(&id, &task.to_bytes().unwrap()), Ok(task));
            }
        }

        #[test]
        fn parsing_never_panics(id in "[0-9a-z-]{1,30}", payload in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Some(id) = JobId::new(id) {
                prop_assert!(FeedTask::parse(&id, &payload).is_err());
            }
        }
    }
}
