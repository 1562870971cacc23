//! Entries of a ledger: nanoseconds by part.

use super::part::Part;

/// Nanoseconds by part. Each nanosecond between the start and the last change is in exactly one part.
///
/// Pure: times are arguments. A time before the last change counts as the last change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entries {
    began_ns: u64,
    last_ns: u64,
    current: Part,
    /// False while the task waits to be woken.
    running: bool,
    ns: [u64; Part::ALL.len()],
}

impl Default for Entries {
    /// Starts at time 0.
    fn default() -> Self {
        Self::new(0)
    }
}

impl Entries {
    /// Starts to record, in the part [`Part::Cpu`].
    pub(crate) fn new(began_ns: u64) -> Self {
        Self {
            began_ns,
            last_ns: began_ns,
            current: Part::Cpu,
            running: true,
            ns: [0; Part::ALL.len()],
        }
    }

    /// Ends the current part, begins another one, and returns the former.
    pub(crate) fn switch(&mut self, to: Part, now_ns: u64) -> Part {
        self.charge(now_ns);
        std::mem::replace(&mut self.current, to)
    }

    /// Suspends the task. The part continues: it is what the task waits for. But a task that waits uses no
    /// processor, so waiting in [`Part::Cpu`] counts as the rest.
    pub(crate) fn suspend(&mut self, now_ns: u64) {
        self.charge(now_ns);
        self.running = false;
    }

    /// Resumes the task. The time since it was woken is [`Part::Sched`].
    pub(crate) fn resume(&mut self, woken_ns: Option<u64>, now_ns: u64) {
        if let Some(woken_ns) = woken_ns {
            let current = self.switch(Part::Sched, woken_ns.min(now_ns));
            self.switch(current, now_ns);
        } else {
            self.charge(now_ns);
        }
        self.running = true;
    }

    /// Moves time from a part to the parts of work that took place during it.
    pub(crate) fn absorb(&mut self, from: Part, work: &Self) {
        for part in Part::ALL {
            let moved = work.ns[part as usize].min(self.ns[from as usize]);
            self.ns[from as usize] -= moved;
            self.ns[part as usize] += moved;
        }
    }

    /// Returns the time in a part, in nanoseconds.
    pub(crate) fn ns(&self, part: Part) -> u64 {
        self.ns[part as usize]
    }

    /// Returns the time between start and last change, in nanoseconds: the sum of all parts.
    pub(crate) fn total_ns(&self) -> u64 {
        self.last_ns - self.began_ns
    }

    /// Records the time until now.
    pub(crate) fn charge(&mut self, now_ns: u64) {
        let part = match self.current {
            Part::Cpu if !self.running => Part::Rest,
            part => part,
        };
        self.ns[part as usize] += now_ns.saturating_sub(self.last_ns);
        self.last_ns = self.last_ns.max(now_ns);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Something that happens to a request, after a pause.
    #[derive(Clone, Debug)]
    enum Step {
        Enter(usize),
        Leave,
        Suspend,
        /// Woken so many nanoseconds before it is polled.
        Resume(Option<u64>),
        /// Work elsewhere, of this share of the wait for it.
        Work(usize, f64),
        /// The clock goes back.
        Back(u64),
    }

    fn step() -> impl Strategy<Value = Step> {
        let part = 0..Part::ALL.len();
        prop_oneof![
            part.clone().prop_map(Step::Enter),
            Just(Step::Leave),
            Just(Step::Suspend),
            proptest::option::of(0..2_000_u64).prop_map(Step::Resume),
            (part, 0.0..=1.0).prop_map(|(part, share)| Step::Work(part, share)),
            (0..100_u64).prop_map(Step::Back),
        ]
    }

    fn sum(entries: &Entries) -> u64 {
        Part::ALL.iter().map(|part| entries.ns(*part)).sum()
    }

    proptest! {
        #[test]
        fn parts_equal_wall_time(
            began in 0..u64::MAX / 2,
            steps in proptest::collection::vec((step(), 0..1_000_u64), 0..200),
        ) {
            let mut now = began;
            let mut entries = Entries::new(began);
            let mut around = Vec::new();
            for (step, pause) in steps {
                now += pause;
                match step {
                    Step::Enter(part) => around.push(entries.switch(Part::ALL[part], now)),
                    Step::Leave => {
                        entries.switch(around.pop().unwrap_or(Part::Cpu), now);
                    }
                    Step::Suspend => entries.suspend(now),
                    Step::Resume(ago) => {
                        entries.resume(ago.map(|ago| now.saturating_sub(ago)), now);
                    }
                    Step::Work(part, share) => {
                        let around = entries.switch(Part::Sched, now);
                        let mut work = Entries::new(now);
                        work.switch(Part::ALL[part], now);
                        now += pause;
                        work.charge(now - (pause as f64 * share) as u64);
                        entries.switch(around, now);
                        entries.absorb(Part::Sched, &work);
                    }
                    Step::Back(ns) => {
                        entries.switch(Part::Cpu, now.saturating_sub(ns));
                    }
                }
                prop_assert_eq!(sum(&entries), entries.total_ns());
            }
            entries.charge(now);
            prop_assert_eq!(sum(&entries), now - began);
        }

        /// Exclusive times of random nested spans, against the sum of the pauses directly in each.
        #[test]
        fn inner_part_pauses_outer(
            moves in proptest::collection::vec(
                (proptest::option::of(0..Part::ALL.len()), 0..1_000_u64), 0..100),
        ) {
            let mut now = 7;
            let mut entries = Entries::new(now);
            let mut stack = vec![Part::Cpu];
            let mut expected = [0; Part::ALL.len()];
            for (entered, pause) in moves {
                now += pause;
                expected[*stack.last().unwrap() as usize] += pause;
                match entered {
                    Some(part) => stack.push(Part::ALL[part]),
                    None if stack.len() > 1 => drop(stack.pop()),
                    None => {}
                }
                entries.switch(*stack.last().unwrap(), now);
            }
            prop_assert_eq!(entries.ns, expected);
        }
    }

    #[test]
    fn wait_counts_for_its_part_and_wake_up_delay_for_sched() {
        let mut entries = Entries::new(100);
        entries.suspend(110);
        entries.resume(Some(140), 145);
        let outer = entries.switch(Part::Pool, 150);
        entries.suspend(152);
        entries.resume(Some(180), 190);
        entries.switch(outer, 191);
        entries.charge(200);
        let part = |part| entries.ns(part);
        assert_eq!(part(Part::Cpu), 10 + 5 + 9);
        assert_eq!(part(Part::Rest), 30);
        assert_eq!(part(Part::Pool), 2 + 28 + 1);
        assert_eq!(part(Part::Sched), 5 + 10);
        assert_eq!(entries.total_ns(), 100);
    }
}
