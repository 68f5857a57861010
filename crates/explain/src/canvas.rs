//! What a picture is made of: a list of shapes, which becomes SVG or goes to the rasteriser.

use std::fmt::Write as _;

use kuva::render::color::Color;
use kuva::render::render::{Primitive, Scene, TextAnchor};

use crate::palette::{Rgb, WHITE};

/// Text.
const INK: Rgb = [34, 34, 34];
/// The width of the white rim around a label that has one.
const RIM: f64 = 3.5;

/// One thing on the page. Distances in pixels, from the upper left corner.
#[derive(Debug, Clone)]
enum Shape {
    Line {
        from: [f64; 2],
        to: [f64; 2],
        colour: Rgb,
        width: f64,
    },
    Circle {
        centre: [f64; 2],
        radius: f64,
        fill: Rgb,
        outline: Rgb,
        width: f64,
    },
    Rect {
        corner: [f64; 2],
        size: [f64; 2],
        fill: Option<Rgb>,
        outline: Option<Rgb>,
    },
    Text {
        at: [f64; 2],
        text: String,
        style: Style,
    },
    /// What follows, up to `EndTooltip`, shows this text under the pointer.
    Tooltip(String),
    EndTooltip,
}

/// How a line of text looks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Style {
    pub(crate) size: f64,
    pub(crate) bold: bool,
    /// Centred at the place, instead of beginning there.
    pub(crate) centred: bool,
    pub(crate) colour: Rgb,
    /// A white rim under the letters, which keeps them legible on lines.
    pub(crate) rim: bool,
}

impl Style {
    pub(crate) fn new(size: f64) -> Self {
        Self { size, bold: false, centred: false, colour: INK, rim: false }
    }

    pub(crate) fn bold(size: f64) -> Self {
        Self { bold: true, ..Self::new(size) }
    }

    pub(crate) fn centred(size: f64) -> Self {
        Self { centred: true, ..Self::new(size) }
    }
}

/// A white page with shapes on it, later ones over earlier ones.
#[derive(Debug, Clone)]
pub(crate) struct Canvas {
    width: f64,
    height: f64,
    shapes: Vec<Shape>,
}

impl Canvas {
    pub(crate) fn new(width: f64, height: f64) -> Self {
        Self { width, height, shapes: Vec::new() }
    }

    pub(crate) fn line(&mut self, from: [f64; 2], to: [f64; 2], colour: Rgb, width: f64) {
        self.shapes.push(Shape::Line { from, to, colour, width });
    }

    /// A circle with an outline of `width`.
    pub(crate) fn circle(&mut self, centre: [f64; 2], radius: f64, fill: Rgb, outline: Rgb, width: f64) {
        self.shapes.push(Shape::Circle { centre, radius, fill, outline, width });
    }

    pub(crate) fn rect(&mut self, corner: [f64; 2], size: [f64; 2], fill: Option<Rgb>, outline: Option<Rgb>) {
        self.shapes.push(Shape::Rect { corner, size, fill, outline });
    }

    pub(crate) fn text(&mut self, at: [f64; 2], text: &str, style: Style) {
        self.shapes.push(Shape::Text { at, text: printable(text), style });
    }

    /// Draws `content` as one thing that shows `text` under the pointer.
    pub(crate) fn with_tooltip(&mut self, text: &str, content: impl FnOnce(&mut Self)) {
        self.shapes.push(Shape::Tooltip(printable(text)));
        content(self);
        self.shapes.push(Shape::EndTooltip);
    }

    /// The page as the text of an SVG file.
    pub(crate) fn to_svg(&self) -> String {
        let Self { width, height, .. } = self;
        let mut svg = format!(
            r##"<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" font-family="Helvetica, Arial, 'DejaVu Sans', sans-serif" fill="{}">
<rect width="{width}" height="{height}" fill="{}"/>
"##,
            hex(INK),
            hex(WHITE)
        );
        for shape in &self.shapes {
            shape.write(&mut svg);
            svg.push('\n');
        }
        svg.push_str("</svg>\n");
        svg
    }

    /// The page as the rasteriser takes it.
    pub(crate) fn to_scene(&self) -> Scene {
        let mut scene = Scene::new(self.width, self.height);
        scene.elements = self.shapes.iter().flat_map(Shape::primitives).collect();
        scene
    }
}

impl Shape {
    fn write(&self, svg: &mut String) {
        // Writing to a string cannot fail.
        let _ = match self {
            Self::Line { from: [x1, y1], to: [x2, y2], colour, width } => write!(
                svg,
                r#"<line x1="{x1:.2}" y1="{y1:.2}" x2="{x2:.2}" y2="{y2:.2}" stroke="{}" stroke-width="{width:.2}"/>"#,
                hex(*colour)
            ),
            Self::Circle { centre: [x, y], radius, fill, outline, width } => write!(
                svg,
                r#"<circle cx="{x:.2}" cy="{y:.2}" r="{radius:.2}" fill="{}" stroke="{}" stroke-width="{width:.2}"/>"#,
                hex(*fill),
                hex(*outline)
            ),
            Self::Rect { corner: [x, y], size: [w, h], fill, outline } => {
                let [fill, outline] = [fill, outline].map(|c| c.map_or_else(|| "none".into(), hex));
                write!(
                    svg,
                    r#"<rect x="{x:.2}" y="{y:.2}" width="{w:.2}" height="{h:.2}" fill="{fill}" stroke="{outline}"/>"#
                )
            }
            Self::Text { at: [x, y], text, style } => {
                let Style { size, bold, centred, colour, rim } = style;
                let _ = write!(
                    svg,
                    r#"<text x="{x:.2}" y="{y:.2}" font-size="{size:.1}" fill="{}""#,
                    hex(*colour)
                );
                if *bold {
                    svg.push_str(r#" font-weight="bold""#);
                }
                if *centred {
                    svg.push_str(r#" text-anchor="middle""#);
                }
                if *rim {
                    let white = hex(WHITE);
                    let _ = write!(
                        svg,
                        r#" stroke="{white}" stroke-width="{RIM}" stroke-linejoin="round" paint-order="stroke""#
                    );
                }
                write!(svg, ">{}</text>", escape(text))
            }
            Self::Tooltip(text) => write!(svg, "<g><title>{}</title>", escape(text)),
            Self::EndTooltip => write!(svg, "</g>"),
        };
    }

    fn primitives(&self) -> Vec<Primitive> {
        let one = match self {
            Self::Line { from, to, colour, width } => Primitive::Line {
                x1: from[0],
                y1: from[1],
                x2: to[0],
                y2: to[1],
                stroke: paint(*colour),
                stroke_width: *width,
                stroke_dasharray: None,
            },
            Self::Circle { centre, radius, fill, outline, width } => Primitive::Circle {
                cx: centre[0],
                cy: centre[1],
                r: *radius,
                fill: paint(*fill),
                fill_opacity: None,
                stroke: (*width > 0.0).then(|| paint(*outline)),
                stroke_width: (*width > 0.0).then_some(*width),
            },
            Self::Rect { corner, size, fill, outline } => Primitive::Rect {
                x: corner[0],
                y: corner[1],
                width: size[0],
                height: size[1],
                fill: fill.map_or(Color::None, paint),
                stroke: outline.map(paint),
                stroke_width: outline.map(|_| 1.0),
                opacity: None,
            },
            Self::Text { at, text, style } => {
                let copy = |[dx, dy]: [f64; 2], colour| Primitive::Text {
                    x: at[0] + dx,
                    y: at[1] + dy,
                    // The rasteriser reads text between dollars as a formula.
                    content: text.replace('$', "\\$"),
                    size: style.size.round() as u32,
                    anchor: if style.centred { TextAnchor::Middle } else { TextAnchor::Start },
                    rotate: None,
                    bold: style.bold,
                    color: Some(paint(colour)),
                };
                let rim = [
                    [-1.0, 0.0],
                    [1.0, 0.0],
                    [0.0, -1.0],
                    [0.0, 1.0],
                    [-0.7, -0.7],
                    [0.7, -0.7],
                    [-0.7, 0.7],
                    [0.7, 0.7],
                ];
                let rim = rim.iter().filter(|_| style.rim).map(|d| copy(d.map(|x| x * RIM / 2.0), WHITE));
                return rim.chain([copy([0.0; 2], style.colour)]).collect();
            }
            Self::Tooltip(_) | Self::EndTooltip => return Vec::new(),
        };
        vec![one]
    }
}

/// The text without line breaks and without the control characters that XML cannot hold.
fn printable(text: &str) -> String {
    let one = |c| match c {
        '\t' | '\n' | '\r' => ' ',
        '\0'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => '\u{fffd}',
        c => c,
    };
    text.chars().map(one).collect()
}

/// Text as XML wants it.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            c => escaped.push(c),
        }
    }
    escaped
}

/// At most `most` characters, the last of them an ellipsis where some are missing.
pub(crate) fn shorten(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_string();
    }
    text.chars().take(most - 1).chain(['…']).collect()
}

/// A colour as `#rrggbb`.
pub(crate) fn hex([r, g, b]: Rgb) -> String {
    format!("#{r:02x}{g:02x}{b:02x}")
}

fn paint([r, g, b]: Rgb) -> Color {
    Color::Rgb(r, g, b)
}
