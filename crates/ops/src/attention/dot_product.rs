use candle_core::Tensor;
use candle_geometric_graph::EdgeIndex;

use super::fused::{self, Terms};
use crate::backend::{self, Backend};
use crate::{Dropout, Result, check, gather_dst, gather_src, reference, segment_softmax};

/// The attention of graph transformers (Shi et al. 2021, *Masked Label Prediction*, equations 3 and 4): for every edge
/// e from j to i and every head `α[e] = softmaxᵢ(⟨query[i], key[j] + edge_terms[e]⟩ / √C)`, and
/// `out[i] = Σ α[e] · (value[j] + edge_terms[e])` over the in-edges of i.
///
/// `query` `[N_dst, H·C]` (head-major), `key` and `value` `[N_src, H·C]`, `edge_terms` `[E, H·C]`, result
/// `[N_dst, H·C]`; 0 for a node without in-edges. `dropout` as in [`additive_attention`](crate::additive_attention).
///
/// # Errors
/// If a shape is another one, `heads` does not divide the columns of `query`, types or devices differ, or the
/// dropout's p is not a probability.
///
/// ```
/// # use candle_core::{Device, Tensor};
/// # use candle_geometric_graph::EdgeIndex;
/// use candle_geometric_ops::dot_product_attention;
/// # fn main() -> candle_geometric_ops::Result<()> {
/// let edges = EdgeIndex::new(vec![0, 1], vec![2, 2], 3)?;
/// let value = Tensor::new(&[[1f32, 2.], [3., 4.], [0., 0.]], &Device::Cpu)?;
/// let query = value.zeros_like()?;
/// let out = dot_product_attention(&query, &value, &value, None, 1, &edges, None)?;
/// assert_eq!(out.to_vec2::<f32>()?, [[0., 0.], [0., 0.], [2., 3.]]);
/// # Ok(()) }
/// ```
pub fn dot_product_attention(
    query: &Tensor,
    key: &Tensor,
    value: &Tensor,
    edge_terms: Option<&Tensor>,
    heads: usize,
    edges: &EdgeIndex,
    dropout: Option<Dropout>,
) -> Result<Tensor> {
    let columns = check_scored(query, key, edge_terms, heads, edges)?;
    check::shape("value", value, &[edges.num_src(), columns], "N_src, H·C")?;
    check::like("value", value, query)?;
    let dropout = Dropout::wanted(dropout)?;
    match backend::of(query) {
        Backend::Cpu => composed(query, key, value, edge_terms, heads, edges, dropout),
        Backend::Widened => {
            let (q, k, v) = (backend::wide(query)?, backend::wide(key)?, backend::wide(value)?);
            let terms = backend::wide_option(edge_terms)?;
            let out = dot_product_attention(&q, &k, &v, terms.as_ref(), heads, edges, dropout)?;
            Ok(out.to_dtype(query.dtype())?)
        }
        Backend::Reference => {
            reference::dot_product_attention(query, key, value, edge_terms, heads, edges, dropout)
        }
    }
}

/// The weights α `[E, H]` of [`dot_product_attention`], in the caller's edge order, without dropout.
///
/// # Errors
/// As [`dot_product_attention`].
///
/// ```
/// # use candle_core::{Device, Tensor};
/// # use candle_geometric_graph::EdgeIndex;
/// use candle_geometric_ops::dot_product_attention_weights;
/// # fn main() -> candle_geometric_ops::Result<()> {
/// let edges = EdgeIndex::new(vec![0, 1], vec![2, 2], 3)?;
/// let key = Tensor::new(&[[1f32, 2.], [3., 4.], [0., 0.]], &Device::Cpu)?;
/// let alpha = dot_product_attention_weights(&key.zeros_like()?, &key, None, 1, &edges)?;
/// assert_eq!(alpha.to_vec2::<f32>()?, [[0.5], [0.5]]);
/// # Ok(()) }
/// ```
pub fn dot_product_attention_weights(
    query: &Tensor,
    key: &Tensor,
    edge_terms: Option<&Tensor>,
    heads: usize,
    edges: &EdgeIndex,
) -> Result<Tensor> {
    check_scored(query, key, edge_terms, heads, edges)?;
    match backend::of(query) {
        Backend::Cpu => segment_softmax(&scores(query, key, edge_terms, heads, edges)?, edges),
        Backend::Widened => {
            let (q, k, terms) =
                (backend::wide(query)?, backend::wide(key)?, backend::wide_option(edge_terms)?);
            let alpha = dot_product_attention_weights(&q, &k, terms.as_ref(), heads, edges)?;
            Ok(alpha.to_dtype(query.dtype())?)
        }
        Backend::Reference => reference::dot_product_attention_weights(query, key, edge_terms, heads, edges),
    }
}

/// Checks what the scores are made of; returns the number of columns, H·C.
fn check_scored(
    query: &Tensor,
    key: &Tensor,
    edge_terms: Option<&Tensor>,
    heads: usize,
    edges: &EdgeIndex,
) -> Result<usize> {
    check::float("query", query)?;
    let columns = check::matrix("query", query, edges.num_dst(), "N_dst, H·C")?;
    check::channels("query", columns, heads)?;
    check::shape("key", key, &[edges.num_src(), columns], "N_src, H·C")?;
    check::like("key", key, query)?;
    if let Some(t) = edge_terms {
        check::shape("edge_terms", t, &[edges.num_edges(), columns], "E, H·C")?;
        check::like("edge_terms", t, query)?;
    }
    Ok(columns)
}

/// [`dot_product_attention`] on the CPU, out of other primitives: it writes `[E, H·C]` to memory.
fn composed(
    query: &Tensor,
    key: &Tensor,
    value: &Tensor,
    edge_terms: Option<&Tensor>,
    heads: usize,
    edges: &EdgeIndex,
    dropout: Option<Dropout>,
) -> Result<Tensor> {
    let scores = scores(query, key, edge_terms, heads, edges)?;
    let terms = Terms { src: None, dst: None, edge: Some(&scores), negative_slope: 1.0 };
    if edge_terms.is_none() {
        return Ok(fused::attention(value, terms, heads, edges, dropout)?);
    }
    // Each edge has a value of its own: it is the one source of itself.
    let n = edges.num_edges();
    let ids = (0u32..).take(n).collect();
    let own = EdgeIndex::bipartite(ids, edges.destination().to_vec(), n, edges.num_dst())?;
    Ok(fused::attention(&at_edges(value, edge_terms, edges)?, terms, heads, &own, dropout)?)
}

/// `⟨query[i], key[j] + edge_terms[e]⟩ / √C` head by head, `[E, H]`.
fn scores(
    query: &Tensor,
    key: &Tensor,
    edge_terms: Option<&Tensor>,
    heads: usize,
    edges: &EdgeIndex,
) -> Result<Tensor> {
    let channels = query.dim(1)? / heads;
    let products = (gather_dst(query, edges)? * at_edges(key, edge_terms, edges)?)?;
    let sums = products.reshape((edges.num_edges(), heads, channels))?.sum(2)?;
    Ok((sums / (channels as f64).sqrt())?)
}

/// The rows of the sources plus the terms of the edges, `[E, H·C]`.
fn at_edges(x: &Tensor, edge_terms: Option<&Tensor>, edges: &EdgeIndex) -> Result<Tensor> {
    let rows = gather_src(x, edges)?;
    match edge_terms {
        Some(terms) => Ok((rows + terms)?),
        None => Ok(rows),
    }
}
