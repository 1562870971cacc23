//! Servers that the balancers marked down.

use tenfold_run_dir::Run;
use tenfold_run_dir::balancer_use::ServerUse;

use crate::format;
use crate::summary::finding::{Confidence, Finding};

/// Reports the servers that balancers marked down during the run, with their failed and retried requests.
pub(super) fn server_down(run: &Run) -> Option<Finding> {
    let servers = run.balancers.iter().flat_map(|balancer| {
        let servers = balancer.servers.iter();
        servers.map(move |server| (balancer.name.as_str(), server))
    });
    let down: Vec<(&str, &ServerUse)> = servers
        .filter(|(_, server)| server.times_down > 0 || server.down_s > 0)
        .collect();
    let mut names: Vec<&str> = down
        .iter()
        .map(|(_, server)| server.name.as_str())
        .collect();
    names.sort_unstable();
    names.dedup();
    let title = match *names {
        [] => return None,
        ref names => format!("The balancers marked {} down for a while", names.join(", ")),
    };
    let evidence = down.iter().map(|(balancer, server)| {
        format!(
            "{balancer} marked {} down for {} s in total (failures: {}, retries: {})",
            server.name,
            server.down_s,
            format::count(server.failed),
            format::count(server.retried)
        )
    });
    Some(Finding {
        title,
        evidence: evidence.collect(),
        confidence: Confidence::High,
        advice: format!(
            "Read the log of {} at that time: it exited, stalled, or was too busy to answer health checks.",
            names.join(" and of ")
        ),
    })
}

#[cfg(test)]
mod tests {
    use tenfold_run_dir::balancer_use::BalancerUse;

    use super::*;
    use crate::synthetic::MadeUp;

    fn server(name: &str, times_down: u64) -> ServerUse {
        ServerUse {
            list: "web".to_owned(),
            name: name.to_owned(),
            takes_requests: true,
            sent: 1_000,
            failed: 2 * times_down,
            retried: times_down,
            times_down,
            down_s: 3 * times_down,
            ..ServerUse::default()
        }
    }

    #[test]
    fn names_server_that_was_down() {
        let mut run = MadeUp::default().play();
        assert_eq!(server_down(&run), None);
        let mut balancer = BalancerUse {
            name: "balancer".to_owned(),
            servers: vec![server("web-1", 0), server("web-2", 0)],
            cache_lookups: 0,
            cache_hits: 0,
        };
        run.balancers = vec![balancer.clone()];
        assert_eq!(server_down(&run), None);
        balancer.servers[1] = server("web-2", 1);
        run.balancers = vec![balancer];
        let finding = server_down(&run).unwrap();
        assert_eq!(finding.title, "The balancers marked web-2 down for a while");
        assert_eq!(
            finding.evidence,
            ["balancer marked web-2 down for 3 s in total (failures: 2, retries: 1)"]
        );
        assert!(finding.advice.contains("the log of web-2"));
    }
}
