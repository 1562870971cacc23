//! Figures of the boxes for Prometheus: a text file that a node exporter serves, and the list of services to scrape.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::num::NonZero;
use std::path::Path;

use serde_json::json;

use crate::boxes::lab_box::LabBox;
use crate::boxes::process_usage::Processes;

/// A box and what the scaler knows of it.
pub(super) struct Figure<'a> {
    /// The box.
    pub(super) own: &'a LabBox,
    /// True if it serves.
    pub(super) is_ready: bool,
    /// True while it is drained.
    pub(super) is_drained: bool,
}

/// Writes the figures of all boxes.
pub(super) fn write(path: &Path, figures: &[Figure<'_>]) -> io::Result<()> {
    let mut text = String::new();
    let processors = std::thread::available_parallelism().map_or(1, NonZero::get);
    let running = Processes::default();
    for Figure {
        own,
        is_ready,
        is_drained,
    } in figures
    {
        let labels = format!(
            "{{group=\"{}\",box=\"{}\",zone=\"{}\"}}",
            own.role(),
            own.name(),
            own.zone().unwrap_or_default()
        );
        if !is_drained {
            let _ = writeln!(
                text,
                "tenfold_lab_box_ready{labels} {}",
                u8::from(*is_ready)
            );
        }
        let Some(usage) = own.usage_among(&running).filter(|_| own.is_up()) else {
            continue;
        };
        let _ = writeln!(
            text,
            "tenfold_lab_box_cpu_seconds_total{labels} {}\ntenfold_lab_box_memory_bytes{labels} {}",
            usage.cpu.as_secs_f64(),
            usage.memory_bytes
        );
        // A box without a limit has the whole machine.
        let limit = own
            .allowance()
            .map_or(processors as f64, |allowance| allowance.cpu);
        let _ = writeln!(text, "tenfold_lab_box_cpu_limit{labels} {limit}");
    }
    let _ = write_disk(&mut text, path);
    replace(path, &text)
}

/// Adds size and free space of the file system that a file is on.
fn write_disk(text: &mut String, path: &Path) -> io::Result<()> {
    let parent = path.parent().unwrap_or(path);
    let disk = rustix::fs::statvfs(parent)?;
    let bytes = |blocks: u64| blocks.saturating_mul(disk.f_frsize);
    let _ = writeln!(
        text,
        "tenfold_lab_disk_size_bytes {}\ntenfold_lab_disk_free_bytes {}",
        bytes(disk.f_blocks),
        bytes(disk.f_bavail)
    );
    Ok(())
}

/// Writes the addresses of the services' metrics, in the format of Prometheus' `file_sd_configs`.
pub(super) fn targets<'a>(boxes: impl Iterator<Item = &'a LabBox>) -> String {
    let services = boxes.filter(|own| own.is_service() && own.is_up());
    let targets = services.filter_map(|own| {
        let address = own.admin_address()?;
        Some(json!({
            "targets": [address.to_string()],
            "labels": {"group": own.role(), "box": own.name()},
        }))
    });
    serde_json::Value::Array(targets.collect()).to_string()
}

/// Replaces a file at once. Its readers see the old text or the new one.
pub(super) fn replace(path: &Path, text: &str) -> io::Result<()> {
    let partial = path.with_added_extension("partial");
    fs::write(&partial, text)?;
    fs::rename(partial, path)
}
