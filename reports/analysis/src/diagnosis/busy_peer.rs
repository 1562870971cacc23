//! A peer of the service on this machine that uses its processors: a database, a cache, another service.

use tenfold_run_dir::host_timeline::OtherProcess;

use super::bottleneck::Bottleneck;
use super::load::Load;
use super::next_step::NextStep;
use super::resource::Resource;
use crate::findings::limit::Limit;
use crate::format;
use crate::summary::finding::Confidence;

/// Share of the cores that other processes use, from which a peer is their cause.
const MOST: f64 = 0.6;

/// Cores in use from which one thread of a peer is busy: some programs have only one.
const ONE_THREAD: f64 = 0.85;

/// Use of a peer above the knee, as a multiple of that at low load, from which it grows with the load.
const GROWS: f64 = 1.5;

/// Returns the peer that keeps the processors, or one of them, busy above the knee. `None` if there is none. `evidence` comes
/// first.
pub(super) fn busy_peer(
    low: &Load<'_>,
    above: &Load<'_>,
    limit: Limit,
    mut evidence: Vec<String>,
) -> Option<Bottleneck> {
    let peer = peers(above).next()?;
    let before = peers(low).find(|own| own.name == peer.name);
    let grows = before.is_none_or(|before| peer.cores_used >= GROWS * before.cores_used);
    let cores = above.cpu.cores.unwrap_or(f64::INFINITY);
    let is_busy = match limit {
        Limit::OtherProcesses | Limit::SharedHost => peer.cores_used >= MOST * above.cpu.others,
        Limit::Waiting | Limit::Unknown => {
            (ONE_THREAD..=1.1).contains(&peer.cores_used) && cores > 1.5
        }
        Limit::Box | Limit::Cpu | Limit::OneThread => false,
    };
    if !is_busy || !grows {
        return None;
    }
    let place = format!("`{}`", peer.name.replace('`', "'"));
    let used = format::significant(peer.cores_used);
    let others = above.run.host.others.iter();
    let others: Vec<String> = others
        .map(|own| format!("{} {}", own.name, format::significant(own.cores_used)))
        .collect();
    evidence.push(format!(
        "the service is connected to {place}; cores used by other processes: {}",
        others.join(", ")
    ));
    Some(Bottleneck {
        resource: Resource::Network,
        title: match limit {
            Limit::Waiting | Limit::Unknown => {
                format!("A peer of the service, {place}, keeps one core busy: it uses {used}")
            }
            _ => format!(
                "A peer of the service, {place}, keeps the processors of this machine busy: it uses {used} cores"
            ),
        },
        part: None,
        short_box: None,
        evidence,
        confidence: Confidence::Medium,
        expected_gain: None,
        next_step: NextStep::of(Resource::Network, Some(&place)),
        place: Some(place),
    })
}

/// Returns the peers of the service, the busiest first.
fn peers<'a>(load: &Load<'a>) -> impl Iterator<Item = &'a OtherProcess> {
    let others = load.run.host.others.iter();
    others.filter(|own| own.is_peer)
}

#[cfg(test)]
mod tests {
    use tenfold_run_dir::Run;

    use super::*;
    use crate::summarise;
    use crate::synthetic::MadeUp;

    fn run(cores_used: f64, is_peer: bool) -> Run {
        let mut run = MadeUp::default().play();
        run.host.others = vec![OtherProcess {
            name: "mariadbd".to_owned(),
            cores_used,
            is_peer,
        }];
        run
    }

    fn found(cores: [f64; 2], is_peer: bool, limit: Limit) -> Option<String> {
        let runs = cores.map(|cores| run(cores, is_peer));
        let summaries = [&runs[0], &runs[1]].map(summarise);
        let low = Load::of((&runs[0], &summaries[0]));
        let mut above = Load::of((&runs[1], &summaries[1]));
        above.cpu.others = cores[1] + 0.1;
        busy_peer(&low, &above, limit, Vec::new()).map(|own| own.title)
    }

    #[test]
    fn names_peer_that_keeps_the_machine_busy() {
        let title = found([0.4, 1.3], true, Limit::OtherProcesses).unwrap();
        assert!(
            title.contains("`mariadbd`") && title.contains("1.30 cores"),
            "{title}"
        );
        let title = found([0.3, 0.97], true, Limit::Waiting).unwrap();
        assert!(title.contains("keeps one core busy"), "{title}");
    }

    #[test]
    fn ignores_strangers_and_constant_use() {
        assert_eq!(found([0.4, 1.3], false, Limit::OtherProcesses), None);
        assert_eq!(found([1.2, 1.3], true, Limit::OtherProcesses), None);
        assert_eq!(found([0.1, 0.4], true, Limit::Waiting), None);
    }
}
