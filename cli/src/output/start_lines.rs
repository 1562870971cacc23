//! Lines that show how far the boxes of a lab are that comes up.

use std::time::{Duration, Instant};

use tenfold_lab::LabStatus;

use crate::output::printer::Printer;

/// Time before the first line. A lab without data to load is up by then.
const FIRST_AFTER: Duration = Duration::from_secs(2);

/// Time between two lines.
const EVERY: Duration = Duration::from_secs(5);

/// Writer of these lines.
pub(crate) struct StartLines {
    began: Instant,
    next: Duration,
    printer: Printer,
}

impl StartLines {
    /// Creates a writer for boxes that start now.
    pub(crate) fn new() -> Self {
        Self {
            began: Instant::now(),
            next: FIRST_AFTER,
            printer: Printer::start(),
        }
    }

    /// Writes how far the boxes are, if a line is due.
    pub(crate) fn show(&mut self, status: &LabStatus) {
        self.show_with(|after| line(status, after));
    }

    /// Writes the names of the boxes that start, with their progress, if a line is due.
    pub(crate) fn show_boxes(&mut self, boxes: &str) {
        self.show_with(|after| format!("after {} s: {boxes}", after.as_secs()));
    }

    fn show_with(&mut self, line: impl FnOnce(Duration) -> String) {
        let after = self.began.elapsed();
        if after >= self.next {
            self.next = after + EVERY;
            self.printer.print(line(after));
        }
    }
}

fn line(status: &LabStatus, after: Duration) -> String {
    format!(
        "{} of {} boxes are up after {} s: {}",
        status.ready_boxes(),
        status.boxes.len(),
        after.as_secs(),
        status.starting_boxes()
    )
}
