use candle_geometric_graph::EdgeIndex;
use candle_geometric_nn::Attention;

use crate::{Error, Result, Weights};

/// Attention as an explanation: the mean of α over the heads and layers, one number per edge of `edges`, which the model was given.
/// A self-loop that a layer put in place of the caller's counts for that one; loops that the caller has not are left out.
///
/// The weights stand in the order in which layers return them; PyTorch Geometric's `AttentionExplainer` with `reduce = 'mean'`.
///
/// # Errors
/// If there is no layer, or a layer's edges are not `edges`, as they are or with self-loops.
pub fn attention(layers: &[Attention], edges: &EdgeIndex) -> Result<Vec<f64>> {
    if layers.is_empty() {
        return Err(Error::Invalid {
            argument: "layers",
            expected: "the attention of at least one layer".into(),
            actual: "none, as of a model without attention".into(),
        });
    }
    let mut sums = vec![0.0; edges.num_edges()];
    for layer in layers {
        let alpha = Weights::try_from(layer)?.mean();
        for (sum, k) in sums.iter_mut().zip(positions(&layer.edges, edges)?) {
            *sum += alpha[k] / layers.len() as f64;
        }
    }
    Ok(sums)
}

/// Where each of the caller's edges stands among those of a layer.
fn positions(of_layer: &EdgeIndex, edges: &EdgeIndex) -> Result<Vec<usize>> {
    if of_layer.iter().eq(edges.iter()) {
        return Ok((0..edges.num_edges()).collect());
    }
    let others = edges.iter().filter(|(j, i)| j != i).count();
    let looped = edges.iter().filter(|(j, i)| j != i).chain((0..edges.num_dst() as u32).map(|i| (i, i)));
    if !of_layer.iter().eq(looped) {
        return Err(Error::Invalid {
            argument: "layers",
            expected: format!("weights of these {} edges, as they are or with self-loops", edges.num_edges()),
            actual: format!("weights of {} other edges", of_layer.num_edges()),
        });
    }
    let mut next = 0..others;
    let position = |(j, i): (u32, u32)| match j == i {
        true => Some(others + i as usize),
        false => next.next(),
    };
    Ok(edges.iter().filter_map(position).collect())
}
