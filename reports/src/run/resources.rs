//! Resources of the machine over the run, besides the processors.

use tenfold_analysis::format;
use tenfold_run_dir::Run;
use tenfold_run_dir::host_timeline::{HostResources, HostSample};

use crate::document::{Block, Section, Table};

/// Returns the section: the mean and the highest of each figure. `None` if none was sampled.
pub(super) fn section(run: &Run) -> Option<Section> {
    let samples = &run.host.samples;
    let rows: Vec<Vec<String>> = [
        row(samples, "runnable threads", plain, |own, _| {
            own.runnable.map(|count| count as f64)
        }),
        row(samples, "memory available", bytes, |own, _| {
            own.memory_available_bytes.map(|own| own as f64)
        }),
        row(
            samples,
            "page faults from disk, per second",
            plain,
            |own, s| own.major_faults.map(|count| count as f64 / s),
        ),
        row(samples, "read from disks, per second", bytes, |own, s| {
            own.disk_read_bytes.map(|own| own as f64 / s)
        }),
        row(samples, "written to disks, per second", bytes, |own, s| {
            own.disk_written_bytes.map(|own| own as f64 / s)
        }),
        row(samples, "busiest disk", format::percent, |own, _| {
            own.disk_busy
        }),
        row(samples, "network, per second", bytes, |own, s| {
            own.network_bytes.map(|own| own as f64 / s)
        }),
        row(
            samples,
            "listen queue overflows, per second",
            plain,
            |own, s| own.listen_overflows.map(|count| count as f64 / s),
        ),
        row(samples, "TCP retransmits, per second", plain, |own, s| {
            own.retransmits.map(|count| count as f64 / s)
        }),
    ]
    .into_iter()
    .flatten()
    .collect();
    (!rows.is_empty()).then(|| {
        Section::new(
            "resources",
            "Resources of this machine",
            "Second by second, of all processes of the machine that sent the load. `host.json` has every sample.",
            vec![Block::Table(Table::new(
                &["resource", "mean", "lowest", "highest"],
                rows,
            ))],
        )
    })
}

fn plain(value: f64) -> String {
    format::significant(value)
}

fn bytes(value: f64) -> String {
    format::bytes(value as u64)
}

/// Returns a row. `None` if no sample has the figure.
fn row(
    samples: &[HostSample],
    name: &str,
    format: fn(f64) -> String,
    figure: fn(&HostResources, f64) -> Option<f64>,
) -> Option<Vec<String>> {
    let values = samples.iter().filter_map(|sample| {
        let seconds = sample.duration_ns as f64 / 1e9;
        figure(sample.resources.as_ref()?, seconds).filter(|_| seconds > 0.0)
    });
    let values: Vec<f64> = values.collect();
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    let lowest = values.iter().copied().reduce(f64::min)?;
    let highest = values.iter().copied().reduce(f64::max)?;
    Some(vec![
        name.to_owned(),
        format(mean),
        format(lowest),
        format(highest),
    ])
}

#[cfg(test)]
mod tests {
    use tenfold_analysis::synthetic::MadeUp;

    use super::*;

    #[test]
    fn shows_mean_and_extremes() {
        let mut run = MadeUp::default().play();
        assert!(section(&run).is_none());
        for (index, sample) in run.host.samples.iter_mut().enumerate() {
            sample.duration_ns = 1_000_000_000;
            sample.resources = Some(HostResources {
                listen_overflows: Some(index as u64 % 2 * 8),
                ..HostResources::default()
            });
        }
        let text = format!("{:?}", section(&run).unwrap());
        assert!(text.contains("listen queue overflows"), "{text}");
        assert!(
            text.contains("8.00") && !text.contains("busiest disk"),
            "{text}"
        );
    }
}
