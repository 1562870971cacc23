//! `tenfold lab queue`: show the queue of a lab and its dead letters, and send them again.

use std::fmt::Write as _;

use tenfold_lab::LabStatus;
use tenfold_probe::{AdminListener, JobDesk, ProbeError, QueueStatus};

use super::status;
use crate::arguments::lab::QueueArguments;
use crate::exit::{Exit, QueueUnreachable, UsageError};
use crate::output::print;

/// Longest reason of a dead letter that is shown in a line, in characters.
const REASON_CHARS_MAX: usize = 100;

/// Shows the queue, or sends dead letters again.
pub(crate) fn queue(arguments: &QueueArguments) -> anyhow::Result<Exit> {
    let (desk, shown) = match &arguments.admin {
        Some(url) => {
            let desk = JobDesk::new(&AdminListener::from(url.as_str()));
            let shown = desk.show().map_err(QueueUnreachable)?;
            (desk, shown)
        }
        None => of_lab(&status(&arguments.directory.dir)?)?,
    };
    if let Some(id) = &arguments.retry {
        let retried = desk.retry(id).map_err(QueueUnreachable)?;
        match retried.is_empty() {
            true => print::note("there are no dead letters"),
            false => print::note(&format!("{}: sent again", retried.join(", "))),
        }
        return Ok(Exit::Met);
    }
    match arguments.json {
        true => print::json(&shown)?,
        false => print::out(&text(&shown))?,
    }
    Ok(Exit::Met)
}

/// Finds a box of a lab that has a queue: any process that uses it shows the same one.
fn of_lab(status: &LabStatus) -> anyhow::Result<(JobDesk, QueueStatus)> {
    let mut failed: Option<ProbeError> = None;
    for own in &status.boxes {
        let (true, Some(admin)) = (
            ["worker", "app", "web"].contains(&own.role.as_str()),
            own.admin,
        ) else {
            continue;
        };
        let desk = JobDesk::new(&AdminListener::from(format!("http://{admin}").as_str()));
        match desk.show() {
            Ok(shown) => return Ok((desk, shown)),
            Err(ProbeError::Status { status: 404, .. }) => {}
            Err(error) => failed = Some(error),
        }
    }
    match failed {
        Some(error) => Err(QueueUnreachable(error).into()),
        None => Err(UsageError(format!("stage `{}` has no queue", status.stage)).into()),
    }
}

/// Describes a queue and its dead letters.
fn text(queue: &QueueStatus) -> String {
    let bound = match queue.jobs_max {
        Some(max) => format!("of at most {max}"),
        None => "without bound".to_owned(),
    };
    let mut text = format!(
        "{} jobs {bound}, {} of them with a worker or pausing\n{} dead letters\n",
        queue.jobs, queue.leased, queue.dead
    );
    for letter in &queue.dead_letters {
        let reason: String = letter.reason.chars().take(REASON_CHARS_MAX).collect();
        let _ = writeln!(
            text,
            "  {}  {} attempts  {reason}",
            letter.id, letter.attempts
        );
    }
    let shown = u64::try_from(queue.dead_letters.len()).unwrap_or(u64::MAX);
    if queue.dead > shown {
        let _ = writeln!(text, "  and {} later ones", queue.dead - shown);
    }
    if shown > 0 {
        text.push_str("send one again with --retry ID, or these with --retry all\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use tenfold_probe::DeadLetter;

    use super::*;

    #[test]
    fn describes_queue_and_dead_letters() {
        let letter = DeadLetter {
            id: "7-00ff".to_owned(),
            attempts: 10,
            reason: "disk full".to_owned(),
            buried_at: 0,
            content: "{}".to_owned(),
        };
        let mut queue = QueueStatus {
            jobs: 12,
            jobs_max: Some(1_000),
            leased: 2,
            dead: 3,
            dead_letters: vec![letter],
        };
        assert_eq!(
            text(&queue),
            "12 jobs of at most 1000, 2 of them with a worker or pausing\n3 dead letters\n  \
             7-00ff  10 attempts  disk full\n  and 2 later ones\n\
             send one again with --retry ID, or these with --retry all\n"
        );
        queue.jobs_max = None;
        (queue.dead, queue.dead_letters) = (0, Vec::new());
        assert_eq!(
            text(&queue),
            "12 jobs without bound, 2 of them with a worker or pausing\n0 dead letters\n"
        );
    }
}
