//! A journey in Rust, for logic that exceeds TOML and scripts:
//! `cargo run -p tenfold-loadgen --example shop -- http://127.0.0.1:8080 /tmp/run`.

use std::path::Path;
use std::time::Duration;

use tenfold_loadgen::{
    JourneyResult, Journeys, Options, Recording, Start, Visitor, journey, run_with,
};
use tenfold_run_dir::RunDir;
use tenfold_scenarios::{Scenario, Share};
use tokio::sync::watch;

/// Logs in, reads all pages, and orders the most expensive item.
async fn order(user: &mut Visitor<'_>) -> JourneyResult {
    user.request("log in").await?;
    let mut most_expensive = 0;
    let mut page = "1".to_owned();
    while !page.is_empty() {
        let items = user
            .get(&format!("/items?page={page}"))
            .check("has items", |reply| reply.json("/items/0").is_some())
            .await?;
        for item in 0..2 {
            let id = items.json(&format!("/items/{item}/id"));
            most_expensive = most_expensive.max(id.and_then(|id| id.as_u64()).unwrap_or(0));
        }
        let next = items.json("/next").unwrap_or_default();
        page = next.as_str().unwrap_or_default().to_owned();
        user.think(Duration::from_millis(5)).await?;
    }
    user.request("order")
        .body(format!("{{\"item\":{most_expensive}}}"))
        .await?;
    Ok(())
}

/// Runs the scenario beside this file with the journey above.
///
/// # Errors
/// If the target can't be used, or the run directory can't be written.
pub(crate) fn shop(
    target: &str,
    directory: &Path,
) -> Result<Recording, Box<dyn std::error::Error>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/shop/shop.toml");
    let run_dir = RunDir::create(directory)?;
    let (_sender, interrupt) = watch::channel(false);
    let options = Options {
        scenario: Scenario::read(&path)?,
        share: Share::WHOLE,
        target: target.parse()?,
        candidate: None,
        sessions: tenfold_loadgen::KnownSessions::default(),
        run_dir: &run_dir,
        interrupt,
        feed: None,
        on_ready: Box::new(|| ()),
        start: Start::Soon,
        on_start: Box::new(|_| ()),
        on_progress: Box::new(|_| ()),
    };
    let journeys = Journeys::default().register("order", journey!(order));
    Ok(run_with(options, journeys)?)
}

#[expect(clippy::print_stdout, reason = "an example prints its results")]
#[cfg_attr(test, allow(dead_code, reason = "a test calls `shop` instead"))]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(target), Some(directory)) = (arguments.next(), arguments.next()) else {
        return Err("usage: shop TARGET RUN_DIRECTORY".into());
    };
    let recording = shop(&target, Path::new(&directory))?;
    for journey in &recording.counts.journeys {
        println!(
            "{}: {} of {} completed",
            journey.name, journey.completed, journey.begun
        );
    }
    Ok(())
}
