//! Terminal with the dashboard, drawn by a thread of its own.
//!
//! The terminal may go away, or stop reading: the thread then ends or stays behind, and the run goes on.

use std::io::{Stderr, stderr};
use std::mem::ManuallyDrop;
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::time::{Duration, Instant};

use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use ratatui::crossterm::cursor::Show;
use ratatui::crossterm::execute;
use ratatui::crossterm::terminal::{
    EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};
use tenfold_loadgen::Progress;

use super::dashboard::Dashboard;
use super::keyboard::{Keyboard, Typed};
use super::plan::Plan;
use crate::interrupt;
use crate::output::worker::Worker;

/// Time to wait for a key.
const KEY_WAIT: Duration = Duration::from_millis(50);

/// Longest time between two frames, which moves the clock forward.
const FRAME_MAX: Duration = Duration::from_millis(250);

/// Messages that may wait to be drawn. Further ones are discarded.
const QUEUE_MAX: usize = 8;

/// `true` while the terminal has to be restored.
static NEEDS_RESTORE: AtomicBool = AtomicBool::new(false);

/// A terminal with a dashboard on it.
pub(crate) struct Screen {
    messages: Option<SyncSender<Progress>>,
    thread: Option<Worker>,
}

impl Screen {
    /// Switches the terminal to the dashboard, and starts to draw.
    ///
    /// # Errors
    /// Fails if the terminal can't be drawn on. It is then restored.
    pub(crate) fn start(plan: Plan) -> std::io::Result<Self> {
        restore_on_panic();
        interrupt::before_abort(restore);
        NEEDS_RESTORE.store(true, Ordering::SeqCst);
        let terminal = open_terminal().inspect_err(|_| restore())?;
        let (messages, receiver) = sync_channel(QUEUE_MAX);
        let thread = Worker::start("live", move || {
            draw(terminal, Dashboard::new(plan), &receiver);
            restore();
        });
        let thread = thread.inspect_err(|_| restore())?;
        Ok(Self {
            messages: Some(messages),
            thread: Some(thread),
        })
    }

    /// Draws the progress of the run.
    pub(crate) fn show(&self, progress: &Progress) {
        if let Some(messages) = &self.messages {
            // The generator never waits for a terminal.
            let _ = messages.try_send(progress.clone());
        }
    }

    /// Stops drawing and restores the terminal. Does not wait for a terminal that nobody reads.
    pub(crate) fn finish(&mut self) {
        drop(self.messages.take());
        if let Some(thread) = self.thread.take() {
            thread.finish();
        }
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        self.finish();
    }
}

fn open_terminal() -> std::io::Result<Terminal<CrosstermBackend<Stderr>>> {
    enable_raw_mode()?;
    execute!(stderr(), EnterAlternateScreen)?;
    Terminal::new(CrosstermBackend::new(stderr()))
}

/// Restores the terminal if necessary. Can be called from any thread, any number of times.
fn restore() {
    if NEEDS_RESTORE.swap(false, Ordering::SeqCst) {
        // Nothing can be done if the terminal does not respond.
        let _ = execute!(stderr(), LeaveAlternateScreen, Show);
        let _ = disable_raw_mode();
    }
}

/// Restores the terminal before the message of a panic is printed.
fn restore_on_panic() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let previous = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            restore();
            previous(panic);
        }));
    });
}

/// Draws progress and handles keys until the channel closes or the terminal goes away.
fn draw(
    terminal: Terminal<CrosstermBackend<Stderr>>,
    mut dashboard: Dashboard,
    receiver: &Receiver<Progress>,
) {
    // Dropping it panics if the terminal has gone. It would only show the cursor, as `restore` does.
    let mut terminal = ManuallyDrop::new(terminal);
    let keyboard = Keyboard::open().ok();
    let mut drawn: Option<Instant> = None;
    loop {
        let mut changed = false;
        loop {
            match receiver.try_recv() {
                Ok(progress) => dashboard.update(progress),
                Err(TryRecvError::Empty) => break,
                Err(TryRecvError::Disconnected) => return,
            }
            changed = true;
        }
        if changed || drawn.is_none_or(|at| at.elapsed() >= FRAME_MAX) {
            // A panic on another thread has restored the terminal.
            if !NEEDS_RESTORE.load(Ordering::SeqCst)
                || terminal.draw(|frame| dashboard.draw(frame)).is_err()
            {
                return;
            }
            drawn = Some(Instant::now());
        }
        match keyboard.as_ref().map(|keyboard| keyboard.wait(KEY_WAIT)) {
            Some(Typed::Stops(stops)) => {
                for _ in 0..stops {
                    dashboard.set_stopping();
                    drawn = None;
                    interrupt::request();
                }
            }
            Some(Typed::Gone) => return,
            // The dashboard can still be drawn without keys.
            None => std::thread::sleep(KEY_WAIT),
        }
    }
}
