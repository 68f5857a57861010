use candle_core::Tensor;
use candle_geometric_graph::EdgeIndex;

use super::extras::Extras;
use super::pairwise::{self, Pairwise};
use crate::backend::{self, Backend};
use crate::{Dropout, Error, Linked, Result, check, reference, segment_softmax};

/// What the scores of [`dynamic_attention`] are made of, beside the features.
#[derive(Debug, Clone, Copy)]
pub struct DynamicScoring<'a> {
    /// The attention vectors, `[H, C]`.
    pub att: &'a Tensor,
    /// What edges add inside the LeakyReLU, `[E, H·C]`.
    pub edge_terms: Option<&'a Tensor>,
    /// The slope of the LeakyReLU below 0.
    pub negative_slope: f64,
}

/// The attention of GATv2 (Brody, Alon, Yahav 2022, equation 7): for every edge e from j to i and every head
/// `α[e] = softmaxᵢ(⟨att, LeakyReLU(x_src[j] + x_dst[i] + edge_terms[e])⟩)`, and `out[i] = Σ α[e] · x_src[j]` over
/// the in-edges of i, plus what `extras` adds.
///
/// `x_src` `[N_src, H·C]` (head-major), `x_dst` `[N_dst, H·C]`, tensors or what [`project`](crate::project) made;
/// result `[N_dst, H·C]`, where a node without in-edges has 0. On the CPU it is one pass over the graph.
///
/// # Errors
/// If a shape is another one, types or devices differ, `negative_slope` is not finite or the dropout's p is not a
/// probability.
///
/// ```
/// # use candle_core::{Device, Tensor};
/// # use candle_geometric_graph::EdgeIndex;
/// use candle_geometric_ops::{DynamicScoring, Extras, dynamic_attention};
/// # fn main() -> candle_geometric_ops::Result<()> {
/// let edges = EdgeIndex::new(vec![0, 1], vec![2, 2], 3)?;
/// let x = Tensor::new(&[[1f32, 2.], [3., 4.], [0., 0.]], &Device::Cpu)?;
/// let att = Tensor::zeros((1, 2), x.dtype(), x.device())?;
/// let scoring = DynamicScoring { att: &att, edge_terms: None, negative_slope: 0.2 };
/// let out = dynamic_attention(&x, &x, scoring, &edges, Extras::default())?;
/// assert_eq!(out.to_vec2::<f32>()?, [[0., 0.], [0., 0.], [2., 3.]]);
/// # Ok(()) }
/// ```
pub fn dynamic_attention(
    x_src: impl Into<Linked>,
    x_dst: impl Into<Linked>,
    scoring: DynamicScoring<'_>,
    edges: &EdgeIndex,
    extras: Extras<'_>,
) -> Result<Tensor> {
    let (x_src, x_dst) = (x_src.into(), x_dst.into());
    let src = x_src.value();
    check_terms(&src, &x_dst.value(), scoring, edges)?;
    extras.check(&src, edges, src.dim(1)?)?;
    let dropout = Dropout::wanted(extras.dropout)?;
    match backend::of(&src) {
        Backend::Cpu => Ok(pairs(x_src, x_dst, scoring, edges)?.attend(extras)?),
        Backend::Widened => {
            let out = extras.widened(|extras| {
                wide(x_src, x_dst, scoring, |s, d, scoring| dynamic_attention(s, d, scoring, edges, extras))
            })?;
            backend::narrow(&out, &src)
        }
        Backend::Cuda => Ok(pairs(x_src, x_dst, scoring, edges)?.attend_on_cuda(extras)?),
        Backend::Reference => {
            let (src, dst) = (x_src.tensor()?, x_dst.tensor()?);
            extras.add_to(reference::dynamic_attention(&src, &dst, scoring, edges, dropout)?)
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
/// use candle_geometric_ops::{DynamicScoring, dynamic_attention_weights};
/// # fn main() -> candle_geometric_ops::Result<()> {
/// let edges = EdgeIndex::new(vec![0, 1], vec![2, 2], 3)?;
/// let x = Tensor::new(&[[1f32, 2.], [1., 2.], [0., 0.]], &Device::Cpu)?;
/// let att = Tensor::ones((1, 2), x.dtype(), x.device())?;
/// let scoring = DynamicScoring { att: &att, edge_terms: None, negative_slope: 0.2 };
/// let alpha = dynamic_attention_weights(&x, &x, scoring, &edges)?;
/// assert_eq!(alpha.to_vec2::<f32>()?, [[0.5], [0.5]]);
/// # Ok(()) }
/// ```
pub fn dynamic_attention_weights(
    x_src: impl Into<Linked>,
    x_dst: impl Into<Linked>,
    scoring: DynamicScoring<'_>,
    edges: &EdgeIndex,
) -> Result<Tensor> {
    let (x_src, x_dst) = (x_src.into(), x_dst.into());
    let src = x_src.value();
    check_terms(&src, &x_dst.value(), scoring, edges)?;
    match backend::of(&src) {
        Backend::Cpu => segment_softmax(&pairs(x_src, x_dst, scoring, edges)?.scores()?, edges),
        Backend::Widened => {
            let alpha =
                wide(x_src, x_dst, scoring, |s, d, scoring| dynamic_attention_weights(s, d, scoring, edges))?;
            backend::narrow(&alpha, &src)
        }
        Backend::Cuda => {
            let alpha = segment_softmax(&pairs(x_src, x_dst, scoring, edges)?.scores_on_cuda()?, edges)?;
            Ok(alpha.to_dtype(src.dtype())?)
        }
        Backend::Reference => {
            reference::dynamic_attention_weights(&x_src.tensor()?, &x_dst.tensor()?, scoring, edges)
        }
    }
}

fn pairs(x_src: Linked, x_dst: Linked, scoring: DynamicScoring<'_>, edges: &EdgeIndex) -> Result<Pairwise> {
    let DynamicScoring { att, edge_terms, negative_slope } = scoring;
    Ok(Pairwise {
        heads: att.dim(0)?,
        scoring: pairwise::Scoring::Dynamic { att: att.clone(), negative_slope },
        query: x_dst,
        key: x_src,
        value: None,
        edge: edge_terms.cloned(),
        edges: edges.clone(),
    })
}

/// Calls `f` with everything in f32.
fn wide(
    x_src: Linked,
    x_dst: Linked,
    scoring: DynamicScoring<'_>,
    f: impl FnOnce(Tensor, Tensor, DynamicScoring<'_>) -> Result<Tensor>,
) -> Result<Tensor> {
    let wide = |x: Linked| backend::wide(&x.tensor()?);
    let (att, edge_terms) = (backend::wide(scoring.att)?, backend::wide_option(scoring.edge_terms)?);
    let scoring = DynamicScoring { att: &att, edge_terms: edge_terms.as_ref(), ..scoring };
    f(wide(x_src)?, wide(x_dst)?, scoring)
}

fn check_terms(
    x_src: &Tensor,
    x_dst: &Tensor,
    DynamicScoring { att, edge_terms, negative_slope }: DynamicScoring<'_>,
    edges: &EdgeIndex,
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
