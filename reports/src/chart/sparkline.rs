//! A line as high as its text.

use std::fmt::Write as _;

use crate::chart::plot::escape;

/// Width and height, in pixels.
const SIZE: (f64, f64) = (120.0, 24.0);

/// Points drawn at most; further ones are averaged.
const POINTS_MAX: usize = 60;

/// Draws values from 0 to their maximum. `None` without values.
pub(crate) fn sparkline(values: &[f64], id: &str, title: &str) -> Option<String> {
    let each = values.len().div_ceil(POINTS_MAX).max(1);
    let points: Vec<f64> = values
        .chunks(each)
        .map(|values| values.iter().sum::<f64>() / values.len() as f64)
        .filter(|value| value.is_finite())
        .collect();
    let max = points.iter().copied().max_by(f64::total_cmp)?;
    let (width, height) = SIZE;
    let step = (width - 4.0) / (points.len().max(2) - 1) as f64;
    let mut svg = format!(
        "<svg class=\"spark\" width=\"{width}\" height=\"{height}\" role=\"img\" \
         aria-labelledby=\"{id}-t\"><title id=\"{id}-t\">{}</title><polyline points=\"",
        escape(title)
    );
    for (index, value) in points.iter().enumerate() {
        let share = if max > 0.0 { value / max } else { 0.0 };
        let x = 2.0 + step * index as f64;
        let y = 2.0 + (height - 4.0) * (1.0 - share.clamp(0.0, 1.0));
        let _ = write!(svg, "{x:.1},{y:.1} ");
    }
    svg.push_str("\"/></svg>");
    Some(svg)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_spans_its_height() {
        let svg = sparkline(&[0.0, 5.0, 10.0], "s", "a < b").unwrap();
        assert!(svg.contains("2.0,22.0 60.0,12.0 118.0,2.0"), "{svg}");
        assert!(svg.contains("a &lt; b"), "{svg}");
        assert_eq!(sparkline(&[], "s", ""), None);
        assert!(sparkline(&[f64::NAN, 1.0], "s", "").is_some());
    }

    #[test]
    fn long_series_are_averaged() {
        let svg = sparkline(&vec![1.0; 10_000], "s", "").unwrap();
        assert!(svg.matches(',').count() <= POINTS_MAX, "{svg}");
    }
}
