//! What the colours of a picture mean.

use crate::canvas::{Canvas, Style, shorten};
use crate::palette::{self, DARK, GREY, Scale, WHITE};

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
    pub(crate) fn draw(&self, page: &mut Canvas, x: f64, mut y: f64) -> f64 {
        const MOST: usize = 12;
        if self.present.is_empty() {
            return y;
        }
        page.text([x, y], self.title, Style::bold(14.0));
        for (class, name) in self.present.iter().take(MOST) {
            y += 25.0;
            page.circle([x + 9.0, y - 4.5], 8.0, palette::class(*class), DARK, 1.0);
            page.text([x + 27.0, y], &shorten(name, 24), Style::new(13.0));
        }
        if self.present.len() > MOST {
            y += 22.0;
            page.text([x + 27.0, y], &format!("and {} more", self.present.len() - MOST), Style::new(13.0));
        }
        if let Some(&truth) = self.wrong.first() {
            y += 30.0;
            draw_ring(page, [x + 9.0, y + 4.0], 7.0, truth);
            page.circle([x + 9.0, y + 4.0], 7.0, WHITE, DARK, 1.0);
            page.text([x + 27.0, y], &format!("{} wrong: the ring has", self.wrong.len()), Style::new(13.0));
            y += 17.0;
            page.text([x + 27.0, y], "the true class", Style::new(13.0));
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
pub(crate) fn draw_ring(page: &mut Canvas, place: [f64; 2], radius: f64, truth: u32) {
    page.circle(place, ring_radius(radius), palette::class(truth), DARK, outline(radius));
    page.circle(place, 1.08 * radius + 0.4, WHITE, WHITE, 0.0);
}

/// The colour bar called `title` with its upper left corner at `x`, `y`, and remarks below it.
pub(crate) fn draw_colour_bar(
    page: &mut Canvas,
    title: &str,
    scale: &Scale,
    [x, y]: [f64; 2],
    remarks: &[&str],
) {
    const LENGTH: f64 = 170.0;
    const STEPS: usize = 85;
    page.text([x, y], title, Style::bold(14.0));
    let top = y + 18.0;
    for step in 0..STEPS {
        // Each reaches down to the end, so that no seam shows between two of them.
        let from = LENGTH * step as f64 / STEPS as f64;
        let t = 1.0 - (step as f64 + 0.5) / STEPS as f64;
        page.rect([x, top + from], [18.0, LENGTH - from], Some(palette::ramp(t)), None);
    }
    page.rect([x, top], [18.0, LENGTH], None, Some(DARK));
    for tick in 0..=scale.steps {
        let y = top + LENGTH * (1.0 - tick as f64 / scale.steps as f64);
        page.line([x + 18.0, y], [x + 23.0, y], DARK, 1.0);
        let number = format!("{:.*}", scale.decimals, scale.step * tick as f64);
        page.text([x + 29.0, y + 4.5], &number, Style::new(13.0));
    }
    for (i, line) in remarks.iter().enumerate() {
        let y = top + LENGTH + 30.0 + 17.0 * i as f64;
        page.text([x, y], line, Style { colour: GREY, ..Style::new(12.0) });
    }
}
