use candle_geometric_graph::EdgeIndex;

use crate::{Error, Result};

/// The graph of each of `n` nodes, for a layer or model whose `batch` may be left out: then all nodes are one graph.
///
/// # Errors
/// If `batch` does not have `n` entries; the message names `layer`.
pub fn graphs(layer: &'static str, n: usize, batch: Option<&EdgeIndex>) -> Result<EdgeIndex> {
    match batch {
        None => Ok(EdgeIndex::from_batch(&vec![0; n], 1)?),
        Some(batch) if batch.num_edges() == n => Ok(batch.clone()),
        Some(batch) => {
            let expected = format!("a graph for each of the {n} rows of x");
            Err(Error::argument(layer, "batch", expected, format!("{} entries", batch.num_edges())))
        }
    }
}
