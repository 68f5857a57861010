use candle_core::Tensor;
use candle_geometric_graph::EdgeIndex;

use super::dynamic_scores::dynamic_scores;
use super::fused;
use crate::backend::{self, Backend};
use crate::{Dropout, Error, Result, check, reference, segment_softmax};

/// The attention of GATv2 (Brody, Alon, Yahav 2022, equation 7): for every edge e from j to i and every head
/// `α[e] = softmaxᵢ(⟨att, LeakyReLU(x_src[j] + x_dst[i] + edge_terms[e])⟩)`, and `out[i] = Σ α[e] · x_src[j]` over
/// the in-edges of i.
///
/// `x_src` `[N_src, H·C]` (head-major), `x_dst` `[N_dst, H·C]`, `edge_terms` `[E, H·C]`, `att` `[H, C]`, result
/// `[N_dst, H·C]`; 0 for a node without in-edges. `dropout` as in [`additive_attention`](crate::additive_attention).
///
/// # Errors
/// If a shape is another one, types or devices differ, `negative_slope` is not finite or the dropout's p is not a
/// probability.
///
/// ```
/// # use candle_core::{Device, Tensor};
/// # use candle_geometric_graph::EdgeIndex;
/// use candle_geometric_ops::dynamic_attention;
/// # fn main() -> candle_geometric_ops::Result<()> {
/// let edges = EdgeIndex::new(vec![0, 1], vec![2, 2], 3)?;
/// let x = Tensor::new(&[[1f32, 2.], [3., 4.], [0., 0.]], &Device::Cpu)?;
/// let att = Tensor::zeros((1, 2), x.dtype(), x.device())?;
/// let out = dynamic_attention(&x, &x, None, &att, &edges, 0.2, None)?;
/// assert_eq!(out.to_vec2::<f32>()?, [[0., 0.], [0., 0.], [2., 3.]]);
/// # Ok(()) }
/// ```
pub fn dynamic_attention(
    x_src: &Tensor,
    x_dst: &Tensor,
    edge_terms: Option<&Tensor>,
    att: &Tensor,
    edges: &EdgeIndex,
    negative_slope: f64,
    dropout: Option<Dropout>,
) -> Result<Tensor> {
    check_terms(x_src, x_dst, edge_terms, att, edges, negative_slope)?;
    let dropout = Dropout::wanted(dropout)?;
    match backend::of(x_src) {
        Backend::Cpu => {
            let scores = dynamic_scores(x_src, x_dst, edge_terms, att, edges, negative_slope)?;
            let terms = fused::Terms { src: None, dst: None, edge: Some(&scores), negative_slope: 1.0 };
            Ok(fused::attention(x_src, terms, att.dim(0)?, edges, dropout)?)
        }
        Backend::Widened => {
            let (src, dst, att) = (backend::wide(x_src)?, backend::wide(x_dst)?, backend::wide(att)?);
            let terms = backend::wide_option(edge_terms)?;
            let out = dynamic_attention(&src, &dst, terms.as_ref(), &att, edges, negative_slope, dropout)?;
            Ok(out.to_dtype(x_src.dtype())?)
        }
        Backend::Reference => {
            reference::dynamic_attention(x_src, x_dst, edge_terms, att, edges, negative_slope, dropout)
        }
    }
}

/// The weights α `[E, H]` of [`dynamic_attention`], in the caller's edge order, without dropout.
///
/// # Errors
/// As [`dynamic_attention`].
///
/// ```
/// # use candle_core::{Device, Tensor};
/// # use candle_geometric_graph::EdgeIndex;
/// use candle_geometric_ops::dynamic_attention_weights;
/// # fn main() -> candle_geometric_ops::Result<()> {
/// let edges = EdgeIndex::new(vec![0, 1], vec![2, 2], 3)?;
/// let x = Tensor::new(&[[1f32, 2.], [3., 4.], [0., 0.]], &Device::Cpu)?;
/// let att = Tensor::zeros((1, 2), x.dtype(), x.device())?;
/// let alpha = dynamic_attention_weights(&x, &x, None, &att, &edges, 0.2)?;
/// assert_eq!(alpha.to_vec2::<f32>()?, [[0.5], [0.5]]);
/// # Ok(()) }
/// ```
pub fn dynamic_attention_weights(
    x_src: &Tensor,
    x_dst: &Tensor,
    edge_terms: Option<&Tensor>,
    att: &Tensor,
    edges: &EdgeIndex,
    negative_slope: f64,
) -> Result<Tensor> {
    check_terms(x_src, x_dst, edge_terms, att, edges, negative_slope)?;
    match backend::of(x_src) {
        Backend::Cpu => {
            let scores = dynamic_scores(x_src, x_dst, edge_terms, att, edges, negative_slope)?;
            segment_softmax(&scores, edges)
        }
        Backend::Widened => {
            let (src, dst, att) = (backend::wide(x_src)?, backend::wide(x_dst)?, backend::wide(att)?);
            let terms = backend::wide_option(edge_terms)?;
            let alpha = dynamic_attention_weights(&src, &dst, terms.as_ref(), &att, edges, negative_slope)?;
            Ok(alpha.to_dtype(x_src.dtype())?)
        }
        Backend::Reference => {
            reference::dynamic_attention_weights(x_src, x_dst, edge_terms, att, edges, negative_slope)
        }
    }
}

fn check_terms(
    x_src: &Tensor,
    x_dst: &Tensor,
    edge_terms: Option<&Tensor>,
    att: &Tensor,
    edges: &EdgeIndex,
    negative_slope: f64,
) -> Result<()> {
    check::float("x_src", x_src)?;
    let [heads, channels] = *att.dims() else {
        return Err(Error::Shape { argument: "att", expected: "[H, C]".into(), actual: att.dims().to_vec() });
    };
    if heads * channels == 0 {
        return Err(Error::Shape {
            argument: "att",
            expected: "[H, C] with at least one head and one channel".into(),
            actual: att.dims().to_vec(),
        });
    }
    let columns = heads * channels;
    check::like("att", att, x_src)?;
    check::shape("x_src", x_src, &[edges.num_src(), columns], "N_src, H·C")?;
    check::shape("x_dst", x_dst, &[edges.num_dst(), columns], "N_dst, H·C")?;
    check::like("x_dst", x_dst, x_src)?;
    if let Some(t) = edge_terms {
        check::shape("edge_terms", t, &[edges.num_edges(), columns], "E, H·C")?;
        check::like("edge_terms", t, x_src)?;
    }
    check::slope(negative_slope)
}
