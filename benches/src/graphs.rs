//! The graphs that are measured on: files of `peers/graphs.py`, and R-MAT made here.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use candle_geometric::graph::rng::Stream;
use candle_geometric::graph::{self, EdgeIndex};
use safetensors::SafeTensors;

/// A graph file of `peers/graphs.py`, and the widths of the layer that is measured on it.
#[derive(Debug)]
pub struct Case {
    /// The graph, without self-loops.
    pub edges: EdgeIndex,
    /// F, the number of features of a node.
    pub features: usize,
    /// H.
    pub heads: usize,
    /// C, the channels of each head.
    pub channels: usize,
}

impl Case {
    /// Reads `DIR/NAME.safetensors`.
    ///
    /// # Errors
    /// If there is no such file, or it has no `edge_index` `[2, E]` of i64 with the metadata it should have.
    pub fn load(folder: &Path, name: &str) -> Result<Self> {
        let path = folder.join(format!("{name}.safetensors"));
        let bytes = std::fs::read(&path)
            .with_context(|| format!("{}: write it with benches/peers/graphs.py", path.display()))?;
        let (_, header) = SafeTensors::read_metadata(&bytes)?;
        let number = |key: &str| -> Result<usize> {
            let text = header.metadata().as_ref().and_then(|m| m.get(key));
            Ok(text.with_context(|| format!("{}: no metadata {key}", path.display()))?.parse()?)
        };
        let file = SafeTensors::deserialize(&bytes)?;
        let coo = file.tensor("edge_index")?;
        ensure!(coo.shape().len() == 2 && coo.shape()[0] == 2, "edge_index is {:?}, not [2, E]", coo.shape());
        let number_of = |bytes: &[u8; 8]| i64::from_le_bytes(*bytes);
        let ids: Vec<i64> = coo.data().as_chunks().0.iter().map(number_of).collect();
        let (source, destination) = ids.split_at(coo.shape()[1]);
        Ok(Self {
            edges: EdgeIndex::from_i64(source, destination, number("num_nodes")?)?,
            features: number("in_features")?,
            heads: number("heads")?,
            channels: number("channels")?,
        })
    }
}

/// A power-law graph: R-MAT (Chakrabarti, Zhan, Faloutsos 2004) with the Graph500 probabilities; with self-loops on
/// every node, or without.
///
/// # Errors
/// If there are edges but no nodes, or too many of either for 32 bits.
pub fn power_law(nodes: usize, random_edges: usize, self_loops: bool) -> graph::Result<EdgeIndex> {
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
