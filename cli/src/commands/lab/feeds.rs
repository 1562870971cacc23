//! `tenfold lab feeds`: show the written feeds of a lab, and check them.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use tenfold_lab::LabStatus;
use tenfold_probe::{AdminListener, FeedDesk, FeedRepair, FeedStatus, ProbeError};

use super::status;
use crate::arguments::lab::FeedsArguments;
use crate::exit::{Exit, FeedsUnreachable, UsageError};
use crate::output::print;

/// Interval between looks at a check.
const POLL: Duration = Duration::from_millis(200);
/// Time without progress after which nobody works on a check.
const SILENT_MAX: Duration = Duration::from_secs(60);

/// Shows the feeds, or checks and repairs them.
pub(crate) fn feeds(arguments: &FeedsArguments) -> anyhow::Result<Exit> {
    let (desk, mut shown) = match &arguments.admin {
        Some(url) => {
            let desk = FeedDesk::new(&AdminListener::from(url.as_str()));
            let shown = desk.show().map_err(FeedsUnreachable::from)?;
            (desk, shown)
        }
        None => of_lab(&status(&arguments.directory.dir)?)?,
    };
    if arguments.repair {
        shown = checked(&desk)?;
    }
    match arguments.json {
        true => print::json(&shown)?,
        false => print::out(&text(&shown))?,
    }
    Ok(Exit::Met)
}

/// Finds a box of a lab that writes feeds: they all use the same.
fn of_lab(status: &LabStatus) -> anyhow::Result<(FeedDesk, FeedStatus)> {
    let mut failed: Option<ProbeError> = None;
    for own in &status.boxes {
        let (true, Some(admin)) = (
            ["worker", "app", "web"].contains(&own.role.as_str()),
            own.admin,
        ) else {
            continue;
        };
        let desk = FeedDesk::new(&AdminListener::from(format!("http://{admin}").as_str()));
        match desk.show() {
            Ok(shown) => return Ok((desk, shown)),
            Err(ProbeError::Status { status: 404, .. }) => {}
            Err(error) => failed = Some(error),
        }
    }
    match failed {
        Some(error) => Err(FeedsUnreachable::from(error).into()),
        None => Err(UsageError(
            "feeds are not written; start the lab with TENFOLD_FEEDS=write or hybrid".to_owned(),
        )
        .into()),
    }
}

/// Checks feeds and counters, and waits for the end.
fn checked(desk: &FeedDesk) -> anyhow::Result<FeedStatus> {
    let begun = desk.check().map_err(FeedsUnreachable::from)?;
    let mut last = (begun.checked_to, Instant::now());
    loop {
        let shown = desk.show().map_err(FeedsUnreachable::from)?;
        // A later check does the same.
        let Some(repair) = shown
            .repair
            .as_ref()
            .filter(|own| own.started_at >= begun.started_at)
        else {
            std::thread::sleep(POLL);
            continue;
        };
        if repair.ended_at.is_some() {
            return Ok(shown);
        }
        if repair.checked_to != last.0 {
            last = (repair.checked_to, Instant::now());
            print::note(&format!("{} users checked", repair.users));
        }
        if last.1.elapsed() > SILENT_MAX {
            return Err(FeedsUnreachable::Silent(SILENT_MAX).into());
        }
        std::thread::sleep(POLL);
    }
}

/// Describes the feeds.
fn text(feeds: &FeedStatus) -> String {
    let number = |count: Option<u64>| count.map_or("unknown".to_owned(), |own| own.to_string());
    let mut text = format!(
        "feeds are written in mode {}\n{} jobs of feeds in the queue, {} dead letters\n",
        feeds.mode,
        number(feeds.jobs),
        number(feeds.dead)
    );
    if let Some(repair) = &feeds.repair {
        text.push_str(&of_repair(repair));
    }
    text
}

fn of_repair(repair: &FeedRepair) -> String {
    let mut text = match repair.ended_at {
        Some(ended) => format!(
            "the last check took {:.1} s",
            (ended - repair.started_at) as f64 / 1_000.0
        ),
        None => "a check is running".to_owned(),
    };
    let _ = writeln!(
        text,
        ": {} users; {} counters were wrong, {} posts were missing in feeds, {} did not belong there",
        repair.users, repair.counters, repair.added, repair.removed
    );
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn describes_feeds_and_their_check() {
        let mut feeds = FeedStatus {
            mode: "hybrid".to_owned(),
            jobs: Some(3),
            dead: None,
            repair: None,
        };
        assert_eq!(
            text(&feeds),
            "feeds are written in mode hybrid\n3 jobs of feeds in the queue, unknown dead letters\n"
        );
        feeds.repair = Some(FeedRepair {
            started_at: 1_000,
            checked_to: 50,
            ended_at: Some(3_500),
            users: 50,
            counters: 1,
            added: 2,
            removed: 3,
        });
        assert!(
            text(&feeds).ends_with(
                "the last check took 2.5 s: 50 users; 1 counters were wrong, 2 posts were missing in feeds, \
                 3 did not belong there\n"
            ),
            "{}",
            text(&feeds)
        );
    }
}
