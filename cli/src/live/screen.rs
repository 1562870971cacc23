//! The terminal that the dashboard is drawn on, by a thread of its own.

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

/// How often keys are looked for.
const LOOK: Duration = Duration::from_millis(50);

/// How often the clock moves on where nothing else happens.
const REDRAW: Duration = Duration::from_millis(250);

/// Messages that may wait to be drawn; whatever comes while there are more is not drawn.
const MESSAGES: usize = 8;

/// Whether the terminal has to be restored.
static IS_TAKEN: AtomicBool = AtomicBool::new(false);

/// A terminal with a dashboard on it.
pub(crate) struct Screen {
    messages: Option<SyncSender<Progress>>,
    thread: Option<JoinHandle<()>>,
}

impl Screen {
    /// Takes the terminal and begins to draw.
    ///
    /// # Errors
    /// Fails where the terminal can't be drawn on; it is as it was then.
    pub(crate) fn start(plan: Plan) -> std::io::Result<Self> {
        restore_on_panic();
        IS_TAKEN.store(true, Ordering::SeqCst);
        let terminal = take().inspect_err(|_| restore())?;
        let (messages, told) = sync_channel(MESSAGES);
        let thread = std::thread::Builder::new()
            .name("live".into())
            .spawn(move || watch(terminal, Dashboard::new(plan), &told))
            .inspect_err(|_| restore())?;
        Ok(Self {
            messages: Some(messages),
            thread: Some(thread),
        })
    }

    /// Draws how the run stands now.
    pub(crate) fn show(&self, progress: &Progress) {
        if let Some(messages) = &self.messages {
            // The generator never waits for a terminal.
            let _ = messages.try_send(progress.clone());
        }
    }

    /// Gives the terminal back.
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

fn take() -> std::io::Result<Terminal<CrosstermBackend<Stderr>>> {
    enable_raw_mode()?;
    execute!(stderr(), EnterAlternateScreen)?;
    Terminal::new(CrosstermBackend::new(stderr()))
}

/// Gives the terminal back, if it was taken; from any thread, any number of times.
pub(crate) fn restore() {
    if IS_TAKEN.swap(false, Ordering::SeqCst) {
        // Whoever can't be told can't be helped either.
        let _ = execute!(stderr(), LeaveAlternateScreen, Show);
        let _ = disable_raw_mode();
    }
}

/// Sees to it that the message of a panic can be read.
fn restore_on_panic() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            restore();
            before(panic);
        }));
    });
}

/// Draws what it is told, and passes keys on, until nobody tells any more.
fn watch(
    mut terminal: Terminal<CrosstermBackend<Stderr>>,
    mut dashboard: Dashboard,
    told: &Receiver<Progress>,
) {
    let mut drawn: Option<Instant> = None;
    loop {
        let mut changed = false;
        loop {
            match told.try_recv() {
                Ok(progress) => dashboard.tell(progress),
                Err(TryRecvError::Empty) => break,
                Err(TryRecvError::Disconnected) => return,
            }
            changed = true;
        }
        if changed || drawn.is_none_or(|at| at.elapsed() >= REDRAW) {
            // A panic elsewhere has given the terminal back.
            if !IS_TAKEN.load(Ordering::SeqCst)
                || terminal.draw(|frame| dashboard.draw(frame)).is_err()
            {
                return;
            }
            drawn = Some(Instant::now());
        }
        match event::poll(LOOK) {
            Ok(true) => match event::read() {
                Ok(event) if asks_to_stop(&event) => {
                    dashboard.stop();
                    drawn = None;
                    interrupt::ask();
                }
                Ok(Event::Resize(..)) => drawn = None,
                Ok(_) => {}
                Err(_) => return,
            },
            Ok(false) => {}
            // Without keys it can still be drawn.
            Err(_) => std::thread::sleep(LOOK),
        }
    }
}

/// In raw mode Ctrl-C is a key like any other.
fn asks_to_stop(event: &Event) -> bool {
    let Event::Key(key) = event else { return false };
    let control = key.modifiers.contains(KeyModifiers::CONTROL);
    key.kind == KeyEventKind::Press
        && match key.code {
            KeyCode::Char('q') => true,
            KeyCode::Char('c') => control,
            _ => false,
        }
}
