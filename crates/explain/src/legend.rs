//! What the colours of a picture mean.

use crate::palette::{self, Scale};
use crate::svg::{Svg, hex, shorten};

/// The line around nodes, and that of the colour bar.
pub(crate) const DARK: &str = "#2b2b33";
/// Remarks.
pub(crate) const GREY: &str = "#6a6a74";

/// The classes to explain.
pub(crate) struct Classes {
    /// What the fill of a node means.
    pub(crate) title: &'static str,
    /// Number and name of every class that appears, ascending.
    pub(crate) present: Vec<(u32, String)>,
    /// The true class of every wrong node.
    pub(crate) wrong: Vec<u32>,
}

impl Classes {
    /// Draws the legend with its upper left corner at `x`, `y` and returns where it ends.
    pub(crate) fn draw(&self, svg: &mut Svg, x: f64, mut y: f64) -> f64 {
        const MOST: usize = 12;
        if self.present.is_empty() {
            return y;
        }
        svg.label([x, y], 14.0, r#"font-weight="bold""#, self.title);
        for (class, name) in self.present.iter().take(MOST) {
            y += 25.0;
            svg.circle([x + 9.0, y - 4.5], 8.0, &hex(palette::class(*class)), DARK, 1.0);
            svg.label([x + 27.0, y], 13.0, "", &shorten(name, 24));
        }
        if self.present.len() > MOST {
            y += 22.0;
            svg.label([x + 27.0, y], 13.0, "", &format!("and {} more", self.present.len() - MOST));
        }
        if let Some(&truth) = self.wrong.first() {
            y += 30.0;
            draw_ring(svg, [x + 9.0, y + 4.0], 7.0, truth);
            svg.circle([x + 9.0, y + 4.0], 7.0, "#ffffff", DARK, 1.0);
            svg.label([x + 27.0, y], 13.0, "", &format!("{} wrong: the ring has", self.wrong.len()));
            y += 17.0;
            svg.label([x + 27.0, y], 13.0, "", "the true class");
        }
        y + 46.0
    }
}

/// How far the ring around a wrong node of this radius reaches.
pub(crate) fn ring_radius(radius: f64) -> f64 {
    radius + (0.5 * radius).max(2.5)
}

/// The width of the line around a node.
pub(crate) fn outline(radius: f64) -> f64 {
    (0.1 * radius).min(1.2)
}

/// The ring in the colour of the true class. The node goes on top of it.
pub(crate) fn draw_ring(svg: &mut Svg, place: [f64; 2], radius: f64, truth: u32) {
    svg.circle(place, ring_radius(radius), &hex(palette::class(truth)), DARK, outline(radius));
    svg.circle(place, 1.08 * radius + 0.4, "#ffffff", "none", 0.0);
}

/// The colour bar with its upper left corner at `x`, `y`.
pub(crate) fn draw_colour_bar(svg: &mut Svg, scale: &Scale, x: f64, y: f64) {
    const LENGTH: f64 = 170.0;
    svg.label([x, y], 14.0, r#"font-weight="bold""#, "Attention");
    svg.raw(r#"<defs><linearGradient id="ramp" x1="0" y1="1" x2="0" y2="0">"#);
    for (t, colour) in palette::stops() {
        svg.raw(&format!(r#"<stop offset="{t:.2}" stop-color="{}"/>"#, hex(colour)));
    }
    svg.raw("</linearGradient></defs>");
    let top = y + 18.0;
    svg.raw(&format!(
        r#"<rect x="{x:.2}" y="{top:.2}" width="18" height="{LENGTH}" fill="url(#ramp)" stroke="{DARK}" stroke-width="0.6"/>"#
    ));
    for tick in 0..=scale.steps {
        let y = top + LENGTH * (1.0 - tick as f64 / scale.steps as f64);
        svg.line([x + 18.0, y], [x + 23.0, y], DARK, 1.0);
        let number = format!("{:.*}", scale.decimals, scale.step * tick as f64);
        svg.label([x + 29.0, y + 4.5], 13.0, "", &number);
    }
    let lines = ["The half of an edge at a node", "shows how much that node", "attends to the other."];
    for (i, line) in lines.iter().enumerate() {
        let y = top + LENGTH + 30.0 + 17.0 * i as f64;
        svg.label([x, y], 12.0, &format!(r#"fill="{GREY}""#), line);
    }
}
