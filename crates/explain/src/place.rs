//! From a layout to places on the page: scaled to a frame, and apart from each other.

/// What [`place`] needs to know about the page, in pixels.
pub(crate) struct Page {
    /// Left, top, right and bottom of the frame that the centres of nodes stay in.
    pub(crate) frame: [f64; 4],
    /// The distance to keep between the outlines of two nodes.
    pub(crate) gap: f64,
}

/// Pixels per unit of the layout: small graphs are not blown up further.
const LARGEST_SCALE: f64 = 150.0;
/// How much more one direction may be stretched than the other to fill the frame.
const STRETCH: f64 = 1.6;
/// Rounds of pushing nodes apart, and the most pairs of nodes looked at in all of them.
const ROUNDS: usize = 120;
const PAIR_BUDGET: usize = 100_000_000;

/// The radius of a node where `nodes` of them share `area` square pixels.
pub(crate) fn radius(nodes: usize, area: f64) -> f64 {
    (0.17 * (area / nodes.max(1) as f64).sqrt()).clamp(3.0, 15.0)
}

/// The centre of every node on the page, from its coordinates in the layout and its radius.
pub(crate) fn place(layout: &[[f64; 2]], radii: &[f64], page: &Page) -> Vec<[f64; 2]> {
    let [left, top, right, bottom] = page.frame;
    let range = |axis: usize| {
        layout.iter().fold([f64::INFINITY, f64::NEG_INFINITY], |r, p| [r[0].min(p[axis]), r[1].max(p[axis])])
    };
    let (x, y) = (range(0), range(1));
    let scale = |room: f64, r: [f64; 2]| (room / (r[1] - r[0]).max(1e-9)).min(LARGEST_SCALE);
    let (sx, sy) = (scale(right - left, x), scale(bottom - top, y));
    let scale = [sx.min(STRETCH * sy), sy.min(STRETCH * sx)];
    let centre = [(left + right) / 2.0, (top + bottom) / 2.0];
    let middle = [(x[0] + x[1]) / 2.0, (y[0] + y[1]) / 2.0];
    let mut at: Vec<[f64; 2]> = layout
        .iter()
        .map(|p| [0, 1].map(|axis| centre[axis] + scale[axis] * (p[axis] - middle[axis])))
        .collect();
    push_apart(&mut at, radii, page);
    at
}

/// Moves nodes that touch away from each other, as far as the frame and the number of rounds allow.
fn push_apart(at: &mut [[f64; 2]], radii: &[f64], page: &Page) {
    let [left, top, right, bottom] = page.frame;
    for _ in 0..ROUNDS.min(PAIR_BUDGET / (at.len() * at.len()).max(1)) {
        let mut moved = false;
        for i in 0..at.len() {
            for j in 0..i {
                let (p, q) = (at[i], at[j]);
                let d = [p[0] - q[0], p[1] - q[1]];
                let least = radii[i] + radii[j] + page.gap;
                let squared = d[0] * d[0] + d[1] * d[1];
                if squared >= least * least {
                    continue;
                }
                moved = true;
                let distance = squared.sqrt();
                // Two nodes in one place have no direction to part in: take x.
                let way = if distance > 1e-6 { [d[0] / distance, d[1] / distance] } else { [1.0, 0.0] };
                let half = 0.5 * (least - distance) + 0.01;
                at[i] = [p[0] + half * way[0], p[1] + half * way[1]];
                at[j] = [q[0] - half * way[0], q[1] - half * way[1]];
            }
        }
        for p in at.iter_mut() {
            *p = [p[0].clamp(left, right), p[1].clamp(top, bottom)];
        }
        if !moved {
            break;
        }
    }
}
