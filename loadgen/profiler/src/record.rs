//! Records of the kernel's ring buffers, as in perf_event_open(2).

/// Fields of a sample that this crate asks for, besides thread and time.
pub(crate) const SAMPLE_FIELDS: [perf_event::SampleFlag; 5] = [
    perf_event::SampleFlag::TID,
    perf_event::SampleFlag::TIME,
    perf_event::SampleFlag::CALLCHAIN,
    perf_event::SampleFlag::REGS_USER,
    perf_event::SampleFlag::STACK_USER,
];

/// Entry of a call chain that is followed by kernel addresses: `PERF_CONTEXT_KERNEL`.
pub(crate) const CONTEXT_KERNEL: u64 = (-128_i64).cast_unsigned();

/// Entry of a call chain that is followed by addresses of the process: `PERF_CONTEXT_USER`.
pub(crate) const CONTEXT_USER: u64 = (-512_i64).cast_unsigned();

/// Smallest value that is not an address but a context: `PERF_CONTEXT_MAX`.
pub(crate) const CONTEXT_MAX: u64 = (-4095_i64).cast_unsigned();

const MMAP2: u32 = 10;
const LOST: u32 = 2;
const COMM: u32 = 3;
const EXIT: u32 = 4;
const THROTTLE: u32 = 5;
const FORK: u32 = 7;
const SAMPLE: u32 = 9;
const LOST_SAMPLES: u32 = 13;
const SWITCH: u32 = 14;

const MISC_SWITCH_OUT: u16 = 1 << 13;
const MISC_SWITCH_OUT_PREEMPT: u16 = 1 << 14;
const MISC_COMM_EXEC: u16 = 1 << 13;

/// Bytes of thread and time at the end of every record but a sample.
const TRAILER_BYTES: usize = 16;

/// Registers of the 64-bit form.
const REGISTERS_64: u64 = 2;

/// A record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Record {
    /// Process.
    pub(crate) pid: u32,
    /// Thread.
    pub(crate) tid: u32,
    /// Time of `CLOCK_MONOTONIC`, in nanoseconds.
    pub(crate) time_ns: u64,
    /// Contents.
    pub(crate) event: Event,
}

/// Contents of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Event {
    /// A sample of a thread's stack, by the clock.
    Sample(Sample),
    /// A sample of the stack with which a thread leaves its CPU.
    SwitchSample(Sample),
    /// The thread got a CPU.
    SwitchIn,
    /// The thread lost its CPU.
    SwitchOut {
        /// It could have run on.
        preempted: bool,
    },
    /// A process or thread started. Its ids are the record's.
    Fork {
        /// Process that started it.
        parent_pid: u32,
    },
    /// A thread ended. Its ids are the record's.
    Exit,
    /// The thread changed its name.
    Name {
        /// The new name.
        name: String,
        /// The process started another program.
        exec: bool,
    },
    /// The process mapped code.
    Map(Mapping),
    /// Records were lost because the ring buffer was full.
    Lost(u64),
    /// The kernel stopped sampling for a moment.
    Throttled,
}

/// A sample of a thread's stack.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Sample {
    /// Call chain of the kernel: contexts and addresses, innermost first.
    pub(crate) chain: Vec<u64>,
    /// Registers of the process, in the order of their bits. Empty for a thread of the kernel or a 32-bit process.
    pub(crate) registers: Vec<u64>,
    /// Copy of the stack from the stack pointer on.
    pub(crate) stack: Vec<u8>,
}

/// Memory of a process that holds code.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Mapping {
    /// First address.
    pub(crate) start: u64,
    /// Address after the last.
    pub(crate) end: u64,
    /// Offset in the file.
    pub(crate) offset: u64,
    /// File or kind of memory, as in `/proc/PID/maps`.
    pub(crate) name: String,
}

/// Parses a record: its type and flags, and the bytes after its header. `registers` is the number of registers of a sample.
///
/// `None` if the record is of another type or is damaged.
pub(crate) fn parse(kind: u32, misc: u16, bytes: &[u8], registers: u32) -> Option<Record> {
    if kind == SAMPLE {
        return sample(bytes, registers);
    }
    let (body, trailer) = bytes.split_at_checked(bytes.len().checked_sub(TRAILER_BYTES)?)?;
    let mut trailer = Bytes(trailer);
    let mut record = Record {
        pid: trailer.u32()?,
        tid: trailer.u32()?,
        time_ns: trailer.u64()?,
        event: Event::SwitchIn,
    };
    let mut body = Bytes(body);
    record.event = match kind {
        SWITCH if misc & MISC_SWITCH_OUT == 0 => Event::SwitchIn,
        SWITCH => Event::SwitchOut {
            preempted: misc & MISC_SWITCH_OUT_PREEMPT != 0,
        },
        FORK => {
            record.pid = body.u32()?;
            let parent_pid = body.u32()?;
            record.tid = body.u32()?;
            Event::Fork { parent_pid }
        }
        EXIT => {
            record.pid = body.u32()?;
            body.u32()?;
            record.tid = body.u32()?;
            Event::Exit
        }
        COMM => {
            record.pid = body.u32()?;
            record.tid = body.u32()?;
            Event::Name {
                name: body.text(),
                exec: misc & MISC_COMM_EXEC != 0,
            }
        }
        MMAP2 => {
            record.pid = body.u32()?;
            record.tid = body.u32()?;
            let start = body.u64()?;
            let end = start.checked_add(body.u64()?)?;
            let offset = body.u64()?;
            // Device, inode, its generation, protection, flags.
            body.take(32)?;
            Event::Map(Mapping {
                start,
                end,
                offset,
                name: body.text(),
            })
        }
        LOST => {
            body.u64()?;
            Event::Lost(body.u64()?)
        }
        LOST_SAMPLES => Event::Lost(body.u64()?),
        THROTTLE => Event::Throttled,
        _ => return None,
    };
    Some(record)
}

fn sample(bytes: &[u8], registers: u32) -> Option<Record> {
    let mut bytes = Bytes(bytes);
    let (pid, tid, time_ns) = (bytes.u32()?, bytes.u32()?, bytes.u64()?);
    let mut sample = Sample::default();
    let chain = bytes.u64()?;
    sample.chain = bytes.u64s(usize::try_from(chain).ok()?)?;
    match bytes.u64()? {
        0 => {}
        REGISTERS_64 => sample.registers = bytes.u64s(registers as usize)?,
        // The registers of a 32-bit process have the same form.
        _ => drop(bytes.u64s(registers as usize)?),
    }
    let size = usize::try_from(bytes.u64()?).ok()?;
    if size > 0 {
        let copy = bytes.take(size)?;
        let filled = usize::try_from(bytes.u64()?).ok()?;
        sample.stack = copy.get(..filled)?.to_vec();
    }
    Some(Record {
        pid,
        tid,
        time_ns,
        event: Event::Sample(sample),
    })
}

/// Bytes that are left to parse.
struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn u32(&mut self) -> Option<u32> {
        Some(u32::from_ne_bytes(self.take(4)?.try_into().ok()?))
    }

    fn u64(&mut self) -> Option<u64> {
        Some(u64::from_ne_bytes(self.take(8)?.try_into().ok()?))
    }

    fn u64s(&mut self, count: usize) -> Option<Vec<u64>> {
        let bytes = self.take(count.checked_mul(8)?)?;
        let (numbers, _) = bytes.as_chunks::<8>();
        Some(
            numbers
                .iter()
                .map(|bytes| u64::from_ne_bytes(*bytes))
                .collect(),
        )
    }

    /// Text up to the first zero byte.
    fn text(&mut self) -> String {
        let end = self.0.iter().position(|byte| *byte == 0);
        String::from_utf8_lossy(&self.0[..end.unwrap_or(self.0.len())]).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn bytes(words: &[u64]) -> Vec<u8> {
        words.iter().flat_map(|word| word.to_ne_bytes()).collect()
    }

    fn pair(low: u32, high: u32) -> u64 {
        let mut bytes = [0; 8];
        bytes[..4].copy_from_slice(&low.to_ne_bytes());
        bytes[4..].copy_from_slice(&high.to_ne_bytes());
        u64::from_ne_bytes(bytes)
    }

    #[test]
    fn reads_samples() {
        let whole = bytes(&[
            pair(7, 8),
            99,
            3,
            CONTEXT_USER,
            1,
            2,
            REGISTERS_64,
            11,
            12,
            16,
            21,
            22,
            8,
        ]);
        let record = parse(SAMPLE, 0, &whole, 2).unwrap();
        let sample = Sample {
            chain: vec![CONTEXT_USER, 1, 2],
            registers: vec![11, 12],
            stack: bytes(&[21]),
        };
        assert_eq!((record.pid, record.tid, record.time_ns), (7, 8, 99));
        assert_eq!(record.event, Event::Sample(sample));
        // A thread of the kernel has neither registers nor a stack.
        let kernel = bytes(&[pair(0, 8), 99, 0, 0, 0]);
        assert_eq!(
            parse(SAMPLE, 0, &kernel, 2).unwrap().event,
            Event::Sample(Sample::default())
        );
        // The kernel claims more stack than it copied.
        let claim = bytes(&[pair(7, 8), 99, 0, 0, 8, 21, 9]);
        assert_eq!(parse(SAMPLE, 0, &claim, 2), None);
    }

    #[test]
    fn reads_switches() {
        let trailer = bytes(&[pair(7, 8), 99]);
        let event = |misc| parse(SWITCH, misc, &trailer, 3).unwrap().event;
        assert_eq!(event(0), Event::SwitchIn);
        assert_eq!(event(1 << 13), Event::SwitchOut { preempted: false });
        assert_eq!(event(3 << 13), Event::SwitchOut { preempted: true });
    }

    #[test]
    fn reads_life_of_processes() {
        let fork = bytes(&[pair(9, 7), pair(10, 8), 5, pair(7, 8), 99]);
        let record = parse(FORK, 0, &fork, 3).unwrap();
        assert_eq!((record.pid, record.tid), (9, 10));
        assert_eq!(record.event, Event::Fork { parent_pid: 7 });
        let record = parse(EXIT, 0, &fork, 3).unwrap();
        assert_eq!((record.tid, record.event), (10, Event::Exit));

        let mut name = bytes(&[pair(9, 10)]);
        name.extend(b"worker\0\0");
        name.extend(bytes(&[pair(9, 10), 99]));
        assert_eq!(
            parse(COMM, MISC_COMM_EXEC, &name, 3).unwrap().event,
            Event::Name {
                name: "worker".to_owned(),
                exec: true
            }
        );

        let mut map = bytes(&[pair(9, 10), 0x1000, 0x2000, 0x30, 1, 2, 3, 4]);
        map.extend(b"/bin/x\0\0");
        map.extend(bytes(&[pair(9, 10), 99]));
        assert_eq!(
            parse(MMAP2, 0, &map, 3).unwrap().event,
            Event::Map(Mapping {
                start: 0x1000,
                end: 0x3000,
                offset: 0x30,
                name: "/bin/x".to_owned()
            })
        );
        let lost = bytes(&[1, 42, pair(9, 10), 99]);
        assert_eq!(parse(LOST, 0, &lost, 3).unwrap().event, Event::Lost(42));
        assert_eq!(parse(77, 0, &lost, 3), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(
            kind in 0_u32..20,
            misc: u16,
            bytes in proptest::collection::vec(any::<u8>(), 0..200),
            registers in 0_u32..8,
        ) {
            let _ = parse(kind, misc, &bytes, registers);
        }

        #[test]
        fn cut_samples_are_refused(length in 0_usize..96) {
            let whole = bytes(&[pair(7, 8), 99, 2, CONTEXT_USER, 1, REGISTERS_64, 11, 12, 16, 21, 22, 8]);
            prop_assert!(parse(SAMPLE, 0, &whole, 2).is_some());
            prop_assert_eq!(parse(SAMPLE, 0, &whole[..length], 2), None);
        }
    }
}
