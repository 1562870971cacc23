//! Functions with most of the time of a profile.
//!
//! A function stands out if much of the time passes in it and what it calls. The most specific of them is named: what that calls
//! no longer stands out. Functions of runtimes and of the kernel are on most stacks and name no cause, so they are left out.

use std::collections::{BTreeMap, BTreeSet};

use tenfold_run_dir::FoldedStacks;

use super::names::{KINDS_OF_WORK, has_word, is_of_the_program, part_of_program, plain};
use crate::format;

/// Share of the time from which a function stands out.
const STANDS_OUT: f64 = 0.4;

/// Share of its time that a function spends itself, from which its parts say nothing.
const OWN_MIN: f64 = 0.5;

/// Share of all time from which a part of a function is named.
const PART_MIN: f64 = 0.05;

/// Parts of a function that are named.
const PARTS_MAX: usize = 3;

/// A function in which much of the time passes.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct HotFunction {
    /// Its name.
    pub(crate) name: String,
    /// The function of another part of the program that calls it most often.
    pub(crate) caller: Option<String>,
    /// Share of the time in it and in the functions below it.
    pub(crate) share: f64,
    /// The largest parts of it, each with its share of the time, if it does little itself.
    pub(crate) parts: Vec<(String, f64)>,
    /// The kind of work that takes most of the time, with its share, if it has a name.
    pub(crate) work: Option<(&'static str, f64)>,
}

impl HotFunction {
    /// Returns the function and its share: "62.0% of the CPU time is in `parse`, called by `handle`".
    pub(crate) fn sentence(&self, time: &str) -> String {
        let caller = match &self.caller {
            Some(caller) => format!(", called by `{caller}`"),
            None => String::new(),
        };
        let work = match &self.work {
            Some((work, share)) => format!("; {} is {work}", format::percent(*share)),
            None => String::new(),
        };
        let parts: Vec<String> = self
            .parts
            .iter()
            .map(|(name, share)| format!("`{name}` ({})", format::percent(*share)))
            .collect();
        let parts = match parts.is_empty() {
            true => String::new(),
            false => format!("; below it: {}", parts.join(", ")),
        };
        format!(
            "{} of the {time} is in `{}`{caller}{parts}{work}",
            format::percent(self.share),
            self.name
        )
    }

    /// Returns the end of a title: ", 62.0% of it in `parse`".
    pub(crate) fn clause(&self) -> String {
        match &self.work {
            Some((work, share)) if *share >= STANDS_OUT => {
                format!(", {} of it {work}", format::percent(*share))
            }
            _ => {
                let (name, share) = self.focus();
                format!(", {} of it in `{name}`", format::percent(share))
            }
        }
    }

    /// Returns where to begin, and its share of the time: the largest part or, without parts, the function.
    pub(crate) fn focus(&self) -> (&str, f64) {
        match self.parts.first() {
            Some((name, share)) => (name, *share),
            None => (&self.name, self.share),
        }
    }
}

/// Returns the most specific function that stands out: follows the calls with the most samples from the root as long as
/// they have enough. Names with one of `others` are left out, as are those of runtimes.
pub(super) fn hot_function(stacks: &FoldedStacks, others: &[&str]) -> Option<HotFunction> {
    let all = stacks.samples() as f64;
    let names =
        |name: &str| is_of_the_program(name) && !others.iter().any(|own| name.contains(own));
    // The first frame is the name of the threads, or the root.
    let every: Vec<Below<'_>> = stacks
        .iter()
        .filter_map(|(frames, samples)| Some((frames.get(1..)?, samples)))
        .collect();
    let (name, total, below) = descend(every, STANDS_OUT * all, &names)?;
    let own: u64 = below
        .iter()
        .filter(|(frames, _)| !frames.iter().any(|frame| names(frame)))
        .map(|(_, samples)| samples)
        .sum();
    Some(HotFunction {
        name: plain(name),
        caller: caller(stacks, name, total, &names),
        share: total as f64 / all,
        parts: match own as f64 >= OWN_MIN * total as f64 {
            true => Vec::new(),
            false => parts(below, all, &names),
        },
        work: kind_of_work(stacks, stacks.samples()),
    })
}

/// Frames below a function, root first, and their samples.
type Below<'a> = (&'a [String], u64);

/// Follows the calls with the most samples while these are at least `least`. Returns the last function, its samples, and what
/// is below it. `None` if none has so many.
fn descend<'a>(
    mut below: Vec<Below<'a>>,
    least: f64,
    names: &impl Fn(&str) -> bool,
) -> Option<(&'a str, u64, Vec<Below<'a>>)> {
    let mut found = None;
    while let Some((name, total)) =
        most_called(&below, names).filter(|(_, total)| *total > 0 && *total as f64 >= least)
    {
        found = Some((name, total));
        // Below the last one, so that recursion ends.
        below = below
            .into_iter()
            .filter_map(|(frames, samples)| {
                let last = frames.iter().rposition(|frame| frame == name)?;
                Some((&frames[last + 1..], samples))
            })
            .collect();
    }
    let (name, total) = found?;
    Some((name, total, below))
}

/// Returns the function with the most samples, the one closest to the root of several, and its samples.
fn most_called<'a>(below: &[Below<'a>], names: &impl Fn(&str) -> bool) -> Option<(&'a str, u64)> {
    let mut times = BTreeMap::<&str, (u64, usize)>::new();
    for (frames, samples) in below {
        let mut seen = BTreeSet::new();
        for (depth, name) in frames.iter().enumerate() {
            if names(name) && seen.insert(name) {
                let (total, least) = times.entry(name).or_insert((0, depth));
                *total += samples;
                *least = depth.min(*least);
            }
        }
    }
    let most = times
        .into_iter()
        .max_by_key(|(_, (total, depth))| (*total, std::cmp::Reverse(*depth)));
    most.map(|(name, (total, _))| (name, total))
}

/// Returns the largest functions below another that have no samples in common, each as specific as half of its samples allow,
/// with its share of `all` samples.
fn parts(mut below: Vec<Below<'_>>, all: f64, names: &impl Fn(&str) -> bool) -> Vec<(String, f64)> {
    let mut found = Vec::new();
    while found.len() < PARTS_MAX
        && let Some((top, total)) = most_called(&below, names)
        && total as f64 >= PART_MIN * all
    {
        let has = |frames: &[String]| frames.iter().any(|frame| frame == top);
        let (own, others): (Vec<_>, Vec<_>) =
            below.into_iter().partition(|(frames, _)| has(frames));
        if let Some((name, samples, _)) = descend(own, total as f64 / 2.0, names) {
            found.push((plain(name), samples as f64 / all));
        }
        below = others;
    }
    found
}

/// Returns the function of another part of the program from which most calls of a function come. `None` if no single one
/// calls it most often.
fn caller(
    stacks: &FoldedStacks,
    name: &str,
    total: u64,
    names: &impl Fn(&str) -> bool,
) -> Option<String> {
    let part = part_of_program(name);
    let mut callers = BTreeMap::<&str, u64>::new();
    for (frames, samples) in stacks.iter() {
        let Some(at) = frames.iter().position(|frame| frame == name) else {
            continue;
        };
        let above = frames.iter().take(at).skip(1).rev();
        let mut above = above.filter(|frame| names(frame) && part_of_program(frame) != part);
        if let Some(caller) = above.next() {
            *callers.entry(caller).or_default() += samples;
        }
    }
    let (caller, calls) = callers.into_iter().max_by_key(|(_, calls)| *calls)?;
    (2 * calls > total).then(|| plain(caller))
}

/// Returns the named kind of work with the most samples, and its share. Threads that do nothing else count by their name.
pub(super) fn kind_of_work(stacks: &FoldedStacks, all: u64) -> Option<(&'static str, f64)> {
    let mut sums = vec![0_u64; KINDS_OF_WORK.len()];
    for (frames, samples) in stacks.iter() {
        let has = |parts: &[&str]| {
            frames.iter().any(|frame| {
                let frame = frame.to_ascii_lowercase();
                !frame.ends_with("_[k]") && parts.iter().any(|part| has_word(&frame, part))
            })
        };
        for (sum, (_, parts)) in sums.iter_mut().zip(KINDS_OF_WORK) {
            if has(parts) {
                *sum += samples;
            }
        }
    }
    let (sum, (work, _)) = sums
        .into_iter()
        .zip(KINDS_OF_WORK)
        .max_by_key(|(sum, _)| *sum)?;
    let share = sum as f64 / all.max(1) as f64;
    (share >= STANDS_OUT / 2.0).then_some((work, share))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hot(stacks: &str) -> Option<HotFunction> {
        hot_function(&stacks.parse().unwrap(), &[])
    }

    #[test]
    fn names_the_most_specific_function_and_its_caller() {
        let stacks = "t;start_thread;tokio::run;app::feed;app::rows;sqlite3_step;sqlite3VdbeExec 50\n\
                      t;start_thread;tokio::run;app::feed;app::rows;sqlite3_step 5\n\
                      t;start_thread;tokio::run;app::user;app::write;tcp_sendmsg_[k] 45\n";
        let found = hot(stacks).unwrap();
        assert_eq!(found.name, "sqlite3VdbeExec");
        assert_eq!(found.caller.as_deref(), Some("app::rows"));
        assert!((found.share - 0.5).abs() < 1e-9);
        assert_eq!(
            found.sentence("CPU time"),
            "50.0% of the CPU time is in `sqlite3VdbeExec`, called by `app::rows`"
        );
    }

    #[test]
    fn a_function_that_only_calls_has_parts() {
        let stacks = "t;app::respond;app::feed;sql::step 22\nt;app::respond;app::feed;sql::parse 10\n\
                      t;app::respond;app::user;json::write 18\nt;app::respond;app::x 2\nt;app::log 30\n";
        let found = hot(stacks).unwrap();
        assert_eq!(found.name, "app::respond");
        let names: Vec<&str> = found.parts.iter().map(|part| part.0.as_str()).collect();
        assert_eq!(names, ["sql::step", "json::write"]);
        assert_eq!(found.focus().0, "sql::step");
    }

    #[test]
    fn recursion_counts_once() {
        let found = hot("t;main;walk;walk;walk 60\nt;main;other 40\n").unwrap();
        assert_eq!((found.name.as_str(), found.share), ("walk", 0.6));
    }

    #[test]
    fn nothing_stands_out_in_a_flat_profile_or_in_runtimes() {
        assert_eq!(hot("t;a 34\nt;b 33\nt;c 33\n"), None);
        assert_eq!(
            hot("t;start_thread;tokio::run;std::x;tcp_sendmsg_[k] 100\n"),
            None
        );
        assert_eq!(hot(""), None);
    }

    #[test]
    fn functions_of_python_have_their_file() {
        let stacks = "python;_PyEval_EvalFrame;py::<module>:/srv/app.py;py::view.<locals>.inner:/srv/app.py;gen_iternext 9\n";
        assert_eq!(hot(stacks).unwrap().name, "view (app.py)");
    }

    #[test]
    fn functions_of_node_have_their_file_and_line() {
        for (name, expected) in [
            ("JS:*render /srv/app/views.js:12:7", "render (views.js:12)"),
            (
                "JS:* /srv/app/views.js:30:34",
                "anonymous function (views.js:30)",
            ),
        ] {
            assert_eq!(hot(&format!("node;{name} 9\n")).unwrap().name, expected);
        }
    }

    #[test]
    fn work_with_a_name_of_its_own_is_named() {
        let stacks = "t;app::serve;serde_json::ser::to_vec 30\nt;app::serve 70\n";
        let (work, share) = hot(stacks).unwrap().work.unwrap();
        assert_eq!((work, share), ("turning values into JSON and back", 0.3));
    }
}
