//! A history as a page: a chart for each metric, its changes marked.

use maud::{Markup, html};
use tenfold_analysis::history::{Problem, Trend, Trends};
use tenfold_analysis::words;

use crate::chart::{self, Description, Ink};
use crate::gate::figures::NOTHING;
use crate::history::sentence;
use crate::html::figures::{Data, figure, head, section, table};
use crate::html::page;
use crate::html::prose::capitalised;

/// Renders a history. The page holds no script and loads nothing; every text is escaped.
pub fn render(trends: &Trends, problems: &[Problem]) -> String {
    let changed = trends.trends.iter().any(|trend| !trend.changes.is_empty());
    let body: Markup = html! {
        header.plain {
            p.origin { span.brand { "Tenfold" } span { "history" } }
            h1 { (sentence::lead(trends)) }
            p.lead {
                "A change is where the level of a series steps (E-divisive with means): its chance, were "
                "nothing changed, is at most " (words::percent(trends.settings.significance)) " a series. "
                "A machine that is busy for days shows changes that the software did not make."
            }
        }
        main {
            @if changed { (section("changes", "Changes", "", &table(&changes(trends)))) }
            @for (index, one) in trends.trends.iter().enumerate() { (trend(index, one)) }
            @if !problems.is_empty() {
                (section("problems", "Lines that are skipped", "", &html! {
                    ul { @for problem in problems { li { (capitalised(&problem.to_string())) } } }
                }))
            }
        }
    };
    page::page("history", &body)
}

fn changes(trends: &Trends) -> Data {
    Data {
        head: head(&[
            "metric", "change", "before", "after", "p", "revision", "when",
        ]),
        rows: trends
            .trends
            .iter()
            .flat_map(|trend| {
                trend.changes.iter().map(move |change| {
                    vec![
                        sentence::title(trend),
                        words::change(change.change),
                        sentence::value(trend, change.before),
                        sentence::value(trend, change.after),
                        format!("{:.3}", change.p_value),
                        sentence::revision(change),
                        change.at.clone(),
                    ]
                })
            })
            .collect(),
    }
}

fn trend(index: usize, trend: &Trend) -> Markup {
    let say = |value: f64| sentence::value(trend, value);
    let description = Description {
        id: format!("trend-{index}"),
        title: sentence::title(trend),
        text: format!(
            "{} values in order of time, with the median of each stretch; {} changes.",
            words::count(trend.points.len() as u64),
            trend.changes.len()
        ),
    };
    let data = Data {
        head: head(&[
            "entry",
            "when",
            "build",
            "revision",
            "value",
            "effect of its gate",
            "interval",
        ]),
        rows: trend
            .points
            .iter()
            .enumerate()
            .map(|(index, point)| {
                let interval = point.effect.and_then(|effect| effect.interval);
                let or_nothing = |said: Option<String>| said.unwrap_or_else(|| NOTHING.to_owned());
                vec![
                    (index + 1).to_string(),
                    point.at.clone(),
                    point.label.clone(),
                    or_nothing(point.revision.clone()),
                    say(point.value),
                    or_nothing(point.effect.map(|effect| words::change(effect.value))),
                    or_nothing(interval.map(|interval| {
                        let ends = [interval.low, interval.high].map(words::change);
                        ends.join(" to ")
                    })),
                ]
            })
            .collect(),
    };
    let content = html! {
        @for change in &trend.changes { p { (sentence::change(trend, change)) } }
        @for remark in sentence::remarks(trend) { p.note { (capitalised(&remark)) "." } }
        (figure(
            chart::trend(&description, trend, say),
            &[(Ink::Response, "values"), (Ink::Achieved, "medians between changes"), (Ink::Lost, "changes")],
            &data,
        ))
    };
    section(
        &format!("series-{index}"),
        &sentence::title(trend),
        "",
        &content,
    )
}
