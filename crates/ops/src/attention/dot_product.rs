use candle_core::Tensor;
use candle_geometric_graph::EdgeIndex;

use super::extras::Extras;
use super::pairwise::{Pairwise, Scoring};
use crate::backend::{self, Backend};
use crate::{Dropout, Linked, Result, check, reference, segment_softmax};

/// The attention of graph transformers (Shi et al. 2021, *Masked Label Prediction*, equations 3 and 4): for every edge
/// e from j to i and every head `α[e] = softmaxᵢ(⟨query[i], key[j] + edge_terms[e]⟩ / √C)`, and
/// `out[i] = Σ α[e] · (value[j] + edge_terms[e])` over the in-edges of i.
///
/// `query` `[N_dst, H·C]` (head-major), `key` and `value` `[N_src, H·C]`, tensors or what
/// [`project`](crate::project) made; `edge_terms` `[E, H·C]`; result `[N_dst, H·C]`, where a node without in-edges has
/// 0, plus what `extras` adds. On the CPU it is one pass over the graph.
///
/// # Errors
/// If a shape is another one, `heads` does not divide the columns of `query`, types or devices differ, or the
/// dropout's p is not a probability.
///
/// ```
/// # use candle_core::{Device, Tensor};
/// # use candle_geometric_graph::EdgeIndex;
/// use candle_geometric_ops::{Extras, dot_product_attention};
/// # fn main() -> candle_geometric_ops::Result<()> {
/// let edges = EdgeIndex::new(vec![0, 1], vec![2, 2], 3)?;
/// let value = Tensor::new(&[[1f32, 2.], [3., 4.], [0., 0.]], &Device::Cpu)?;
/// let query = value.zeros_like()?;
/// let out = dot_product_attention(&query, &value, &value, None, 1, &edges, Extras::default())?;
/// assert_eq!(out.to_vec2::<f32>()?, [[0., 0.], [0., 0.], [2., 3.]]);
/// # Ok(()) }
/// ```
pub fn dot_product_attention(
    query: impl Into<Linked>,
    key: impl Into<Linked>,
    value: impl Into<Linked>,
    edge_terms: Option<&Tensor>,
    heads: usize,
    edges: &EdgeIndex,
    extras: Extras<'_>,
) -> Result<Tensor> {
    let (query, key, value) = (query.into(), key.into(), value.into());
    let like = query.value();
    let columns = check_scored(&like, &key.value(), edge_terms, heads, edges)?;
    check::shape("value", &value.value(), &[edges.num_src(), columns], "N_src, H·C")?;
    check::like("value", &value.value(), &like)?;
    extras.check(&like, edges, columns)?;
    let dropout = Dropout::wanted(extras.dropout)?;
    match backend::of(&like) {
        Backend::Cpu => Ok(pairs(query, key, Some(value), edge_terms, heads, edges).attend(extras)?),
        Backend::Widened => {
            let (q, k, v) = (wide(query)?, wide(key)?, wide(value)?);
            let terms = backend::wide_option(edge_terms)?;
            let out = extras
                .widened(|extras| dot_product_attention(q, k, v, terms.as_ref(), heads, edges, extras))?;
            backend::narrow(&out, &like)
        }
        Backend::Cuda => Ok(pairs(query, key, Some(value), edge_terms, heads, edges).attend_on_cuda(extras)?),
        Backend::Reference => {
            let (q, k, v) = (query.tensor()?, key.tensor()?, value.tensor()?);
            let out = reference::dot_product_attention(&q, &k, &v, edge_terms, heads, edges, dropout)?;
            extras.add_to(out)
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
    query: impl Into<Linked>,
    key: impl Into<Linked>,
    edge_terms: Option<&Tensor>,
    heads: usize,
    edges: &EdgeIndex,
) -> Result<Tensor> {
    let (query, key) = (query.into(), key.into());
    let like = query.value();
    check_scored(&like, &key.value(), edge_terms, heads, edges)?;
    match backend::of(&like) {
        Backend::Cpu => segment_softmax(&pairs(query, key, None, edge_terms, heads, edges).scores()?, edges),
        Backend::Widened => {
            let (q, k, terms) = (wide(query)?, wide(key)?, backend::wide_option(edge_terms)?);
            let alpha = dot_product_attention_weights(q, k, terms.as_ref(), heads, edges)?;
            backend::narrow(&alpha, &like)
        }
        Backend::Cuda => {
            let scores = pairs(query, key, None, edge_terms, heads, edges).scores_on_cuda()?;
            Ok(segment_softmax(&scores, edges)?.to_dtype(like.dtype())?)
        }
        Backend::Reference => {
            let (query, key) = (query.tensor()?, key.tensor()?);
            reference::dot_product_attention_weights(&query, &key, edge_terms, heads, edges)
        }
    }
}

fn pairs(
    query: Linked,
    key: Linked,
    value: Option<Linked>,
    edge_terms: Option<&Tensor>,
    heads: usize,
    edges: &EdgeIndex,
) -> Pairwise {
    let edge = edge_terms.cloned();
    Pairwise { scoring: Scoring::Dot, heads, query, key, value, edge, edges: edges.clone() }
}

fn wide(x: Linked) -> Result<Tensor> {
    backend::wide(&x.tensor()?)
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
