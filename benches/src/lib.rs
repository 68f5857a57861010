//! What the benchmarks share.

use candle_geometric::graph::rng::Stream;
use candle_geometric::graph::{EdgeIndex, Result};

/// A power-law graph: R-MAT (Chakrabarti, Zhan, Faloutsos 2004) with the Graph500 probabilities; with self-loops on
/// every node, or without.
///
/// # Errors
/// If there are edges but no nodes, or too many of either for 32 bits.
pub fn power_law(nodes: usize, random_edges: usize, self_loops: bool) -> Result<EdgeIndex> {
    let mut q = Stream::named(1, "r-mat").sequence();
    let bits = nodes.next_power_of_two().trailing_zeros();
    let (mut source, mut destination) = (Vec::new(), Vec::new());
    while nodes > 0 && source.len() < random_edges {
        let (mut s, mut d) = (0u32, 0u32);
        for _ in 0..bits {
            let (a, b) = match q.below(100) {
                0..57 => (0, 0),
                57..76 => (0, 1),
                76..95 => (1, 0),
                _ => (1, 1),
            };
            (s, d) = (s << 1 | a, d << 1 | b);
        }
        if s.max(d) < nodes as u32 {
            source.push(s);
            destination.push(d);
        }
    }
    if self_loops {
        source.extend(0..nodes as u32);
        destination.extend(0..nodes as u32);
    }
    EdgeIndex::new(source, destination, nodes)
}
