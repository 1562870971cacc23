//! Finding agents.

use std::collections::BTreeMap;
use std::time::Duration;

use async_nats::Client;
use futures_util::StreamExt as _;
use tenfold_loadgen::Interrupt;
use tenfold_measure::tool;
use tokio::time::{Instant, timeout_at};

use crate::crew::{AgentCrew, CrewOptions};
use crate::message::{FIND, Offer, Search, decode, encode};
use crate::{AgentsError, Broker};

/// Time for the answers to one search.
const ROUND: Duration = Duration::from_millis(500);

/// Rounds without a new agent after which all that fit have answered.
const QUIET_ROUNDS: u32 = 2;

/// The agents that a run wants.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// Number of agents. `None` for all that have the labels.
    pub count: Option<u32>,
    /// Labels that each must have.
    pub labels: BTreeMap<String, String>,
    /// Longest time in which they are looked for.
    pub patience: Duration,
}

/// Finds agents for a run.
///
/// # Errors
/// If the server can't be reached, too few agents offer themselves in time, or `interrupt` becomes true.
pub fn find(
    broker: &Broker,
    wanted: &Wanted,
    options: CrewOptions,
    interrupt: &Interrupt,
) -> Result<AgentCrew, AgentsError> {
    // The log of each agent's record is an open file, and is read for the merge.
    tenfold_probe::limits::raise_open_files();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|source| AgentsError::System {
            action: "start a runtime",
            source,
        })?;
    let mut interrupt = interrupt.clone();
    let (client, offers) = runtime.block_on(async {
        let client = broker.connect("tenfold run").await?;
        tokio::select! {
            offers = search(broker, &client, wanted) => Ok((client.clone(), offers?)),
            _ = interrupt.wait_for(|now| *now) => Err(AgentsError::Interrupted),
        }
    })?;
    Ok(AgentCrew::new(runtime, client, offers, options))
}

async fn search(
    broker: &Broker,
    client: &Client,
    wanted: &Wanted,
) -> Result<Vec<Offer>, AgentsError> {
    let failed = |reason: String| AgentsError::Broker {
        url: broker.plain_url(),
        reason,
    };
    let inbox = client.new_inbox();
    let mut answers = client
        .subscribe(inbox.clone())
        .await
        .map_err(|error| failed(error.to_string()))?;
    let deadline = Instant::now() + wanted.patience;
    let mut offers: BTreeMap<String, Offer> = BTreeMap::new();
    let mut quiet = 0;
    loop {
        let search = encode(&Search { tool: tool() }, &[]);
        client
            .publish_with_reply(FIND, inbox.clone(), search)
            .await
            .map_err(|error| failed(error.to_string()))?;
        let until = Instant::now() + ROUND;
        let known = offers.len();
        while let Ok(Some(message)) = timeout_at(until, answers.next()).await {
            if let Some((offer, _)) = decode::<Offer>(&message.payload) {
                offers.insert(offer.id.clone(), offer);
            }
            let (fit, _) = chosen(offers.values(), wanted, &tool());
            if wanted
                .count
                .is_some_and(|count| fit.len() >= count as usize)
            {
                return Ok(fit);
            }
        }
        quiet = match offers.len() == known {
            true => quiet + 1,
            false => 0,
        };
        let (fit, others) = chosen(offers.values(), wanted, &tool());
        if wanted.count.is_none() && !fit.is_empty() && quiet >= QUIET_ROUNDS {
            return Ok(fit);
        }
        if Instant::now() >= deadline {
            return Err(AgentsError::TooFew {
                found: fit.len(),
                wanted: wanted.count.unwrap_or(1),
                url: broker.plain_url(),
                others: match others.is_empty() {
                    true => String::new(),
                    false => format!(" ({})", others.join("; ")),
                },
            });
        }
    }
}

/// Chooses agents, by name. Returns also why others can't be used. Agents without the labels are not meant.
fn chosen<'a>(
    offers: impl Iterator<Item = &'a Offer>,
    wanted: &Wanted,
    tool: &str,
) -> (Vec<Offer>, Vec<String>) {
    let has_labels = |offer: &&Offer| {
        let mut labels = wanted.labels.iter();
        labels.all(|(name, value)| offer.labels.get(name) == Some(value))
    };
    let mut offers: Vec<&Offer> = offers.filter(has_labels).collect();
    offers.sort_by(|one, other| (&one.name, &one.id).cmp(&(&other.name, &other.id)));
    let mut fit: Vec<Offer> = Vec::new();
    let mut others = Vec::new();
    for offer in offers {
        let name = &offer.name;
        if offer.tool != tool {
            others.push(format!(
                "agent {name} has version {} of tenfold, and this is {tool}",
                offer.tool
            ));
        } else if offer.is_busy {
            others.push(format!("agent {name} takes part in another run"));
        } else if fit.last().is_some_and(|known| known.name == *name) {
            others.push(format!(
                "a second agent has the name {name}; give it another one with --name"
            ));
        } else {
            fit.push(offer.clone());
        }
    }
    if let Some(count) = wanted.count {
        fit.truncate(count as usize);
    }
    (fit, others)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offer(id: &str, name: &str, tool: &str, labels: &[(&str, &str)], is_busy: bool) -> Offer {
        let labels = labels.iter();
        Offer {
            id: id.to_owned(),
            name: name.to_owned(),
            tool: tool.to_owned(),
            labels: labels
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
            host: None,
            machine: None,
            key: String::new(),
            is_busy,
        }
    }

    #[test]
    fn agents_are_chosen_by_label_version_and_name() {
        let east = [("zone", "east")];
        let offers = [
            offer("1", "d", "1", &east, false),
            offer("2", "a", "1", &east, false),
            offer("3", "b", "2", &east, false),
            offer("4", "c", "1", &east, true),
            offer("5", "d", "1", &east, false),
            offer("6", "e", "1", &[], false),
        ];
        let wanted = |count, labels: &[(&str, &str)]| Wanted {
            count,
            labels: offer("", "", "", labels, false).labels,
            patience: Duration::ZERO,
        };
        let names = |wanted: &Wanted| {
            let (fit, others) = chosen(offers.iter(), wanted, "1");
            let names: Vec<String> = fit.into_iter().map(|own| own.name).collect();
            (names.join(""), others)
        };
        let (fit, others) = names(&wanted(None, &east));
        assert_eq!(fit, "ad");
        assert_eq!(
            others,
            [
                "agent b has version 2 of tenfold, and this is 1",
                "agent c takes part in another run",
                "a second agent has the name d; give it another one with --name",
            ]
        );
        assert_eq!(names(&wanted(Some(2), &[])).0, "ad");
        assert_eq!(names(&wanted(None, &[])).0, "ade");
        assert_eq!(names(&wanted(Some(1), &[("zone", "west")])).0, "");
    }
}
