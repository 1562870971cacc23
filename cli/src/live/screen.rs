//! Terminal with the dashboard, drawn by a thread of its own.

use std::io::{Stderr, stderr};
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use ratatui::crossterm::cursor::Show;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEventKind, KeyModifiers};
use ratatui::crossterm::execute;
use ratatui::crossterm::terminal::{
    EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};
use tenfold_loadgen::Progress;

use super::dashboard::Dashboard;
use super::plan::Plan;
use crate::interrupt;

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
    thread: Option<JoinHandle<()>>,
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
        let thread = std::thread::Builder::new()
            .name("live".into())
            .spawn(move || draw(terminal, Dashboard::new(plan), &receiver))
            .inspect_err(|_| restore())?;
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

    /// Stops drawing and restores the terminal.
    pub(crate) fn finish(&mut self) {
        drop(self.messages.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        restore();
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

/// Draws progress and handles keys until the channel closes.
fn draw(
    mut terminal: Terminal<CrosstermBackend<Stderr>>,
    mut dashboard: Dashboard,
    receiver: &Receiver<Progress>,
) {
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
        match event::poll(KEY_WAIT) {
            Ok(true) => match event::read() {
                Ok(event) if is_stop(&event) => {
                    dashboard.set_stopping();
                    drawn = None;
                    interrupt::request();
                }
                Ok(Event::Resize(..)) => drawn = None,
                Ok(_) => {}
                Err(_) => return,
            },
            Ok(false) => {}
            // The dashboard can still be drawn without keys.
            Err(_) => std::thread::sleep(KEY_WAIT),
        }
    }
}

/// Returns whether an event stops the run: `q`, or Ctrl-C, which is an ordinary key in raw mode.
fn is_stop(event: &Event) -> bool {
    let Event::Key(key) = event else { return false };
    let control = key.modifiers.contains(KeyModifiers::CONTROL);
    key.kind == KeyEventKind::Press
        && match key.code {
            KeyCode::Char('q') => true,
            KeyCode::Char('c') => control,
            _ => false,
        }
}
