use candle_core::Tensor;
use candle_geometric_graph::EdgeIndex;

use super::fused::{self, Terms};
use crate::backend::{self, Backend};
use crate::{Dropout, Result, check, gather_dst, gather_src, reference, segment_softmax};

/// The attention of GAT (Veličković et al. 2018, equation 3): for every edge e from j to i and every head
/// `α[e] = softmaxᵢ(LeakyReLU(src_scores[j] + dst_scores[i] + edge_scores[e]))`, and
/// `out[i] = Σ α[e] · values[j]` over the in-edges of i.
///
/// `values` `[N_src, H·C]` (head-major), `src_scores` `[N_src, H]`, `dst_scores` `[N_dst, H]`, `edge_scores`
/// `[E, H]`, result `[N_dst, H·C]`; 0 for a node without in-edges. With `dropout` every α is dropped or scaled after
/// the softmax, where α of edge e and head h takes the number e·H + h of the stream.
///
/// # Errors
/// If a shape is another one, H does not divide the columns of `values`, types or devices differ, `negative_slope`
/// is not finite or the dropout's p is not a probability.
///
/// ```
/// # use candle_core::{Device, Tensor};
/// # use candle_geometric_graph::EdgeIndex;
/// use candle_geometric_ops::additive_attention;
/// # fn main() -> candle_geometric_ops::Result<()> {
/// let edges = EdgeIndex::new(vec![0, 1], vec![2, 2], 3)?;
/// let values = Tensor::new(&[[1f32, 2.], [3., 4.], [0., 0.]], &Device::Cpu)?;
/// let scores = Tensor::new(&[[5f32], [5.], [0.]], &Device::Cpu)?;
/// let out = additive_attention(&values, &scores, Some(&scores), None, &edges, 0.2, None)?;
/// assert_eq!(out.to_vec2::<f32>()?, [[0., 0.], [0., 0.], [2., 3.]]);
/// # Ok(()) }
/// ```
pub fn additive_attention(
    values: &Tensor,
    src_scores: &Tensor,
    dst_scores: Option<&Tensor>,
    edge_scores: Option<&Tensor>,
    edges: &EdgeIndex,
    negative_slope: f64,
    dropout: Option<Dropout>,
) -> Result<Tensor> {
    let heads = check_scores(src_scores, dst_scores, edge_scores, edges, negative_slope)?;
    let columns = check::matrix("values", values, edges.num_src(), "N_src, H·C")?;
    check::channels("values", columns, heads)?;
    check::like("values", values, src_scores)?;
    let dropout = Dropout::wanted(dropout)?;
    match backend::of(values) {
        Backend::Cpu => {
            let terms = Terms { src: Some(src_scores), dst: dst_scores, edge: edge_scores, negative_slope };
            Ok(fused::attention(values, terms, heads, edges, dropout)?)
        }
        Backend::Widened => {
            let (dst, edge) = (backend::wide_option(dst_scores)?, backend::wide_option(edge_scores)?);
            let (v, src) = (backend::wide(values)?, backend::wide(src_scores)?);
            let out =
                additive_attention(&v, &src, dst.as_ref(), edge.as_ref(), edges, negative_slope, dropout)?;
            backend::narrow(&out, values)
        }
        Backend::Cuda => {
            let terms = Terms { src: Some(src_scores), dst: dst_scores, edge: edge_scores, negative_slope };
            Ok(fused::on_cuda(values, terms, heads, edges, dropout)?)
        }
        Backend::Reference => reference::additive_attention(
            values,
            src_scores,
            dst_scores,
            edge_scores,
            edges,
            negative_slope,
            dropout,
        ),
    }
}

/// The weights α `[E, H]` of [`additive_attention`], in the caller's edge order, without dropout.
///
/// # Errors
/// As [`additive_attention`].
///
/// ```
/// # use candle_core::{Device, Tensor};
/// # use candle_geometric_graph::EdgeIndex;
/// use candle_geometric_ops::additive_attention_weights;
/// # fn main() -> candle_geometric_ops::Result<()> {
/// let edges = EdgeIndex::new(vec![0, 1], vec![2, 2], 3)?;
/// let scores = Tensor::new(&[[5f32], [5.], [0.]], &Device::Cpu)?;
/// let alpha = additive_attention_weights(&scores, Some(&scores), None, &edges, 0.2)?;
/// assert_eq!(alpha.to_vec2::<f32>()?, [[0.5], [0.5]]);
/// # Ok(()) }
/// ```
pub fn additive_attention_weights(
    src_scores: &Tensor,
    dst_scores: Option<&Tensor>,
    edge_scores: Option<&Tensor>,
    edges: &EdgeIndex,
    negative_slope: f64,
) -> Result<Tensor> {
    check_scores(src_scores, dst_scores, edge_scores, edges, negative_slope)?;
    let mut scores = gather_src(src_scores, edges)?;
    if let Some(s) = dst_scores {
        scores = (scores + gather_dst(s, edges)?)?;
    }
    if let Some(s) = edge_scores {
        scores = (scores + s)?;
    }
    segment_softmax(&reference::leaky_relu(&scores, negative_slope)?, edges)
}

/// Checks all scores; returns the number of heads.
fn check_scores(
    src_scores: &Tensor,
    dst_scores: Option<&Tensor>,
    edge_scores: Option<&Tensor>,
    edges: &EdgeIndex,
    negative_slope: f64,
) -> Result<usize> {
    check::float("src_scores", src_scores)?;
    let heads = check::matrix("src_scores", src_scores, edges.num_src(), "N_src, H")?;
    if let Some(s) = dst_scores {
        check::shape("dst_scores", s, &[edges.num_dst(), heads], "N_dst, H")?;
        check::like("dst_scores", s, src_scores)?;
    }
    if let Some(s) = edge_scores {
        check::shape("edge_scores", s, &[edges.num_edges(), heads], "E, H")?;
        check::like("edge_scores", s, src_scores)?;
    }
    check::slope(negative_slope)?;
    Ok(heads)
}
