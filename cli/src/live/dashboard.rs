//! Dashboard of a run, for terminals of any size.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::symbols::Marker;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Axis, Block, Borders, Chart, Dataset, GraphType, Paragraph};
use tenfold_analysis::format;
use tenfold_loadgen::{Percentiles, Progress};
use tenfold_run_dir::Blame;

use super::plan::Plan;

/// Longest time span of the latency chart, in seconds.
const SPAN_S_MAX: f64 = 180.0;

/// Shortest time span of the latency chart, in seconds.
const SPAN_S_MIN: f64 = 30.0;

/// Columns and rows of the smallest terminal with a chart. On a smaller one, all numbers are in one column.
const WIDE: (u16, u16) = (72, 20);

/// Bars of one to eight eighths of a row.
const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

const DIM: Style = Style::new().fg(Color::DarkGray);
const BOLD: Style = Style::new().add_modifier(Modifier::BOLD);
const MEDIAN: Style = Style::new().fg(Color::Cyan);
const TAIL: Style = Style::new().fg(Color::Yellow);
const ALARM: Style = Style::new().fg(Color::Red);
const CURRENT: Style = Style::new().fg(Color::Green);

/// A second of the latency chart. Latencies are in seconds.
#[derive(Debug, Clone, Copy)]
struct Point {
    at_s: f64,
    p50: Option<f64>,
    p99: Option<f64>,
}

/// Dashboard of a run.
#[derive(Debug)]
pub(crate) struct Dashboard {
    plan: Plan,
    now: Progress,
    updated: Option<Instant>,
    past: VecDeque<Point>,
    is_stopping: bool,
}

impl Dashboard {
    /// Creates the dashboard of a run that has not started.
    pub(crate) fn new(plan: Plan) -> Self {
        Self {
            plan,
            now: Progress::default(),
            updated: None,
            past: VecDeque::new(),
            is_stopping: false,
        }
    }

    /// Updates the progress of the run.
    pub(crate) fn update(&mut self, progress: Progress) {
        let at_s = progress.elapsed.as_secs_f64();
        let seconds = |ns: Option<u64>| ns.map(|ns| ns as f64 / 1e9);
        self.past.push_back(Point {
            at_s,
            p50: seconds(progress.response.p50),
            p99: seconds(progress.response.p99),
        });
        while self
            .past
            .front()
            .is_some_and(|point| point.at_s < at_s - SPAN_S_MAX)
        {
            self.past.pop_front();
        }
        self.now = progress;
        self.updated = Some(Instant::now());
    }

    /// Shows from now on that the run is stopping.
    pub(crate) fn set_stopping(&mut self) {
        self.is_stopping = true;
    }

    /// Draws the dashboard.
    pub(crate) fn draw(&self, frame: &mut Frame) {
        let since = self
            .updated
            .map_or(Duration::ZERO, |updated| updated.elapsed());
        self.draw_at(frame, self.now.elapsed + since.min(Duration::from_secs(5)));
    }

    fn draw_at(&self, frame: &mut Frame, elapsed: Duration) {
        let elapsed = match self.updated {
            Some(_) => elapsed,
            None => Duration::ZERO,
        };
        let area = frame.area();
        if area.width >= WIDE.0 && area.height >= WIDE.1 {
            self.wide(frame, elapsed);
        } else {
            self.narrow(frame, elapsed);
        }
    }

    fn wide(&self, frame: &mut Frame, elapsed: Duration) {
        let [title, numbers, chart, plan, keys] = Layout::vertical([
            Constraint::Length(1),
            Constraint::Length(7),
            Constraint::Min(6),
            Constraint::Length(5),
            Constraint::Length(1),
        ])
        .areas(frame.area());
        let [counts, latencies] = Layout::horizontal([Constraint::Length(30), Constraint::Min(40)])
            .spacing(1)
            .areas(numbers);
        frame.render_widget(self.title(title.width, elapsed), title);
        let block = |title: &'static str| {
            Block::new()
                .borders(Borders::TOP)
                .border_style(DIM)
                .title(Line::styled(title, BOLD))
        };
        let legend = Line::from(vec![
            Span::styled("p50 ", MEDIAN),
            Span::styled("p99 ", TAIL),
        ]);
        frame.render_widget(
            Paragraph::new(self.counts(2)).block(block("requests ")),
            counts,
        );
        let rows = Paragraph::new(self.latencies()).block(block("latency, last second "));
        frame.render_widget(rows, latencies);
        self.chart(frame, chart, block("response time ").title(legend));
        let block = block("planned rate ");
        let inner = block.inner(plan);
        frame.render_widget(block, plan);
        self.planned(frame, inner, elapsed);
        frame.render_widget(self.keys(), keys);
    }

    fn narrow(&self, frame: &mut Frame, elapsed: Duration) {
        let area = frame.area();
        let mut lines = self.counts(1);
        lines.extend(self.latencies());
        let wanted = u16::try_from(lines.len()).unwrap_or(u16::MAX);
        let [title, numbers, plan, keys] = Layout::vertical([
            Constraint::Length(1),
            Constraint::Length(wanted.min(area.height.saturating_sub(2))),
            Constraint::Min(0),
            Constraint::Length(1),
        ])
        .areas(area);
        frame.render_widget(self.title(title.width, elapsed), title);
        frame.render_widget(Paragraph::new(lines), numbers);
        match plan.height {
            0 => {}
            1 => frame.render_widget(self.phases(elapsed), plan),
            _ => self.planned(frame, plan, elapsed),
        }
        frame.render_widget(self.keys(), keys);
    }

    fn title(&self, width: u16, elapsed: Duration) -> Line<'_> {
        let time = format!(
            "{} / {} s",
            elapsed.min(self.plan.total).as_secs(),
            self.plan.total.as_secs()
        );
        let lost = match self.now.lost_generators {
            0 => String::new(),
            1 => "1 generator lost  ".to_owned(),
            lost => format!("{lost} generators lost  "),
        };
        let end = lost.chars().count() + time.chars().count();
        let room = usize::from(width).saturating_sub(end + 1);
        let name = clip(&self.plan.scenario, room);
        let left = room.saturating_sub(name.chars().count());
        let target = match left {
            12.. => clip(&format!(" to {}", self.plan.target), left),
            _ => String::new(),
        };
        let gap = room + 1 - name.chars().count() - target.chars().count();
        Line::from(vec![
            Span::styled(name, BOLD),
            Span::raw(target),
            Span::raw(" ".repeat(gap)),
            Span::styled(lost, ALARM),
            Span::styled(time, BOLD),
        ])
    }

    /// Returns the counts, with the `classes_max` most frequent classes of failures.
    fn counts(&self, classes_max: usize) -> Vec<Line<'_>> {
        let now = &self.now;
        let alarming = |label: &'static str, count: u64| {
            let style = if count > 0 { ALARM } else { Style::new() };
            vec![
                Span::styled(label, DIM),
                Span::styled(format::count(count), style),
            ]
        };
        let mut open = vec![
            Span::styled("in flight  ", DIM),
            Span::raw(format::count(now.in_flight)),
        ];
        open.extend(alarming("  waiting ", now.waiting));
        let mut lost = alarming("failed     ", now.failed);
        lost.extend(alarming("  dropped ", now.dropped));
        let mut lines = vec![
            Line::from(vec![
                Span::styled("offered    ", DIM),
                Span::raw(format::rate(now.offered_per_s)),
            ]),
            Line::from(vec![
                Span::styled("achieved   ", DIM),
                Span::raw(format::rate(now.achieved_per_s)),
            ]),
            Line::from(open),
            Line::from(lost),
        ];
        let mut classes = now.failures.clone();
        classes.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        for (class, count) in classes.iter().take(classes_max) {
            // Each class of the generator is a reason to stop and to raise a limit.
            let own = match class.blame() {
                Blame::Generator => " (generator)",
                Blame::Service | Blame::Scenario => "",
            };
            let text = format!("  {class}{own} {}", format::count(*count));
            lines.push(Line::styled(text, ALARM));
        }
        lines
    }

    fn latencies(&self) -> Vec<Line<'_>> {
        let head = format!("{:8}{:>9}{:>9}{:>9}", "", "p50", "p90", "p99");
        let row = |name: &'static str, of: &Percentiles| {
            let cell = |ns| format!("{:>9}", format::maybe_duration(ns));
            Line::from(vec![
                Span::styled(format!("{name:8}"), DIM),
                Span::styled(cell(of.p50), MEDIAN),
                Span::raw(cell(of.p90)),
                Span::styled(cell(of.p99), TAIL),
            ])
        };
        vec![
            Line::styled(head, DIM),
            row("response", &self.now.response),
            row("service", &self.now.service),
            row("lag", &self.now.lag),
        ]
    }

    fn chart(&self, frame: &mut Frame, area: Rect, block: Block<'_>) {
        let of = |pick: fn(&Point) -> Option<f64>| -> Vec<(f64, f64)> {
            let points = self.past.iter();
            points
                .filter_map(|point| pick(point).map(|value| (point.at_s, value)))
                .collect()
        };
        let (p50, p99) = (of(|point| point.p50), of(|point| point.p99));
        let highest = p50
            .iter()
            .chain(&p99)
            .map(|(_, value)| *value)
            .fold(0.0, f64::max);
        let top = if highest > 0.0 { highest * 1.1 } else { 1e-3 };
        let until = self
            .past
            .back()
            .map_or(0.0, |point| point.at_s)
            .max(SPAN_S_MIN);
        let from = (until - SPAN_S_MAX).max(0.0);
        let line = |points, style| {
            Dataset::default()
                .marker(Marker::Braille)
                .graph_type(GraphType::Line)
                .style(style)
                .data(points)
        };
        let label = |seconds: f64| format::duration_of(seconds * 1e9);
        let axis = Axis::default().style(DIM);
        let chart = Chart::new(vec![line(&p50, MEDIAN), line(&p99, TAIL)])
            .block(block)
            .legend_position(None)
            .x_axis(
                axis.clone()
                    .bounds([from, until])
                    .labels([format!("{from:.0} s"), format!("{until:.0} s")]),
            )
            .y_axis(
                axis.bounds([0.0, top])
                    .labels(["0".to_owned(), label(top / 2.0), label(top)]),
            );
        frame.render_widget(chart, area);
    }

    /// Draws the planned rate as a bar chart, with the elapsed part highlighted, and the phases below it.
    fn planned(&self, frame: &mut Frame, area: Rect, elapsed: Duration) {
        let [bars, phases] =
            Layout::vertical([Constraint::Min(1), Constraint::Length(1)]).areas(area);
        let columns = usize::from(bars.width);
        let heights = self.plan.columns(columns);
        let highest = heights.iter().copied().fold(0.0, f64::max);
        let done = elapsed.as_secs_f64() / self.plan.total.as_secs_f64().max(1e-9);
        let here = ((done * columns as f64) as usize).min(columns.saturating_sub(1));
        let rows = usize::from(bars.height);
        for row in 0..rows {
            let line: Vec<Span<'_>> = heights
                .iter()
                .enumerate()
                .map(|(column, height)| {
                    // A closed model has no planned rate; a flat line shows the progress.
                    let share = if highest > 0.0 {
                        height / highest
                    } else {
                        1e-3
                    };
                    let eighths = (share * (rows * BARS.len()) as f64).ceil() as usize;
                    let eighths = eighths.max(1).saturating_sub((rows - 1 - row) * BARS.len());
                    let bar = match eighths.min(BARS.len()) {
                        0 => ' ',
                        eighths => BARS[eighths - 1],
                    };
                    let style = match column.cmp(&here) {
                        std::cmp::Ordering::Less => MEDIAN,
                        std::cmp::Ordering::Equal => CURRENT,
                        std::cmp::Ordering::Greater => DIM,
                    };
                    Span::styled(bar.to_string(), style)
                })
                .collect();
            let place = Rect {
                y: bars.y + u16::try_from(row).unwrap_or(0),
                height: 1,
                ..bars
            };
            frame.render_widget(Line::from(line), place);
        }
        frame.render_widget(self.phases(elapsed), phases);
    }

    /// Returns the current phase and those after it.
    fn phases(&self, elapsed: Duration) -> Line<'_> {
        let mut end = Duration::ZERO;
        let mut spans = Vec::new();
        for phase in &self.plan.phases {
            end += phase.duration;
            if end <= elapsed && end < self.plan.total {
                continue;
            }
            let left = end.saturating_sub(elapsed).min(phase.duration);
            let counted = if phase.warm_up { ", not counted" } else { "" };
            if spans.is_empty() {
                spans.push(Span::styled(format!("▶ {}", phase.name), CURRENT));
                spans.push(Span::raw(format!(" {} s left{counted}", left.as_secs())));
            } else {
                let text = format!("  then {} {} s", phase.name, phase.duration.as_secs());
                spans.push(Span::styled(text, DIM));
            }
        }
        Line::from(spans)
    }

    fn keys(&self) -> Line<'static> {
        match self.is_stopping {
            false => Line::styled("q stops the run and keeps the measurements", DIM),
            true => Line::styled("stopping; q again aborts and keeps nothing", ALARM),
        }
    }
}

/// Shortens a text to at most `room` characters.
fn clip(text: &str, room: usize) -> String {
    if text.chars().count() <= room {
        return text.to_owned();
    }
    let kept: String = text.chars().take(room.saturating_sub(1)).collect();
    if room == 0 {
        kept
    } else {
        format!("{kept}…")
    }
}

#[cfg(test)]
mod tests {
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;
    use tenfold_loadgen::Failure;

    use super::*;
    use crate::live::plan::PlannedPhase;

    fn plan() -> Plan {
        let phase = |name: &str, seconds, warm_up| PlannedPhase {
            name: name.to_owned(),
            duration: Duration::from_secs(seconds),
            warm_up,
        };
        Plan {
            scenario: "uneven".to_owned(),
            target: "http://127.0.0.1:8080".to_owned(),
            phases: vec![
                phase("warm-up", 30, true),
                phase("steady", 60, false),
                phase("spike", 30, false),
            ],
            total: Duration::from_secs(120),
            curve: (0..480)
                .map(|index| match index {
                    0..120 => 500.0 + f64::from(index) * 12.5,
                    120..360 => 2_000.0,
                    _ => 4_000.0,
                })
                .collect(),
        }
    }

    fn percentiles(p50: u64) -> Percentiles {
        Percentiles {
            count: 2_000,
            p50: Some(p50),
            p90: Some(p50 * 3),
            p99: Some(p50 * 20),
            max: Some(p50 * 50),
        }
    }

    fn halfway() -> Dashboard {
        let mut dashboard = Dashboard::new(plan());
        for second in 1..=45_u64 {
            let swell = 200_000 + 4_000 * (second % 15) * (second % 15);
            dashboard.update(Progress {
                elapsed: Duration::from_secs(second),
                total: Duration::from_secs(120),
                phase: 1,
                offered_per_s: 2_000.0,
                achieved_per_s: 1_993.0,
                response: percentiles(swell),
                service: percentiles(118_000),
                lag: percentiles(45_000),
                planned: 2_000 * second,
                sent: 2_000 * second,
                completed: 1_990 * second,
                failed: 7 * second,
                failures: vec![
                    (Failure::Connect, 2 * second),
                    (Failure::Timeout, 4 * second),
                    (Failure::UnexpectedStatus, second),
                ],
                dropped: 12,
                in_flight: 38,
                waiting: 3,
                ..Progress::default()
            });
        }
        dashboard
    }

    fn drawn(dashboard: &Dashboard, width: u16, height: u16) -> String {
        let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        let elapsed = dashboard.now.elapsed;
        terminal
            .draw(|frame| dashboard.draw_at(frame, elapsed))
            .unwrap();
        terminal.backend().to_string()
    }

    #[test]
    fn fills_terminal_of_80_by_24() {
        insta::assert_snapshot!(drawn(&halfway(), 80, 24));
    }

    #[test]
    fn fills_large_terminal() {
        insta::assert_snapshot!(drawn(&halfway(), 120, 40));
    }

    #[test]
    fn fits_narrow_terminal() {
        insta::assert_snapshot!(drawn(&halfway(), 40, 12));
    }

    #[test]
    fn shows_plan_before_first_measurement() {
        insta::assert_snapshot!(drawn(&Dashboard::new(plan()), 80, 24));
    }

    #[test]
    fn shows_that_run_is_stopping() {
        let mut dashboard = halfway();
        dashboard.set_stopping();
        assert!(drawn(&dashboard, 80, 24).contains("stopping; q again"));
    }

    #[test]
    fn shows_that_a_generator_is_lost() {
        let mut dashboard = halfway();
        dashboard.now.lost_generators = 1;
        assert!(drawn(&dashboard, 80, 24).contains("1 generator lost  45 / 120 s"));
        dashboard.now.lost_generators = 3;
        assert!(drawn(&dashboard, 40, 12).contains("3 generators lost  45 / 120 s"));
    }

    #[test]
    fn draws_on_terminals_of_any_size() {
        let mut closed = plan();
        closed.curve = vec![0.0; 480];
        for dashboard in [halfway(), Dashboard::new(closed)] {
            for width in (1..30).chain((30..100).step_by(7)) {
                for height in (1..30).step_by(3) {
                    drawn(&dashboard, width, height);
                }
            }
        }
    }

    #[test]
    fn bounds_the_history_of_the_chart() {
        let mut dashboard = Dashboard::new(plan());
        for second in 0..10_000 {
            dashboard.update(Progress {
                elapsed: Duration::from_secs(second),
                ..Progress::default()
            });
        }
        assert!(dashboard.past.len() <= 182);
    }
}
