//! Which of those that balancers send to was lost for a while.

use tenfold_run_dir::Run;
use tenfold_run_dir::balancer_use::ServerUse;

use crate::format;
use crate::summary::finding::{Confidence, Finding};

/// Tells which servers balancers lost meanwhile, where there were any, and what became of what they had.
pub(super) fn server_lost(run: &Run) -> Option<Finding> {
    let servers = run.balancers.iter().flat_map(|balancer| {
        let servers = balancer.servers.iter();
        servers.map(move |server| (balancer.name.as_str(), server))
    });
    let lost: Vec<(&str, &ServerUse)> = servers
        .filter(|(_, server)| server.times_down > 0 || server.down_s > 0)
        .collect();
    let mut names: Vec<&str> = lost
        .iter()
        .map(|(_, server)| server.name.as_str())
        .collect();
    names.sort_unstable();
    names.dedup();
    let title = match *names {
        [] => return None,
        ref lost => format!("The balancers lost {} for a while", lost.join(", ")),
    };
    let evidence = lost.iter().map(|(balancer, server)| {
        format!(
            "{balancer} thought {} lost for {} s in all (failures: {}, tried again: {})",
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
            "Look at the log of {} from then: it ended, stood still, or was too busy to answer its health checks.",
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
        }
    }

    #[test]
    fn a_server_that_was_lost_is_named() {
        let mut run = MadeUp::default().play();
        assert_eq!(server_lost(&run), None);
        let mut balancer = BalancerUse {
            name: "balancer".to_owned(),
            servers: vec![server("web-1", 0), server("web-2", 0)],
            cache_lookups: 0,
            cache_hits: 0,
        };
        run.balancers = vec![balancer.clone()];
        assert_eq!(server_lost(&run), None);
        balancer.servers[1] = server("web-2", 1);
        run.balancers = vec![balancer];
        let finding = server_lost(&run).unwrap();
        assert_eq!(finding.title, "The balancers lost web-2 for a while");
        assert_eq!(
            finding.evidence,
            ["balancer thought web-2 lost for 3 s in all (failures: 2, tried again: 1)"]
        );
        assert!(finding.advice.contains("the log of web-2"));
    }
}
