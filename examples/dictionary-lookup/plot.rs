//! The accuracies as a picture: lines over the number of keys.

use std::fmt::Write as _;

/// What one layer reached: pairs of k and per cent.
pub(crate) struct Line {
    pub(crate) name: &'static str,
    pub(crate) train: Vec<(usize, f64)>,
    pub(crate) test: Vec<(usize, f64)>,
}

const SIZE: [f64; 2] = [640.0, 360.0];
const MARGIN: [f64; 4] = [24.0, 120.0, 48.0, 56.0]; // top, right, bottom, left
const COLOURS: [&str; 2] = ["#c0504d", "#1f6fb4"];

/// An SVG: training as solid lines, the test as dashed ones.
pub(crate) fn draw(lines: &[Line]) -> String {
    let keys = || lines.iter().flat_map(|line| line.train.iter().map(|(k, _)| *k));
    let (first, last) = (keys().min().unwrap_or(0), keys().max().unwrap_or(1));
    let [width, height] = [SIZE[0] - MARGIN[1] - MARGIN[3], SIZE[1] - MARGIN[0] - MARGIN[2]];
    let x = |k: usize| MARGIN[3] + width * (k - first) as f64 / (last - first).max(1) as f64;
    let y = |percent: f64| MARGIN[0] + height * (1.0 - percent / 100.0);
    let mut svg = String::new();
    // Writing to a string cannot fail.
    let mut put = |line: String| _ = writeln!(svg, "{line}");
    put(format!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" width="{0}" height="{1}" viewBox="0 0 {0} {1}" font-family="Helvetica, Arial, 'DejaVu Sans', sans-serif" font-size="13" fill="#222222">
<rect width="{0}" height="{1}" fill="#ffffff"/>"##,
        SIZE[0], SIZE[1]
    ));
    for percent in [0.0, 20.0, 40.0, 60.0, 80.0, 100.0] {
        let (left, right, y) = (MARGIN[3], SIZE[0] - MARGIN[1], y(percent));
        put(format!(r##"<line x1="{left}" y1="{y:.1}" x2="{right}" y2="{y:.1}" stroke="#dddddd"/>"##));
        put(format!(r#"<text x="{}" y="{:.1}" text-anchor="end">{percent} %</text>"#, left - 8.0, y + 4.5));
    }
    for k in first..=last {
        put(format!(
            r#"<text x="{:.1}" y="{}" text-anchor="middle">{k}</text>"#,
            x(k),
            SIZE[1] - MARGIN[2] + 20.0
        ));
    }
    put(format!(
        r#"<text x="{:.1}" y="{}" text-anchor="middle">keys</text>"#,
        MARGIN[3] + width / 2.0,
        SIZE[1] - 8.0
    ));
    for (line, colour) in lines.iter().zip(COLOURS) {
        for (points, dash) in [(&line.train, ""), (&line.test, r#" stroke-dasharray="5 4""#)] {
            let path: Vec<String> = points.iter().map(|&(k, p)| format!("{:.1},{:.1}", x(k), y(p))).collect();
            put(format!(
                r#"<polyline points="{}" fill="none" stroke="{colour}" stroke-width="2"{dash}/>"#,
                path.join(" ")
            ));
        }
        for &(k, percent) in &line.train {
            put(format!(r#"<circle cx="{:.1}" cy="{:.1}" r="3" fill="{colour}"/>"#, x(k), y(percent)));
        }
        let end = line.train.last().map_or(0.0, |&(_, percent)| y(percent));
        let at = SIZE[0] - MARGIN[1] + 12.0;
        put(format!(r#"<text x="{at}" y="{:.1}" fill="{colour}">{}</text>"#, end + 4.5, line.name));
    }
    let at = SIZE[0] - MARGIN[1] + 12.0;
    put(format!(r##"<text x="{at}" y="{:.1}" fill="#777777">solid: training</text>"##, y(56.0)));
    put(format!(r##"<text x="{at}" y="{:.1}" fill="#777777">dashed: test</text>"##, y(50.0)));
    put("</svg>".to_string());
    svg
}
