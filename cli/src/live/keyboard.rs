//! Keyboard of a terminal, which may go away at any time.
//!
//! Not that of crossterm: its reader never returns once a terminal has gone, and uses a whole processor.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

/// Ctrl-C, which is an ordinary key in raw mode.
const CTRL_C: u8 = 0x03;

/// First byte of the sequence of a function key, and of a key pressed with Alt.
const ESCAPE: u8 = 0x1b;

/// Keyboard of a terminal in raw mode.
#[derive(Debug)]
pub(super) struct Keyboard {
    terminal: OwnedFd,
}

/// Result of a wait for keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Typed {
    /// Number of keys that stop a run: `q` and Ctrl-C. Other keys are ignored.
    Stops(usize),
    /// The terminal has gone.
    Gone,
}

impl Keyboard {
    /// Opens the keyboard of standard input if that is a terminal, otherwise of the controlling terminal.
    ///
    /// # Errors
    /// Fails if there is no terminal.
    pub(super) fn open() -> io::Result<Self> {
        let stdin = io::stdin();
        let terminal = match io::IsTerminal::is_terminal(&stdin) {
            true => stdin.as_fd().try_clone_to_owned()?,
            false => File::open("/dev/tty")?.into(),
        };
        Ok(Self { terminal })
    }

    /// Waits for keys, for at most `timeout`.
    pub(super) fn wait(&self, timeout: Duration) -> Typed {
        let timeout = Timespec {
            tv_sec: i64::try_from(timeout.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: timeout.subsec_nanos().into(),
        };
        let mut waited = [PollFd::new(&self.terminal, PollFlags::IN)];
        match poll(&mut waited, Some(&timeout)) {
            Ok(0) | Err(Errno::INTR) => return Typed::Stops(0),
            Ok(_) => {}
            Err(_) => return Typed::Gone,
        }
        let found = waited[0].revents();
        if found.intersects(PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL) {
            return Typed::Gone;
        }
        let mut bytes = [0; 256];
        match rustix::io::read(&self.terminal, &mut bytes) {
            // In raw mode, Ctrl-D is a byte, so this is no end that somebody typed.
            Ok(0) => Typed::Gone,
            Ok(count) => Typed::Stops(stops(bytes.get(..count).unwrap_or_default())),
            Err(Errno::INTR | Errno::AGAIN) => Typed::Stops(0),
            Err(_) => Typed::Gone,
        }
    }
}

/// Counts the keys that stop a run. The sequences of function keys may contain a `q`, which does not count.
fn stops(bytes: &[u8]) -> usize {
    let mut left = bytes.iter().copied();
    let mut count = 0;
    while let Some(byte) = left.next() {
        let key = match byte {
            ESCAPE => match left.next() {
                // A control sequence: parameters up to a final byte (ECMA-48, 5.4).
                Some(b'[') => {
                    left.find(|byte| (0x40..=0x7e).contains(byte));
                    continue;
                }
                // A function key of a VT100: one more byte.
                Some(b'O') => {
                    left.next();
                    continue;
                }
                // A key with Alt.
                Some(key) => key,
                None => continue,
            },
            key => key,
        };
        count += usize::from(key == b'q' || key == CTRL_C);
    }
    count
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rustix::pty::{OpenptFlags, grantpt, ioctl_tiocgptpeer, openpt, unlockpt};

    use super::*;

    /// Returns the two ends of a pseudo-terminal in raw mode.
    fn terminal() -> (OwnedFd, Keyboard) {
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY;
        let master = openpt(flags).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let terminal = ioctl_tiocgptpeer(&master, flags).unwrap();
        let mut mode = rustix::termios::tcgetattr(&terminal).unwrap();
        mode.make_raw();
        rustix::termios::tcsetattr(&terminal, rustix::termios::OptionalActions::Now, &mode)
            .unwrap();
        (master, Keyboard { terminal })
    }

    #[test]
    fn reads_keys_until_terminal_goes() {
        let (master, keyboard) = terminal();
        assert_eq!(keyboard.wait(Duration::ZERO), Typed::Stops(0));
        rustix::io::write(&master, b"xq\x1b[A\x03").unwrap();
        assert_eq!(keyboard.wait(Duration::from_secs(5)), Typed::Stops(2));
        drop(master);
        for _ in 0..3 {
            assert_eq!(keyboard.wait(Duration::from_secs(5)), Typed::Gone);
        }
    }

    #[test]
    fn terminal_that_goes_ends_a_wait() {
        let (master, keyboard) = terminal();
        let waiting = std::thread::spawn(move || keyboard.wait(Duration::from_secs(60)));
        std::thread::sleep(Duration::from_millis(50));
        drop(master);
        assert_eq!(waiting.join().unwrap(), Typed::Gone);
    }

    #[test]
    fn end_of_file_is_a_terminal_that_has_gone() {
        let terminal = File::open("/dev/null").unwrap().into();
        assert_eq!(
            Keyboard { terminal }.wait(Duration::from_secs(5)),
            Typed::Gone
        );
    }

    proptest! {
        #[test]
        fn any_bytes_are_keys(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
            let most = bytes.iter().filter(|byte| [b'q', CTRL_C].contains(byte)).count();
            prop_assert!(stops(&bytes) <= most);
            // Without sequences, each of them counts.
            let plain: Vec<u8> = bytes.into_iter().filter(|byte| *byte != ESCAPE).collect();
            prop_assert_eq!(stops(&plain), most);
        }
    }

    #[test]
    fn only_stop_keys_count() {
        for (typed, expected) in [
            (&b""[..], 0),
            (b"q", 1),
            (b"qq", 2),
            (b"\x03\x03", 2),
            (b"Q\x04\r", 0),
            ("\u{e9}q".as_bytes(), 1),
            // An arrow, a function key, a key with a modifier, and Alt.
            (b"\x1b[A\x1bOq\x1b[1;5q", 0),
            (b"\x1b[15~q", 1),
            (b"\x1bq", 1),
            (b"\x1b", 0),
            (b"\x1b[1;", 0),
        ] {
            assert_eq!(stops(typed), expected, "{typed:?}");
        }
    }
}
