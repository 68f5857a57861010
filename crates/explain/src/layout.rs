//! Where to put the nodes of a graph on paper.

use candle_geometric_graph::EdgeIndex;
use candle_geometric_graph::rng::Stream;

use crate::{Error, Result};

/// The largest graph that is laid out: every step looks at all pairs of nodes. Above it, draw an ego graph.
pub const MAX_NODES: usize = 3000;

/// Pairs of nodes looked at over all steps, which keeps the largest layout within seconds.
const PAIR_BUDGET: usize = 300_000_000;

/// How strongly nodes are drawn to the centre, which keeps unconnected parts together.
const GRAVITY: f64 = 0.06;

/// The coordinates of every node of a graph, around (0, 0), where neighbouring nodes are about 1 apart.
///
/// Fruchterman and Reingold (1991, *Graph Drawing by Force-directed Placement*): nodes repel each other with force
/// 1/d, edges pull with d², and steps get shorter as the system cools; the starting places come from `seed`.
/// The longest axis of the result is turned to lie horizontally. Direction, order and multiplicity of edges and
/// self-loops make no difference, and the same graph and seed give the same coordinates on every machine.
///
/// # Errors
/// If the graph is bipartite or has more than [`MAX_NODES`] nodes.
pub fn force_directed(edges: &EdgeIndex, seed: u64) -> Result<Vec<[f64; 2]>> {
    let n = edges.num_nodes()?;
    if n > MAX_NODES {
        return Err(Error::Invalid {
            argument: "graph to lay out",
            expected: format!("at most {MAX_NODES} nodes (draw the surroundings of one node instead)"),
            actual: format!("{n} nodes"),
        });
    }
    let links = links(edges);
    let start = Stream::named(seed, "layout");
    let size = (n as f64).sqrt();
    let mut at: Vec<[f64; 2]> = (0..2 * n as u64)
        .step_by(2)
        .map(|i| [0, 1].map(|axis| (start.uniform_f64(i + axis) - 0.5) * size))
        .collect();

    let steps = (PAIR_BUDGET / (n * n).max(1)).clamp(30, 800);
    for step in 0..steps {
        let mut force: Vec<[f64; 2]> = at.iter().map(|p| p.map(|x| -GRAVITY * x)).collect();
        repel(&at, &mut force);
        for &(a, b) in &links {
            let (p, q) = (at[a as usize], at[b as usize]);
            let d = [q[0] - p[0], q[1] - p[1]];
            let length = (d[0] * d[0] + d[1] * d[1]).sqrt();
            for axis in [0, 1] {
                force[a as usize][axis] += length * d[axis];
                force[b as usize][axis] -= length * d[axis];
            }
        }
        let longest = 0.3 * size * (1.0 - step as f64 / steps as f64).powi(2);
        for (p, f) in at.iter_mut().zip(&force) {
            let strength = (f[0] * f[0] + f[1] * f[1]).sqrt();
            let scale = if strength > longest { longest / strength } else { 1.0 };
            // Half of the force: two nodes that answer each other's full step would swap places for ever.
            *p = [p[0] + 0.5 * scale * f[0], p[1] + 0.5 * scale * f[1]];
        }
    }
    turn_level(&mut at);
    Ok(at)
}

/// Adds the repulsion between all pairs, Δ/d².
fn repel(at: &[[f64; 2]], force: &mut [[f64; 2]]) {
    for i in 0..at.len() {
        let p = at[i];
        let mut sum = [0.0; 2];
        for (q, f) in at[..i].iter().zip(&mut force[..i]) {
            let d = [p[0] - q[0], p[1] - q[1]];
            let push = 1.0 / (d[0] * d[0] + d[1] * d[1]).max(1e-9);
            sum = [sum[0] + d[0] * push, sum[1] + d[1] * push];
            *f = [f[0] - d[0] * push, f[1] - d[1] * push];
        }
        force[i] = [force[i][0] + sum[0], force[i][1] + sum[1]];
    }
}

/// Who is joined to whom: each pair once, smaller index first, ascending.
pub(crate) fn links(edges: &EdgeIndex) -> Vec<(u32, u32)> {
    let mut links: Vec<(u32, u32)> =
        edges.iter().filter(|(a, b)| a != b).map(|(a, b)| (a.min(b), a.max(b))).collect();
    links.sort_unstable();
    links.dedup();
    links
}

/// Moves the centre of mass to (0, 0) and turns the axis of largest variance onto x.
pub(crate) fn turn_level(at: &mut [[f64; 2]]) {
    let n = (at.len() as f64).max(1.0);
    let centre = [0, 1].map(|axis| at.iter().map(|p| p[axis]).sum::<f64>() / n);
    let (mut xx, mut xy, mut yy) = (0.0, 0.0, 0.0);
    for p in at.iter_mut() {
        *p = [p[0] - centre[0], p[1] - centre[1]];
        xx += p[0] * p[0];
        xy += p[0] * p[1];
        yy += p[1] * p[1];
    }
    // The eigenvector of the larger eigenvalue of [[xx, xy], [xy, yy]], by square roots only: unlike sin and
    // atan2, they are rounded alike everywhere.
    let half = (xx - yy) / 2.0;
    let root = (half * half + xy * xy).sqrt();
    let (c, s) = if half >= 0.0 { (half + root, xy) } else { (xy, root - half) };
    let length = (c * c + s * s).sqrt();
    if length > 0.0 {
        let (c, s) = (c / length, s / length);
        for p in at {
            *p = [c * p[0] + s * p[1], c * p[1] - s * p[0]];
        }
    }
}
