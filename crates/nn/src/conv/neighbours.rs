//! What the in-neighbours of every node say together, and the checks of what they say it with.

use candle_core::Tensor;
use candle_geometric_graph::{EdgeIndex, GraphError};
use candle_geometric_ops::{self as ops, Linked, Reduce};

use super::weights;
use crate::aggr::Aggregation;
use crate::{Error, Linear, Result};

/// aggr { w(e) x_j } over the in-edges e from j of every node, `[N_src, F] → [N_dst, F]`, or `[N_dst, k·F]` for k
/// aggregations. Without `edge_weight` every edge counts 1. A sum or a mean makes no messages.
pub(crate) fn aggregate(
    aggregation: &Aggregation,
    x: &Tensor,
    edges: &EdgeIndex,
    edge_weight: Option<&Tensor>,
) -> Result<Tensor> {
    if let Some(weights) = weights_of_sum(aggregation, x, edges, edge_weight)? {
        return Ok(ops::spmm(edges, weights.as_ref(), x)?);
    }
    let messages = ops::gather_src(x, edges)?;
    match edge_weight {
        None => aggregation.forward(&messages, edges),
        Some(weight) => aggregation.forward(&messages.broadcast_mul(&weight.unsqueeze(1)?)?, edges),
    }
}

/// W · aggr { w(e) x_j } + b, and W_root x_i where there is such a map.
pub(super) fn combined(
    aggregation: &Aggregation,
    lin: &Linear,
    root: Option<(&Linear, &Tensor)>,
    x: &Tensor,
    edges: &EdgeIndex,
    edge_weight: Option<&Tensor>,
) -> Result<Tensor> {
    let (weight, bias) = lin.map();
    let sum = |aggregated: Linked| match root {
        Some((lin_root, x)) => ops::linear_sum([(aggregated, weight), (x.into(), lin_root.weight())], bias),
        None => ops::linear_sum([(aggregated, weight)], bias),
    };
    let Some(weights) = weights_of_sum(aggregation, x, edges, edge_weight)? else {
        return Ok(sum(aggregate(aggregation, x, edges, edge_weight)?.into())?);
    };
    let (outputs, inputs) = weight.dims2()?;
    if inputs <= outputs {
        return Ok(sum(ops::spmm_linked(edges, weights.as_ref(), x)?)?);
    }
    // A linear map and a sum may change places: sum the fewer channels.
    let h = ops::project(x, weight, None)?;
    let root = root.map(|(lin_root, x)| lin_root.project(x)).transpose()?;
    Ok(ops::spmm_plus(edges, weights.as_ref(), h, bias, root.as_ref())?)
}

/// Where the aggregation is a weighted sum, the weights of the edges, if they are not all 1.
fn weights_of_sum(
    aggregation: &Aggregation,
    x: &Tensor,
    edges: &EdgeIndex,
    edge_weight: Option<&Tensor>,
) -> Result<Option<Option<Tensor>>> {
    Ok(match (aggregation, edge_weight) {
        (Aggregation::Reduce(Reduce::Sum), weight) => Some(weight.cloned()),
        (Aggregation::Reduce(Reduce::Mean), None) => Some(Some(weights::mean(edges, x)?)),
        (Aggregation::Reduce(Reduce::Mean), Some(weight)) => Some(Some((weight * weights::mean(edges, x)?)?)),
        _ => None,
    })
}

/// The way from the rows of a tensor `[E, …]` to the destinations of their edges.
pub(super) fn edge_rows(edges: &EdgeIndex) -> Result<EdgeIndex> {
    struct ByDestination(EdgeIndex);
    let kept = edges.try_attachment(|| -> std::result::Result<_, GraphError> {
        Ok(ByDestination(EdgeIndex::from_batch(edges.destination(), edges.num_dst())?))
    })?;
    Ok(kept.0.clone())
}

/// Σ w(e) W f_e over the in-edges e of every node, `[N_dst, H·C]`, for weights `[E, H]`, f `[E, D]` and W `[H·C, D]`: a sum of D
/// numbers in every head, and then the map.
pub(super) fn sum_of_maps(weights: &Tensor, f: &Tensor, map: &Tensor, edges: &EdgeIndex) -> Result<Tensor> {
    let (rows, heads) = (edge_rows(edges)?, weights.dim(1)?);
    let c = map.dim(0)? / heads;
    let head = |h: usize| -> Result<Tensor> {
        let sums = ops::spmm(&rows, Some(&weights.narrow(1, h, 1)?), f)?;
        Ok(ops::linear(&sums, &map.narrow(0, h * c, c)?, None)?)
    };
    Ok(Tensor::cat(&(0..heads).map(head).collect::<Result<Vec<_>>>()?, 1)?)
}

/// x_i Σ w(e) over the in-edges e of every node i, `[N_dst, H·C]`, for weights `[E, H]`.
pub(crate) fn times_sums(weights: &Tensor, x: &Tensor, edges: &EdgeIndex) -> Result<Tensor> {
    let (nodes, columns, heads) = (x.dim(0)?, x.dim(1)?, weights.dim(1)?);
    let total = ops::scatter(weights, edges, Reduce::Sum)?.unsqueeze(2)?;
    let product = x.reshape((nodes, heads, columns / heads))?.broadcast_mul(&total)?;
    Ok(product.reshape((nodes, columns))?)
}

/// That `x` is `[N, channels]` for the N nodes of a graph on one set of nodes.
pub(crate) fn check_nodes(layer: &'static str, x: &Tensor, channels: usize, edges: &EdgeIndex) -> Result<()> {
    let n = edges.num_nodes()?;
    if x.dims() == [n, channels] {
        return Ok(());
    }
    let expected = format!("[{n}, {channels}] ([nodes, in_channels])");
    Err(Error::argument(layer, "x", expected, format!("{:?}", x.dims())))
}

/// That `edge_weight`, if there is one, is `[E]`.
pub(super) fn check_edge_weight(
    layer: &'static str,
    edges: &EdgeIndex,
    edge_weight: Option<&Tensor>,
) -> Result<()> {
    match edge_weight.filter(|w| w.dims() != [edges.num_edges()]) {
        None => Ok(()),
        Some(w) => {
            let expected = format!("[{}] (one number per edge)", edges.num_edges());
            Err(Error::argument(layer, "edge_weight", expected, format!("{:?}", w.dims())))
        }
    }
}
