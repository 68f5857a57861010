use candle_core::Tensor;
use candle_geometric_graph::EdgeIndex;

use crate::backend::{self, Backend};
use crate::cpu::attention::{Forward, Scores, Stats, forward};
use crate::cpu::attention_backward::{Backward, Wanted};
use crate::cpu::dense::{column_sums, with_bias};
use crate::cpu::head_scores::{self, Vectors};
use crate::cpu::memory::Reused;
use crate::cpu::{Host, Real, for_float};
use crate::link::Gradient;
use crate::node::{self, Gradients, node, node_of_result};
use crate::{Dropout, Error, Linked, Result, additive_attention, check, reference};

/// What the scores of [`layer_attention`] are made of.
#[derive(Debug, Clone, Copy)]
pub struct Scoring<'a> {
    /// The attention vectors of sources, `[H, C]`.
    pub att_src: &'a Tensor,
    /// The attention vectors of destinations, `[H, C]`.
    pub att_dst: &'a Tensor,
    /// What edges add to their scores, `[E, H]`.
    pub edge_scores: Option<&'a Tensor>,
    /// The slope of the LeakyReLU below 0.
    pub negative_slope: f64,
}

/// The attention of a GAT layer, from its projected features on: [`additive_attention`](crate::additive_attention) of
/// `h` with the scores `⟨att_src, h[j]⟩ + ⟨att_dst, h[i]⟩ (+ edge_scores[e])`, plus a bias. One pass over the graph
/// does all of it, and nothing of the size of `h` is written but the result.
///
/// `h` `[N, H·C]` (head-major), `att_src` and `att_dst` `[H, C]`, `edge_scores` `[E, H]`, `bias` `[H·C]`, result
/// `[N, H·C]`.
///
/// # Errors
/// If a shape is another one, the graph is bipartite, types or devices differ, `negative_slope` is not finite or the
/// dropout's p is not a probability.
///
/// ```
/// # use candle_core::{Device, Tensor};
/// # use candle_geometric_graph::EdgeIndex;
/// use candle_geometric_ops::{Scoring, layer_attention, project};
/// # fn main() -> candle_geometric_ops::Result<()> {
/// let edges = EdgeIndex::new(vec![0, 1], vec![2, 2], 3)?;
/// let x = Tensor::new(&[[1f32, 2.], [3., 4.], [0., 0.]], &Device::Cpu)?;
/// let h = project(&x, &Tensor::eye(2, x.dtype(), x.device())?, None)?;
/// let att = Tensor::zeros((1, 2), x.dtype(), x.device())?;
/// let scoring = Scoring { att_src: &att, att_dst: &att, edge_scores: None, negative_slope: 0.2 };
/// let out = layer_attention(&h, scoring, None, &edges, None)?;
/// assert_eq!(out.to_vec2::<f32>()?, [[0., 0.], [0., 0.], [2., 3.]]);
/// # Ok(()) }
/// ```
pub fn layer_attention(
    h: &Linked,
    scoring: Scoring<'_>,
    bias: Option<&Tensor>,
    edges: &EdgeIndex,
    dropout: Option<Dropout>,
) -> Result<Tensor> {
    let value = h.value();
    let heads = check_arguments(&value, scoring, bias, edges)?;
    let dropout = Dropout::wanted(dropout)?;
    match backend::of(&value) {
        Backend::Cpu => {
            let contiguous = |t: Option<&Tensor>| t.map(Tensor::contiguous).transpose();
            let op = Layer {
                h: h.contiguous()?,
                att_src: scoring.att_src.contiguous()?,
                att_dst: scoring.att_dst.contiguous()?,
                edge: contiguous(scoring.edge_scores)?,
                bias: contiguous(bias)?,
                negative_slope: scoring.negative_slope,
                heads,
                edges: edges.clone(),
                dropout,
            };
            Ok(for_float!(value.dtype(), "layer_attention", T => op.apply::<T>())?)
        }
        Backend::Widened => {
            let wide = backend::wide;
            let (src, dst) = (wide(scoring.att_src)?, wide(scoring.att_dst)?);
            let (edge, bias) = (backend::wide_option(scoring.edge_scores)?, backend::wide_option(bias)?);
            let scoring = Scoring { att_src: &src, att_dst: &dst, edge_scores: edge.as_ref(), ..scoring };
            let h = Linked::from(wide(&h.tensor()?)?);
            let out = layer_attention(&h, scoring, bias.as_ref(), edges, dropout)?;
            backend::narrow(&out, &value)
        }
        Backend::Cuda => on_cuda(&h.tensor()?, scoring, bias, edges, dropout),
        Backend::Reference => reference::layer_attention(&h.tensor()?, scoring, bias, edges, dropout),
    }
}

/// [`layer_attention`] on a GPU: the scores of all heads by one product of matrices, then the kernel of
/// [`additive_attention`].
fn on_cuda(
    h: &Tensor,
    scoring: Scoring<'_>,
    bias: Option<&Tensor>,
    edges: &EdgeIndex,
    dropout: Option<Dropout>,
) -> Result<Tensor> {
    let (heads, channels) = scoring.att_src.dims2()?;
    // Column k of `own` is 1 in the rows of head k: the vectors of all heads then are one matrix [H·C, H].
    let own = Tensor::eye(heads, h.dtype(), h.device())?.unsqueeze(1)?;
    let own = own.broadcast_as((heads, channels, heads))?.reshape((heads * channels, heads))?;
    let matrix = |att: &Tensor| att.reshape((heads * channels, 1))?.broadcast_mul(&own);
    let both = Tensor::cat(&[matrix(scoring.att_src)?, matrix(scoring.att_dst)?], 1)?;
    let scores = h.matmul(&both)?;
    let [src, dst] = [0, heads].map(|first| scores.narrow(1, first, heads).and_then(|s| s.contiguous()));
    let (edge, slope) = (scoring.edge_scores, scoring.negative_slope);
    let out = additive_attention(h, &src?, Some(&dst?), edge, edges, slope, dropout)?;
    match bias {
        Some(bias) => crate::bias_add(&out, bias),
        None => Ok(out),
    }
}

/// Checks everything; returns the number of heads.
fn check_arguments(
    h: &Tensor,
    scoring: Scoring<'_>,
    bias: Option<&Tensor>,
    edges: &EdgeIndex,
) -> Result<usize> {
    check::float("h", h)?;
    let nodes = edges.num_nodes()?;
    let columns = check::matrix("h", h, nodes, "N, H·C")?;
    let &[heads, _] = scoring.att_src.dims() else {
        let actual = scoring.att_src.dims().to_vec();
        return Err(Error::Shape { argument: "att_src", expected: "[H, C]".into(), actual });
    };
    let channels = check::channels("h", columns, heads)?;
    for (argument, t) in [("att_src", scoring.att_src), ("att_dst", scoring.att_dst)] {
        check::shape(argument, t, &[heads, channels], "H, C")?;
        check::like(argument, t, h)?;
    }
    if let Some(s) = scoring.edge_scores {
        check::shape("edge_scores", s, &[edges.num_edges(), heads], "E, H")?;
        check::like("edge_scores", s, h)?;
    }
    if let Some(b) = bias {
        check::shape("bias", b, &[columns], "H·C")?;
        check::like("bias", b, h)?;
    }
    check::slope(scoring.negative_slope)?;
    Ok(heads)
}

struct Layer {
    h: Linked,
    att_src: Tensor,
    att_dst: Tensor,
    edge: Option<Tensor>,
    bias: Option<Tensor>,
    negative_slope: f64,
    heads: usize,
    edges: EdgeIndex,
    dropout: Option<Dropout>,
}

/// What the backward pass needs from the forward pass, `[N, H]` each.
struct Kept<T: Real> {
    src: Vec<T>,
    dst: Vec<T>,
    largest: Vec<T>,
    inverse: Vec<T>,
}

impl Layer {
    fn apply<T: Real>(self) -> candle_core::Result<Tensor> {
        let value = self.h.value();
        let (n, columns) = value.dims2()?;
        let args: Vec<Tensor> = [self.h.node(), &self.att_src, &self.att_dst]
            .into_iter()
            .chain(&self.edge)
            .chain(&self.bias)
            .cloned()
            .collect();
        let (tracked, shape) = (args.iter().any(Tensor::track_op), (n, columns));
        let numbers = Host::open(&value);
        let numbers = numbers.slice::<T>()?;
        let [src, dst] = self.with_vectors(|v| head_scores::forward(v, numbers))?;
        let (done, biased) = self.with_scores(&src, &dst, |scores, bias| {
            let at_once = bias.filter(|_| !tracked);
            let done = forward(scores, numbers, columns / self.heads, at_once);
            let biased = bias.filter(|_| tracked).map(|b| with_bias(&done.out, b));
            (done, biased)
        })?;
        let Forward { out, largest, inverse } = done;
        // The result before the bias is kept: where the bias is larger, subtracting it again would lose digits.
        let (out, unbiased) = match biased {
            Some(biased) => (biased, Some(Reused(out))),
            None => (out, None),
        };
        let kept = Kept { src, dst, largest, inverse };
        let (args, value) = (args.iter().collect::<Vec<_>>(), node::value(out, shape));
        match unbiased {
            Some(out) => node(&args, value, move |grad| self.backward(&out.0, grad.tensor(), &kept)),
            None => node_of_result(&args, value, move |out, grad| {
                self.backward(Host::open(out).slice()?, grad.tensor(), &kept)
            }),
        }
    }

    fn with_vectors<T: Real, R>(&self, f: impl FnOnce(Vectors<'_, T>) -> R) -> candle_core::Result<R> {
        let (src, dst) = (Host::open(&self.att_src), Host::open(&self.att_dst));
        Ok(f(Vectors { src: src.slice()?, dst: dst.slice()?, heads: self.heads }))
    }

    fn with_scores<T: Real, R>(
        &self,
        src: &[T],
        dst: &[T],
        f: impl FnOnce(&Scores<'_, T>, Option<&[T]>) -> R,
    ) -> candle_core::Result<R> {
        let (edge, bias) = (self.edge.as_ref().map(Host::open), self.bias.as_ref().map(Host::open));
        let scores = Scores {
            edges: &self.edges,
            heads: self.heads,
            src: Some(src),
            dst: Some(dst),
            edge: edge.as_ref().map(Host::slice).transpose()?,
            slope: T::from_f64(self.negative_slope),
            dropout: self.dropout,
        };
        Ok(f(&scores, bias.as_ref().map(Host::slice).transpose()?))
    }

    fn backward<T: Real>(&self, out: &[T], grad: &Tensor, kept: &Kept<T>) -> candle_core::Result<Gradients> {
        let tracked = |t: &Option<Tensor>| t.as_ref().is_some_and(Tensor::track_op);
        let vectors = self.att_src.track_op() || self.att_dst.track_op();
        let wanted_h = self.h.is_tracked();
        let wanted = Wanted {
            values: wanted_h || vectors,
            src: wanted_h || vectors,
            dst: wanted_h || vectors,
            edge: tracked(&self.edge),
        };
        let value = self.h.value();
        let [h, grad] = [&value, grad].map(Host::open);
        let (h, grad) = (h.slice::<T>()?, grad.slice::<T>()?);
        let columns = value.dim(1)?;
        let mut g = self.with_scores(&kept.src, &kept.dst, |scores, _| {
            let stats = Stats { largest: &kept.largest, inverse: &kept.inverse };
            Backward { scores, stats, values: h, out, grad, channels: columns / self.heads }.run(wanted)
        })?;
        let mut of_vectors = [vec![], vec![]];
        if wanted.values {
            of_vectors =
                self.with_vectors(|v| head_scores::backward(v, h, (&g.src, &g.dst), &mut g.values))?;
        }
        let like = |numbers: Vec<T>, t: &Tensor| Gradient::wanted(t.track_op(), numbers, t);
        let [of_src, of_dst] = of_vectors;
        let of_h = Gradient::wanted(wanted_h, g.values, &value)?;
        let mut all = vec![of_h, like(of_src, &self.att_src)?, like(of_dst, &self.att_dst)?];
        if let Some(edge) = &self.edge {
            all.push(like(g.edge, edge)?);
        }
        if let Some(bias) = &self.bias {
            let sums = if bias.track_op() { column_sums(grad, columns) } else { vec![] };
            all.push(like(sums, bias)?);
        }
        Ok(all)
    }
}
