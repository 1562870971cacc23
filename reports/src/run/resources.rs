//! Resources of the machine over the run, besides the processors.

use tenfold_analysis::format;
use tenfold_run_dir::Run;
use tenfold_run_dir::host_timeline::{
    BoxSample, BoxTimeline, HostResources, HostSample, TargetLimits,
};

use crate::document::{Block, Section, Table};

/// Returns the section: the mean and the highest of each figure. `None` if none was sampled.
pub(super) fn section(run: &Run) -> Option<Section> {
    let samples = &run.host.samples;
    let of_machine: Vec<Vec<String>> = [
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
    let of_service = limits(samples);
    let tables = [of_machine, of_service].into_iter();
    let tables = tables.filter(|rows| !rows.is_empty()).map(|rows| {
        let head = ["resource", "mean", "lowest", "highest"];
        Block::Table(Table::new(&head, rows))
    });
    let boxes: Vec<Vec<String>> = run.host.boxes.iter().filter_map(of_box).collect();
    let head = [
        "box",
        "cores, mean",
        "cores, highest",
        "throttled processors, highest",
        "memory, highest",
        "page faults from disk, per second, highest",
        "open files, highest",
    ];
    let boxes = (!boxes.is_empty()).then(|| Block::Table(Table::new(&head, boxes)));
    let blocks: Vec<Block> = tables.chain(boxes).collect();
    (!blocks.is_empty()).then(|| {
        Section::new(
            "resources",
            "Resources",
            "Second by second, of all processes of the machine that sent the load, and of the service if its processes are known. \
             `host.json` has every sample.",
            blocks,
        )
    })
}

/// Returns the row of a box. `None` without a sample.
fn of_box(own: &BoxTimeline) -> Option<Vec<String>> {
    let samples: Vec<&BoxSample> = own
        .samples
        .iter()
        .filter(|own| own.duration_ns > 0)
        .collect();
    let seconds = |sample: &BoxSample| sample.duration_ns as f64 / 1e9;
    let highest = |figure: &dyn Fn(&BoxSample) -> Option<f64>| {
        let values = samples.iter().filter_map(|sample| figure(sample));
        values.reduce(f64::max)
    };
    let shown =
        |value: Option<f64>, format: fn(f64) -> String| value.map_or("–".to_owned(), format);
    let of_limits = |figure: fn(&TargetLimits) -> Option<u64>| {
        move |sample: &BoxSample| figure(sample.limits.as_ref()?).map(|value| value as f64)
    };
    let cpu_ns: u64 = samples.iter().filter_map(|own| own.cpu_ns).sum();
    let all_ns: u64 = samples.iter().map(|own| own.duration_ns).sum();
    let throttled = of_limits(|own| own.throttled_ns);
    let faults = of_limits(|own| own.major_faults);
    (all_ns > 0).then(|| {
        vec![
            own.name.clone(),
            plain(cpu_ns as f64 / all_ns as f64),
            shown(
                highest(&|own| Some(own.cpu_ns? as f64 / 1e9 / seconds(own))),
                plain,
            ),
            shown(
                highest(&|own| Some(throttled(own)? / 1e9 / seconds(own))),
                plain,
            ),
            shown(
                highest(&|own| own.memory_bytes.map(|bytes| bytes as f64)),
                bytes,
            ),
            shown(highest(&|own| Some(faults(own)? / seconds(own))), plain),
            shown(highest(&of_limits(|own| own.open_files)), plain),
        ]
    })
}

/// Returns the limits of the service and their use.
fn limits(samples: &[HostSample]) -> Vec<Vec<String>> {
    let row = |name: &str, format, figure: fn(&TargetLimits, f64) -> Option<f64>| {
        row_of(samples, name, format, |sample, seconds| {
            figure(sample.target_limits.as_ref()?, seconds)
        })
    };
    let rows = [
        row("open files of the service", plain, |own, _| {
            own.open_files.map(|count| count as f64)
        }),
        row("its limit of open files", plain, |own, _| {
            own.open_files_allowed.map(|count| count as f64)
        }),
        row("its page faults from disk, per second", plain, |own, s| {
            own.major_faults.map(|count| count as f64 / s)
        }),
        row("its throttled processors", plain, |own, s| {
            own.throttled_ns.map(|ns| ns as f64 / 1e9 / s)
        }),
        row("memory of its control group", bytes, |own, _| {
            own.memory_bytes.map(|own| own as f64)
        }),
        row("limit of this memory", bytes, |own, _| {
            own.memory_allowed_bytes.map(|own| own as f64)
        }),
    ];
    rows.into_iter().flatten().collect()
}

fn plain(value: f64) -> String {
    format::significant(value)
}

fn bytes(value: f64) -> String {
    format::bytes(value as u64)
}

/// Returns a row of the machine. `None` if no sample has the figure.
fn row(
    samples: &[HostSample],
    name: &str,
    format: fn(f64) -> String,
    figure: fn(&HostResources, f64) -> Option<f64>,
) -> Option<Vec<String>> {
    row_of(samples, name, format, |sample, seconds| {
        figure(sample.resources.as_ref()?, seconds)
    })
}

/// Returns a row. `None` if no sample has the figure.
fn row_of(
    samples: &[HostSample],
    name: &str,
    format: fn(f64) -> String,
    figure: impl Fn(&HostSample, f64) -> Option<f64>,
) -> Option<Vec<String>> {
    let values = samples.iter().filter_map(|sample| {
        let seconds = sample.duration_ns as f64 / 1e9;
        figure(sample, seconds).filter(|_| seconds > 0.0)
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
        assert!(!text.contains("open files"), "{text}");
    }

    #[test]
    fn shows_peaks_of_a_box() {
        let sample = |cpu_ns| BoxSample {
            duration_ns: 1_000_000_000,
            cpu_ns: Some(cpu_ns),
            limits: Some(TargetLimits {
                throttled_ns: Some(400_000_000),
                ..TargetLimits::default()
            }),
            ..BoxSample::default()
        };
        let own = BoxTimeline {
            name: "web".to_owned(),
            samples: vec![sample(100_000_000), sample(300_000_000)],
        };
        let row = of_box(&own).unwrap();
        assert_eq!(row[..4], ["web", "0.200", "0.300", "0.400"]);
        assert_eq!(row[6], "–");
    }

    #[test]
    fn shows_limits_of_the_service() {
        let mut run = MadeUp::default().play();
        for sample in &mut run.host.samples {
            sample.target_limits = Some(TargetLimits {
                open_files: Some(900),
                open_files_allowed: Some(1_024),
                ..TargetLimits::default()
            });
        }
        let text = format!("{:?}", section(&run).unwrap());
        assert!(text.contains("open files of the service"), "{text}");
        assert!(
            text.contains("1,024") && !text.contains("throttled"),
            "{text}"
        );
    }
}
