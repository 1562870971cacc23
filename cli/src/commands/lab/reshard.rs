//! `tenfold lab reshard`: spread the posts of a running stage over its shards.

use tenfold_lab::Resharding;

use crate::arguments::lab::ReshardArguments;
use crate::exit::Exit;
use crate::output::print;

/// Moves posts between shards, and shows where they are.
pub(crate) fn reshard(arguments: &ReshardArguments) -> anyhow::Result<Exit> {
    let directory = &arguments.directory.dir;
    let mut shown = None;
    let goal = match &arguments.away_from {
        Some(shard) => Resharding::AwayFrom(shard.clone()),
        None => Resharding::Even(arguments.shards.clone()),
    };
    let shards = tenfold_lab::reshard(directory, &goal, &mut |now| {
        if now.moves > 0 && shown != Some(now.moves) {
            print::note(&format!("{} moves are not complete", now.moves));
            shown = Some(now.moves);
        }
    })?;
    match arguments.json {
        true => print::json(&shards)?,
        false => print::out(&shards.to_string())?,
    }
    Ok(Exit::Met)
}
