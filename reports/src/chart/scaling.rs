//! Load, boxes and response time below each other, over the same time.

use tenfold_analysis::{Charts, format};

use crate::chart::axis::{Axis, round_number};
use crate::chart::line::line;
use crate::chart::over_time::{end_s, shade};
use crate::chart::plot::{Description, Ink, Size, strip};

/// Inks of the groups, in their order.
pub(crate) const GROUP_INKS: [Ink; 2] = [Ink::Achieved, Ink::Writes];

/// Draws load, boxes and response time. `None` without groups.
pub(crate) fn scaling(charts: &Charts) -> Option<String> {
    let scaling = &charts.scaling;
    let load_max = scaling.offered.iter().copied().max_by(f64::total_cmp)?;
    let description = |id: &str, title: &str, text: String| Description {
        id: id.to_owned(),
        title: title.to_owned(),
        text,
        at: scaling.at_s.clone(),
    };
    // Only the last axis of time has a name.
    let time = |size: Size, is_last: bool| {
        let mut axis = Axis::time(0.0, end_s(charts), if size.narrow { 4 } else { 12 });
        if !is_last {
            axis.name.clear();
        }
        axis
    };
    let values = || scaling.response.iter().flatten().map(|ns| *ns as f64);
    let latencies = values()
        .min_by(f64::total_cmp)
        .zip(values().max_by(f64::total_cmp));

    let mut drawn = strip(
        &description(
            "scaling-load",
            "Offered requests per second",
            format!("At most {}.", format::rate(load_max)),
        ),
        |size| {
            (
                time(size, false),
                Axis::count("", load_max, 3, round_number),
            )
        },
        |plane, _| {
            shade(plane, charts, (0.0, load_max.max(0.5) * 1.06))?;
            let points = scaling
                .at_s
                .iter()
                .copied()
                .zip(scaling.offered.iter().copied());
            line(plane, Ink::Offered, 2, points.map(Some))
        },
    );
    let boxes = scaling.boxes.iter().flat_map(|(_, counts)| counts);
    let boxes_max = boxes.copied().max().unwrap_or(0);
    let high = f64::from(boxes_max);
    drawn.push_str(&strip(
        &description(
            "scaling-boxes",
            "Boxes that are ready",
            format!("At most {boxes_max} in a group."),
        ),
        |size| {
            (
                time(size, latencies.is_none()),
                Axis::count("", high, 3, round_number),
            )
        },
        |plane, _| {
            shade(plane, charts, (0.0, high.max(0.5) * 1.06))?;
            for ((_, counts), ink) in scaling.boxes.iter().zip(GROUP_INKS.iter().cycle()) {
                let half = scaling.bin_s / 2.0;
                let points = scaling.at_s.iter().zip(counts).flat_map(|(at, count)| {
                    let count = f64::from(*count);
                    [
                        Some(((at - half).max(0.0), count)),
                        Some((at + half, count)),
                    ]
                });
                line(plane, *ink, 2, points)?;
            }
            Ok(())
        },
    ));
    if let Some((low, high)) = latencies {
        drawn.push_str(&strip(
            &description(
                "scaling-response",
                &format!("Response time at {}", scaling.percentile),
                "The line breaks if an interval has too few requests.".to_owned(),
            ),
            |size| (time(size, true), Axis::latency(low, high)),
            |plane, _| {
                let range = (plane.y_range().start, plane.y_range().end);
                shade(plane, charts, range)?;
                let points = scaling.at_s.iter().zip(&scaling.response);
                let points = points.map(|(at, ns)| ns.map(|ns| (*at, (ns.max(1) as f64).log10())));
                line(plane, Ink::Response, 2, points)
            },
        ));
    }
    Some(drawn)
}
