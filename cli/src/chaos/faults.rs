//! Breaks parts of a lab, one after the other, and repairs them.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use tenfold_lab::{Answer, LabError, PlannedFault, Request, Victim, ask};
use tenfold_run_dir::faults::Fault;

use crate::output::print;

/// Pause between two looks at the interrupt.
const POLL: Duration = Duration::from_millis(50);

/// Longest delay of a fault. Later ones are left out.
const LATE_MAX: Duration = Duration::from_secs(1);

/// Attempts to start a part again. On a busy machine a database may take longer than the lab waits for.
const REPAIRS: usize = 3;

/// Name of the file that fills the disk.
const FILLER: &str = "chaos.fill";

/// Largest disk that is filled.
const DISK_BYTES_MAX: u64 = 16 << 30;

/// Context of the faults.
pub(crate) struct Breaking<'a> {
    /// Directory of the lab.
    pub(crate) directory: &'a Path,
    /// Start of the load.
    pub(crate) start: Instant,
    /// Returns true once the load has ended, or the user interrupts it.
    pub(crate) is_over: &'a (dyn Fn() -> bool + Sync),
}

/// Breaks and repairs each part at its time. A fault whose time has passed, because the last repair took longer, is left out. After a part
/// that could not be repaired, no other fails.
pub(crate) fn break_parts(breaking: &Breaking<'_>, plan: &[PlannedFault]) -> Vec<Fault> {
    let mut faults = Vec::new();
    for planned in plan {
        let due = breaking.start + planned.at;
        // A repair took longer. Two faults at once may be more than any service survives.
        if Instant::now() > due + LATE_MAX {
            continue;
        }
        if !breaking.sleep_until(due) {
            break;
        }
        let fault = breaking.fault(planned);
        let is_repaired = fault.up_ns.is_some();
        let victim = fault.victim.clone();
        faults.push(fault);
        if !is_repaired && !(breaking.is_over)() {
            print::note(&format!("no other part fails: {victim} is not repaired"));
            break;
        }
    }
    faults
}

impl Breaking<'_> {
    fn fault(&self, planned: &PlannedFault) -> Fault {
        let victim = match &planned.victim {
            Victim::Box(name) | Victim::Zone(name) => name.clone(),
            Victim::Disk => "disk".to_owned(),
        };
        let mut fault = Fault {
            at_ns: self.now_ns(),
            boxes: Vec::new(),
            repaired_ns: None,
            up_ns: None,
            error: None,
            victim,
        };
        print::note(&format!("{} fails", fault.victim));
        let done = match planned.victim {
            Victim::Disk => self.fill_disk(planned, &mut fault),
            Victim::Box(_) | Victim::Zone(_) => self.kill(planned, &mut fault),
        };
        match done {
            Ok(()) => print::note(&format!("{} is repaired", fault.victim)),
            Err(error) => {
                print::note(&format!("{}: {error:#}", fault.victim));
                fault.error = Some(format!("{error:#}"));
            }
        }
        fault
    }

    fn kill(&self, planned: &PlannedFault, fault: &mut Fault) -> anyhow::Result<()> {
        let name = fault.victim.clone();
        fault.boxes = self.ask(&Request::Kill { name: name.clone() })?;
        // Repaired also after an interrupt.
        self.sleep_until(Instant::now() + planned.lasts);
        fault.repaired_ns = Some(self.now_ns());
        let mut attempt = 1;
        while let Err(error) = self.ask(&Request::Revive { name: name.clone() }) {
            if attempt == REPAIRS || (self.is_over)() {
                return Err(error.into());
            }
            attempt += 1;
            print::note(&format!("{name} is repaired once more: {error}"));
        }
        fault.up_ns = Some(self.now_ns());
        Ok(())
    }

    fn fill_disk(&self, planned: &PlannedFault, fault: &mut Fault) -> anyhow::Result<()> {
        let filler = Filler::new(&self.directory.join(FILLER))?;
        self.sleep_until(Instant::now() + planned.lasts);
        fault.repaired_ns = Some(self.now_ns());
        drop(filler);
        fault.up_ns = Some(self.now_ns());
        Ok(())
    }

    fn ask(&self, request: &Request) -> Result<Vec<String>, LabError> {
        match ask(self.directory, request)? {
            Answer::Done(names) => Ok(names),
            other => Err(LabError::NoAnswer {
                directory: self.directory.to_owned(),
                reason: format!("unexpected answer {other:?}"),
            }),
        }
    }

    fn now_ns(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    /// Sleeps. Returns false if the load ended before.
    fn sleep_until(&self, end: Instant) -> bool {
        while let Some(left) = end.checked_duration_since(Instant::now()) {
            if (self.is_over)() {
                return false;
            }
            std::thread::sleep(left.min(POLL));
        }
        !(self.is_over)()
    }
}

/// A file that takes all free space of a disk, until it is dropped.
struct Filler {
    path: PathBuf,
}

impl Filler {
    fn new(path: &Path) -> anyhow::Result<Self> {
        let own = Self {
            path: path.to_owned(),
        };
        let file = File::create(path).context("could not fill the disk")?;
        let disk = rustix::fs::fstatvfs(&file).context("could not fill the disk")?;
        let free = disk.f_bavail.saturating_mul(disk.f_frsize);
        let flags = rustix::fs::FallocateFlags::empty();
        rustix::fs::fallocate(&file, flags, 0, free).context("could not fill the disk")?;
        Ok(own)
    }
}

impl Drop for Filler {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Returns the disk of a lab if it may be filled: it is not that of the working directory or of `/`, and is small, such as a tmpfs.
pub(crate) fn disk_of(directory: &Path) -> Option<Victim> {
    let device = |path: &Path| rustix::fs::stat(path).ok().map(|stat| stat.st_dev);
    let own = device(directory)?;
    let shared = [Path::new("/"), Path::new("/tmp"), Path::new(".")];
    let is_shared = shared.iter().any(|path| device(path) == Some(own));
    let disk = rustix::fs::statvfs(directory).ok()?;
    let bytes = disk.f_blocks.saturating_mul(disk.f_frsize);
    (!is_shared && bytes <= DISK_BYTES_MAX).then_some(Victim::Disk)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn disk_of_others_is_not_filled() {
        assert_eq!(disk_of(Path::new("/")), None);
        assert_eq!(disk_of(Path::new(".")), None);
        assert_eq!(disk_of(&std::env::temp_dir()), None);
        assert_eq!(disk_of(Path::new("/no/such/directory")), None);
    }

    #[test]
    fn end_of_the_load_ends_the_faults() {
        let breaking = Breaking {
            directory: Path::new("."),
            start: Instant::now(),
            is_over: &|| true,
        };
        let planned = PlannedFault {
            at: Duration::from_secs(60),
            lasts: Duration::from_secs(1),
            victim: Victim::Box("web-1".to_owned()),
        };
        assert_eq!(break_parts(&breaking, &[planned]), []);
    }

    #[test]
    fn fault_without_a_lab_says_why() {
        let directory = tempfile::tempdir().unwrap();
        let breaking = Breaking {
            directory: directory.path(),
            start: Instant::now(),
            is_over: &|| false,
        };
        let planned = PlannedFault {
            at: Duration::ZERO,
            lasts: Duration::ZERO,
            victim: Victim::Zone("zone-a".to_owned()),
        };
        let faults = break_parts(&breaking, &[planned]);
        assert!(
            faults[0].error.as_ref().unwrap().contains("no lab"),
            "{faults:?}"
        );
        assert_eq!(faults[0].up_ns, None);
    }
}
