//! A small writer of SVG: elements with escaped text and coordinates of two decimals, nothing else.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;

use crate::{Error, Result};

/// An SVG document being written.
pub(crate) struct Svg {
    text: String,
}

impl Svg {
    /// A white page of `width` × `height` pixels.
    pub(crate) fn new(width: f64, height: f64) -> Self {
        let mut svg = Self { text: String::new() };
        svg.raw(&format!(
            r##"<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" font-family="Helvetica, Arial, 'DejaVu Sans', sans-serif" fill="#222222">
<rect width="{width}" height="{height}" fill="#ffffff"/>"##
        ));
        svg
    }

    /// One line of SVG that the caller knows to be well-formed.
    pub(crate) fn raw(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }

    /// A straight line.
    pub(crate) fn line(&mut self, from: [f64; 2], to: [f64; 2], colour: &str, width: f64) {
        let ([x1, y1], [x2, y2]) = (from, to);
        self.raw(&format!(
            r#"<line x1="{x1:.2}" y1="{y1:.2}" x2="{x2:.2}" y2="{y2:.2}" stroke="{colour}" stroke-width="{width:.2}"/>"#
        ));
    }

    /// A circle with an outline.
    pub(crate) fn circle(&mut self, [x, y]: [f64; 2], radius: f64, fill: &str, outline: &str, width: f64) {
        self.raw(&format!(
            r#"<circle cx="{x:.2}" cy="{y:.2}" r="{radius:.2}" fill="{fill}" stroke="{outline}" stroke-width="{width:.2}"/>"#
        ));
    }

    /// A line of text; `attributes` are SVG's own, such as `text-anchor="middle"`.
    pub(crate) fn label(&mut self, [x, y]: [f64; 2], size: f64, attributes: &str, text: &str) {
        let text = escape(text);
        self.raw(&format!(r#"<text x="{x:.2}" y="{y:.2}" font-size="{size:.1}" {attributes}>{text}</text>"#));
    }

    /// The finished document.
    pub(crate) fn finish(mut self) -> String {
        self.raw("</svg>");
        self.text
    }
}

/// Text as XML wants it: markup escaped, and the control characters that XML cannot hold replaced.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\t' | '\n' | '\r' => escaped.push(' '),
            '\0'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => escaped.push('\u{fffd}'),
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

/// Writes a file under a temporary name in the same folder and renames it, so that it is there whole or not at all.
pub(crate) fn write_atomically(path: &Path, text: &str) -> Result<()> {
    let write = || {
        let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let mut builder = tempfile::Builder::new();
        // Readable for all whom the umask lets, as any other output file; a temporary file is private by default.
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        let mut file = builder.tempfile_in(folder)?;
        file.write_all(text.as_bytes())?;
        file.as_file().sync_all()?;
        file.persist(path)?;
        Ok(())
    };
    write().map_err(|source| Error::Write { path: path.to_owned(), source })
}

/// A colour as `#rrggbb`.
pub(crate) fn hex([r, g, b]: [u8; 3]) -> String {
    let mut s = String::with_capacity(7);
    let _ = write!(s, "#{r:02x}{g:02x}{b:02x}");
    s
}
