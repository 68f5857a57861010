//! The graphs that are measured on: files of `peers/graphs.py`, and R-MAT made here.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use candle_geometric::graph::generators::{RMat, r_mat};
use candle_geometric::graph::transforms::add_self_loops;
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

/// The ends of uniform random edges, as SplitMix64 gives them: `peers/sampling.py` makes the same.
pub fn random_edges(num_nodes: usize, num_edges: usize) -> (Vec<u32>, Vec<u32>) {
    let number = |k: u64| {
        let mut z = (k + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        z = (z ^ z >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ z >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ z >> 31) % num_nodes as u64) as u32
    };
    (
        (0..num_edges as u64).map(|e| number(2 * e)).collect(),
        (0..num_edges as u64).map(|e| number(2 * e + 1)).collect(),
    )
}

/// A power-law graph: R-MAT with the Graph500 probabilities; with one more self-loop on every node, or without.
///
/// # Errors
/// If there are edges but no nodes, or too many of either for 32 bits.
pub fn power_law(nodes: usize, random_edges: usize, self_loops: bool) -> graph::Result<EdgeIndex> {
    let edges = r_mat(nodes, random_edges, RMat::default(), 1)?;
    if self_loops { Ok(add_self_loops(&edges)?.edges) } else { Ok(edges) }
}
