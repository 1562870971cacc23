//! The load of a run: its seconds, the quiet ones, and those in which a backlog grew.

use tenfold_run_dir::Run;

use crate::findings::load_second::{LoadSecond, load_seconds};
use crate::findings::overload::{Overload, overloads};
use crate::findings::quiet::{Quiet, quiet};
use crate::summary::window::Window;

/// Share of the counted seconds from which an overload is one of the whole run.
const WHOLE_RUN: f64 = 0.9;

/// The load of a run over time.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Load {
    /// The rows of the time line.
    pub(super) seconds: Vec<LoadSecond>,
    /// Its quiet seconds. `None` if it has none.
    pub(super) quiet: Option<Quiet>,
    /// Its overloads, in order of time. Empty in the closed model, where users set the pace.
    pub(super) overloads: Vec<Overload>,
}

impl Load {
    /// Returns the load of a run.
    pub(super) fn of(run: &Run, window: &Window) -> Self {
        let seconds = load_seconds(run, window);
        let quiet = quiet(&seconds);
        let overloads = match &quiet {
            Some(quiet) if run.manifest.model != "closed" => overloads(&seconds, quiet),
            _ => Vec::new(),
        };
        Self {
            seconds,
            quiet,
            overloads,
        }
    }

    /// Returns whether one overload covers the whole run.
    pub(super) fn is_overloaded_throughout(&self) -> bool {
        let counted =
            |seconds: &[LoadSecond]| seconds.iter().filter(|own| own.counted).count() as f64;
        let all = counted(&self.seconds);
        let mut overloads = self.overloads.iter();
        overloads.any(|own| counted(&self.seconds[own.seconds.clone()]) >= WHOLE_RUN * all)
    }

    /// Returns the overloads, the one with the longest wait first.
    pub(super) fn worst_overloads(&self) -> Vec<&Overload> {
        let mut parts: Vec<&Overload> = self.overloads.iter().collect();
        parts.sort_by(|a, b| {
            b.waited_s(&self.seconds)
                .total_cmp(&a.waited_s(&self.seconds))
        });
        parts
    }

    /// Returns the seconds outside of overloads with the lowest offered rates: at most half of the highest rate, or
    /// else the quiet seconds.
    pub(super) fn low_seconds(&self) -> Vec<usize> {
        let highest = self
            .seconds
            .iter()
            .map(LoadSecond::offered)
            .max_by(f64::total_cmp)
            .unwrap_or(0.0);
        let is_overloaded = |at: usize| {
            // The second after an overload answers the rest of its backlog.
            self.overloads
                .iter()
                .any(|own| (own.seconds.start..=own.seconds.end).contains(&at))
        };
        let low: Vec<usize> = (0..self.seconds.len())
            .filter(|at| {
                let second = &self.seconds[*at];
                second.counted
                    && second.is_balanced()
                    && !is_overloaded(*at)
                    && second.offered() <= highest / 2.0
            })
            .collect();
        match Quiet::of(&self.seconds, low) {
            Some(low) => low.seconds,
            None => self
                .quiet
                .as_ref()
                .map_or(Vec::new(), |quiet| quiet.seconds.clone()),
        }
    }
}
