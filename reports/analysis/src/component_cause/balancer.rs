//! Balancers that send nearly all requests to one server, or keep them in a queue.

use tenfold_run_dir::balancer_use::{BalancerUse, ServerUse};

use super::{CauseKind, ComponentCause};
use crate::format;
use crate::summary::finding::Confidence;

/// Requests from which shares are no accident.
const SENT_MIN: u64 = 200;

/// Multiple of the fair share from which a server gets too much, if it also leaves the others less than a quarter of theirs.
const TOO_MUCH: f64 = 0.75;

/// Mean wait in the queue from which it is part of the latency, in milliseconds.
const QUEUE_MS_MIN: u64 = 5;

/// Returns the causes that a balancer shows.
pub(super) fn causes(own: &BalancerUse) -> Vec<ComponentCause> {
    let mut lists: Vec<&str> = own
        .servers
        .iter()
        .map(|server| server.list.as_str())
        .collect();
    lists.sort_unstable();
    lists.dedup();
    let mut found = Vec::new();
    for list in lists {
        let servers: Vec<&ServerUse> = own
            .servers
            .iter()
            .filter(|server| server.list == list)
            .collect();
        found.extend(one_server(own, list, &servers));
        found.extend(queue(own, &servers));
    }
    found
}

/// Reports a server that gets nearly all requests, although others are up.
fn one_server(own: &BalancerUse, list: &str, servers: &[&ServerUse]) -> Option<ComponentCause> {
    // A backup server, and one that was down, rightly get none.
    let active: Vec<&&ServerUse> = servers
        .iter()
        .filter(|server| !server.is_backup && server.down_s == 0 && server.times_down == 0)
        .collect();
    let all: u64 = active.iter().map(|server| server.sent).sum();
    let first = active.iter().max_by_key(|server| server.sent)?;
    if active.len() < 2 || all < SENT_MIN {
        return None;
    }
    let share = first.sent as f64 / all as f64;
    let fair = 1.0 / active.len() as f64;
    if share < fair + TOO_MUCH * (1.0 - fair) {
        return None;
    }
    let unit = match first.takes_requests {
        true => "requests",
        false => "connections",
    };
    Some(ComponentCause {
        kind: CauseKind::OneServer,
        component: own.name.clone(),
        title: format!(
            "The balancer `{}` sends {} of the {unit} to `{}`, one of {} servers",
            own.name,
            format::percent(share),
            first.name,
            active.len()
        ),
        place: Some(format!("`{}`", first.name)),
        evidence: vec![format!(
            "of `{list}`: {}",
            active
                .iter()
                .map(|server| format!("{} {}", server.name, format::count(server.sent)))
                .collect::<Vec<_>>()
                .join(", ")
        )],
        confidence: match first.takes_requests {
            true => Confidence::High,
            // Long connections are few, and chance may give them to one server.
            false => Confidence::Medium,
        },
        advice: "Check weights, stickiness and health checks of the balancer: all requests of one client, or of one \
                 address, may go to the same server."
            .to_owned(),
        weight: 10.0 * share,
    })
}

/// Reports a queue for a server.
fn queue(own: &BalancerUse, servers: &[&ServerUse]) -> Option<ComponentCause> {
    let longest = servers
        .iter()
        .filter(|server| server.queued_max.is_none_or(|most| most > 0))
        .max_by_key(|server| server.queue_ms)?;
    let queue_ms = longest.queue_ms.filter(|ms| *ms >= QUEUE_MS_MIN)?;
    let mut evidence = vec![format!(
        "the last 1,024 requests waited {queue_ms} ms in its queue on average"
    )];
    evidence.extend(
        longest
            .queued_max
            .map(|most| format!("{} were in its queue at once", format::count(most))),
    );
    Some(ComponentCause {
        kind: CauseKind::Queue,
        component: own.name.clone(),
        title: format!(
            "Requests wait in the queue of the balancer `{}` for `{}`",
            own.name, longest.name
        ),
        place: Some(format!("`{}`", longest.name)),
        evidence,
        confidence: Confidence::High,
        advice: "The limit of requests at a time (`maxconn`) of the server is reached: add servers, or raise it if the \
                 server has room."
            .to_owned(),
        weight: queue_ms as f64,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn balancer(servers: Vec<ServerUse>) -> BalancerUse {
        BalancerUse {
            name: "balancer".to_owned(),
            servers,
            cache_lookups: 0,
            cache_hits: 0,
        }
    }

    fn server(name: &str, sent: u64) -> ServerUse {
        ServerUse {
            list: "app".to_owned(),
            name: name.to_owned(),
            takes_requests: true,
            sent,
            ..ServerUse::default()
        }
    }

    #[test]
    fn names_server_that_gets_all() {
        let own = balancer(vec![server("app-1", 9_900), server("app-2", 100)]);
        let [cause] = &causes(&own)[..] else { panic!() };
        assert_eq!(
            cause.title,
            "The balancer `balancer` sends 99.00% of the requests to `app-1`, one of 2 servers"
        );
        assert_eq!(
            causes(&balancer(vec![server("a", 700), server("b", 300)])),
            []
        );
    }

    #[test]
    fn ignores_backup_servers_and_servers_that_were_down() {
        let backup = ServerUse {
            is_backup: true,
            ..server("b", 0)
        };
        assert_eq!(causes(&balancer(vec![server("a", 1_000), backup])), []);
        let down = ServerUse {
            down_s: 3,
            times_down: 1,
            ..server("b", 0)
        };
        assert_eq!(causes(&balancer(vec![server("a", 1_000), down])), []);
    }

    #[test]
    fn names_queue() {
        let waiting = ServerUse {
            queue_ms: Some(40),
            queued_max: Some(90),
            ..server("app-2", 500)
        };
        let own = balancer(vec![server("app-1", 500), waiting]);
        let [cause] = &causes(&own)[..] else { panic!() };
        assert_eq!(cause.kind, CauseKind::Queue);
        assert!(cause.title.ends_with("for `app-2`"), "{cause:?}");
    }
}
