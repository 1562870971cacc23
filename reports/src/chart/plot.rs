//! Charts in two widths, in the colours of the page.

use std::fmt::Write as _;

use plotters::chart::ChartContext;
use plotters::coord::cartesian::Cartesian2d;
use plotters::prelude::*;

use crate::chart::axis::Axis;

/// An error while drawing into a string. The only cause is a lack of room for the axes.
pub(crate) type DrawError = DrawingAreaErrorKind<std::io::Error>;

/// The plane of a chart.
pub(crate) type Plane<'a, 'b> = ChartContext<'a, SVGBackend<'b>, Cartesian2d<Axis, Axis>>;

/// The description of a chart for screen readers.
#[derive(Debug, Clone)]
pub(crate) struct Description {
    /// Part of the ids of the chart; unique on its page.
    pub(crate) id: String,
    /// Title.
    pub(crate) title: String,
    /// Content.
    pub(crate) text: String,
    /// Positions on the horizontal axis of the rows of the table behind the chart, at which a page shows their values.
    pub(crate) at: Vec<f64>,
}

/// A colour of the page. Plotters draws in placeholder colours, which are then replaced by custom properties of the
/// style, because the page has a dark mode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ink {
    Text,
    Grid,
    Response,
    Service,
    Unlagged,
    Lag,
    Reads,
    Writes,
    Offered,
    Achieved,
    Lost,
    Heat,
    Shade,
}

impl Ink {
    const ALL: [(Ink, &'static str, &'static str); 13] = [
        (Ink::Text, "muted", ""),
        (Ink::Grid, "grid", ""),
        (Ink::Response, "response", ""),
        (Ink::Service, "service", "7 4"),
        (Ink::Unlagged, "unlagged", "10 3 2 3"),
        (Ink::Lag, "lag", "2 3"),
        (Ink::Reads, "reads", ""),
        (Ink::Writes, "writes", "7 4"),
        (Ink::Offered, "offered", "7 4"),
        (Ink::Achieved, "achieved", ""),
        (Ink::Lost, "lost", "2 3"),
        (Ink::Heat, "heat", ""),
        (Ink::Shade, "shade", ""),
    ];

    /// Returns the placeholder that plotters draws with.
    pub(crate) fn placeholder(self) -> RGBColor {
        RGBColor(1, 2, self as u8)
    }

    /// Returns the name of the custom property.
    pub(crate) fn name(self) -> &'static str {
        Self::ALL[self as usize].1
    }

    /// Returns the dashes of its lines, which distinguish them without colour; empty for solid lines.
    pub(crate) fn dashes(self) -> &'static str {
        Self::ALL[self as usize].2
    }
}

/// The size of one variant of a chart.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Size {
    pub(crate) width: u32,
    pub(crate) height: u32,
    /// For a phone.
    pub(crate) narrow: bool,
}

/// Sizes of a chart, wide and narrow.
const SIZES: [Size; 2] = [
    Size {
        width: 920,
        height: 320,
        narrow: false,
    },
    Size {
        width: 340,
        height: 260,
        narrow: true,
    },
];

/// Sizes of a strip: one of several charts over the same time.
const STRIP_SIZES: [Size; 2] = [
    Size {
        width: 920,
        height: 170,
        narrow: false,
    },
    Size {
        width: 340,
        height: 150,
        narrow: true,
    },
];

/// Draws a chart twice, wide and narrow. The page shows the variant that fits.
///
/// `draw` draws the data. It must not draw outside the ranges of the axes.
pub(crate) fn plot(
    description: &Description,
    axes: impl Fn(Size) -> (Axis, Axis),
    draw: impl Fn(&mut Plane<'_, '_>, Size) -> Result<(), DrawError>,
) -> String {
    plot_sized(SIZES, None, description, axes, draw)
}

/// Like [`plot`], but lower and with its title, for charts below each other over the same time.
pub(crate) fn strip(
    description: &Description,
    axes: impl Fn(Size) -> (Axis, Axis),
    draw: impl Fn(&mut Plane<'_, '_>, Size) -> Result<(), DrawError>,
) -> String {
    let caption = Some(description.title.as_str());
    plot_sized(STRIP_SIZES, caption, description, axes, draw)
}

fn plot_sized(
    sizes: [Size; 2],
    caption: Option<&str>,
    description: &Description,
    axes: impl Fn(Size) -> (Axis, Axis),
    draw: impl Fn(&mut Plane<'_, '_>, Size) -> Result<(), DrawError>,
) -> String {
    let mut both = String::new();
    for size in sizes {
        let (x, y) = axes(size);
        let mut svg = String::new();
        let drawn = plot_one(&mut svg, (size, caption), (&x, &y), &description.at, &draw);
        if let Ok(places) = drawn {
            both.push_str(&dress(&svg, description, size, &places));
        }
    }
    both
}

/// The plotting area in pixels, and the rows of the table in it.
#[derive(Debug, Default)]
struct Places {
    top: i32,
    bottom: i32,
    /// Horizontal position of each row.
    rows: Vec<i32>,
}

fn plot_one(
    svg: &mut String,
    (size, caption): (Size, Option<&str>),
    (x, y): (&Axis, &Axis),
    at: &[f64],
    draw: &impl Fn(&mut Plane<'_, '_>, Size) -> Result<(), DrawError>,
) -> Result<Places, DrawError> {
    let root = SVGBackend::with_string(svg, (size.width, size.height)).into_drawing_area();
    let font = ("sans-serif", if size.narrow { 15 } else { 16 }).into_font();
    let mut builder = ChartBuilder::on(&root);
    if let Some(caption) = caption {
        builder.caption(caption, font.clone().color(&Ink::Text.placeholder()));
    }
    // An axis without a name needs room for the labels alone.
    let below = match (x.name.is_empty(), size.narrow) {
        (true, _) => 26,
        (false, true) => 42,
        (false, false) => 48,
    };
    let mut plane = builder
        .margin_top(10)
        .margin_right(if size.narrow { 14 } else { 24 })
        .margin_left(2)
        .margin_bottom(4)
        .x_label_area_size(below)
        .y_label_area_size(if size.narrow { 56 } else { 72 })
        .build_cartesian_2d(x.clone(), y.clone())?;
    plane
        .configure_mesh()
        .axis_style(Ink::Grid.placeholder())
        .bold_line_style(Ink::Grid.placeholder())
        .light_line_style(TRANSPARENT)
        .x_label_style(font.clone().color(&Ink::Text.placeholder()))
        .y_label_style(font.clone().color(&Ink::Text.placeholder()))
        .axis_desc_style(font.color(&Ink::Text.placeholder()))
        .x_desc(x.name.as_str())
        .set_all_tick_mark_size(6)
        .draw()?;
    draw(&mut plane, size)?;
    let area = plane.plotting_area();
    let places = Places {
        top: area.map_coordinate(&(x.low, y.high)).1,
        bottom: area.map_coordinate(&(x.low, y.low)).1,
        rows: at
            .iter()
            .map(|at| area.map_coordinate(&(*at, y.low)).0)
            .collect(),
    };
    drop(plane);
    root.present()?;
    Ok(places)
}

impl Places {
    /// Returns the attributes that the page's script reads; empty without rows.
    fn attributes(&self) -> String {
        if self.rows.is_empty() {
            return String::new();
        }
        let rows: Vec<String> = self.rows.iter().map(i32::to_string).collect();
        format!(
            " data-at=\"{}\" data-plot=\"{} {}\"",
            rows.join(" "),
            self.top,
            self.bottom
        )
    }
}

/// Replaces the placeholder colours, and adds the description and the places of the rows.
fn dress(svg: &str, description: &Description, size: Size, places: &Places) -> String {
    let mut dressed = String::with_capacity(svg.len() + 512);
    let kind = if size.narrow { "narrow" } else { "wide" };
    let id = &description.id;
    let _ = write!(
        dressed,
        "<svg class=\"chart {kind}\" viewBox=\"0 0 {} {}\"{} role=\"img\" \
         aria-labelledby=\"{id}-{kind}-t {id}-{kind}-d\"><title id=\"{id}-{kind}-t\">{}</title>\
         <desc id=\"{id}-{kind}-d\">{}</desc>",
        size.width,
        size.height,
        places.attributes(),
        escape(&description.title),
        escape(&description.text)
    );
    let body = svg
        .find("<svg")
        .and_then(|at| svg[at..].find('>').map(|end| at + end + 1));
    let mut body = svg[body.unwrap_or(0)..].replace(['\n', '\r'], "");
    for (ink, name, dashes) in Ink::ALL {
        let RGBColor(r, g, b) = ink.placeholder();
        let placeholder = format!("\"#{r:02X}{g:02X}{b:02X}\"");
        if !dashes.is_empty() {
            let stroke = format!("stroke={placeholder}");
            body = body.replace(
                &stroke,
                &format!("stroke=\"var(--{name})\" stroke-dasharray=\"{dashes}\""),
            );
        }
        body = body.replace(&placeholder, &format!("\"var(--{name})\""));
    }
    // The page sets the font.
    dressed.push_str(&body.replace(" font-family=\"sans-serif\"", ""));
    dressed
}

/// Escapes a text for XML.
pub(crate) fn escape(text: &str) -> String {
    text.chars().fold(
        String::with_capacity(text.len()),
        |mut escaped, character| {
            match character {
                '&' => escaped.push_str("&amp;"),
                '<' => escaped.push_str("&lt;"),
                '>' => escaped.push_str("&gt;"),
                '"' => escaped.push_str("&quot;"),
                '\'' => escaped.push_str("&#39;"),
                other => escaped.push(other),
            }
            escaped
        },
    )
}
