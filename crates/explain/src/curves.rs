use kuva::plot::LinePlot;
use kuva::plot::legend::LegendPosition;
use kuva::render::layout::Layout;
use kuva::render::plots::Plot;
use kuva::render::render::render_multiple;

use crate::{Drawing, Error, Result};

const WIDTH: f64 = 560.0;
const HEIGHT: f64 = 400.0;
/// The most different ones first, legible on white; of each a strong and a pale one.
const COLOURS: [[&str; 2]; 6] = [
    ["#1f6fb4", "#a5c9e8"],
    ["#c0504d", "#eab9b7"],
    ["#3d8f5f", "#b1d8c0"],
    ["#8a5bb5", "#d3c0e6"],
    ["#c98a1b", "#eed3a3"],
    ["#4b4b55", "#c2c2c9"],
];

/// A line in a plot.
#[derive(Debug, Clone, PartialEq)]
pub struct Curve {
    /// What the legend says.
    pub name: String,
    /// x and y, by ascending x.
    pub points: Vec<(f64, f64)>,
    /// Which of six colours, so that curves of one run have one.
    pub colour: usize,
    /// Whether the line is thin and pale, as that of the training data beside that of the validation data.
    pub pale: bool,
}

/// A plot with several curves.
#[derive(Debug, Clone, PartialEq)]
pub struct CurvePanel {
    /// Above the plot.
    pub title: String,
    /// Below it.
    pub x_label: String,
    /// Left of it.
    pub y_label: String,
    /// The curves.
    pub curves: Vec<Curve>,
}

/// Panels of curves from left to right: of loss and accuracy over epochs, say, for two runs in two colours.
///
/// ```
/// use candle_geometric_explain::{Curve, CurvePanel, curves};
/// # fn main() -> Result<(), candle_geometric_explain::Error> {
/// let curve = |name: &str, colour, y: &[f64]| Curve {
///     name: name.into(),
///     points: y.iter().enumerate().map(|(i, &y)| (i as f64, y)).collect(),
///     colour,
///     pale: false,
/// };
/// let panel = CurvePanel {
///     title: "Cora".into(),
///     x_label: "epoch".into(),
///     y_label: "loss".into(),
///     curves: vec![curve("GAT", 0, &[1.9, 1.2, 0.7]), curve("GCN", 1, &[1.9, 1.4, 0.9])],
/// };
/// assert!(curves(&[panel])?.to_svg().contains("GAT"));
/// # Ok(()) }
/// ```
///
/// # Errors
/// If there is no point to draw in a panel, or one that is not finite.
pub fn curves(panels: &[CurvePanel]) -> Result<Drawing> {
    let draw = |panel: &CurvePanel| {
        let invalid = |expected: &str, actual: String| Error::Invalid {
            argument: "curves",
            expected: expected.into(),
            actual: format!("{actual} in the panel {:?}", panel.title),
        };
        let mut points = panel.curves.iter().flat_map(|c| &c.points).peekable();
        if points.peek().is_none() {
            return Err(invalid("at least one point", "none".into()));
        }
        if let Some(p) = points.find(|(x, y)| !(x.is_finite() && y.is_finite())) {
            return Err(invalid("finite points", format!("{p:?}")));
        }
        let line = |c: &Curve| {
            let line = LinePlot::new()
                .with_data(c.points.iter().copied())
                .with_color(COLOURS[c.colour % COLOURS.len()][usize::from(c.pale)])
                .with_stroke_width(if c.pale { 1.2 } else { 2.0 });
            Plot::Line(line.with_legend(c.name.clone()))
        };
        let plots: Vec<Plot> = panel.curves.iter().map(line).collect();
        let layout = Layout::auto_from_plots(&plots)
            .with_title(panel.title.clone())
            .with_x_label(panel.x_label.clone())
            .with_y_label(panel.y_label.clone())
            .with_legend_position(LegendPosition::OutsideRightTop)
            .with_width(WIDTH)
            .with_height(HEIGHT);
        Ok(render_multiple(plots, layout))
    };
    Ok(Drawing::plots(panels.iter().map(draw).collect::<Result<Vec<_>>>()?))
}
