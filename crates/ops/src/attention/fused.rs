//! The fused attention as an operation of Candle.

use candle_core::{Result, Tensor};
use candle_geometric_graph::EdgeIndex;

use crate::Dropout;
use crate::cpu::attention::{Forward, Scores, Stats, forward};
use crate::cpu::attention_backward::{Backward, Wanted};
use crate::cpu::{Host, Real, for_float};
use crate::cuda::additive::Additive;
use crate::link::Gradient;
use crate::node::{self, Gradients, node_of_result};

/// What scores are made of: `LeakyReLU(src[j] + dst[i] + edge[e])`.
pub(super) struct Terms<'a> {
    pub(super) src: Option<&'a Tensor>,
    pub(super) dst: Option<&'a Tensor>,
    pub(super) edge: Option<&'a Tensor>,
    /// 1 where the scores are taken as they are.
    pub(super) negative_slope: f64,
}

/// Softmax of the scores over the in-edges and the weighted sum of the values, in one pass.
pub(super) fn attention(
    values: &Tensor,
    terms: Terms<'_>,
    heads: usize,
    edges: &EdgeIndex,
    dropout: Option<Dropout>,
) -> Result<Tensor> {
    let contiguous = |t: Option<&Tensor>| t.map(Tensor::contiguous).transpose();
    let op = Attention {
        values: values.contiguous()?,
        src: contiguous(terms.src)?,
        dst: contiguous(terms.dst)?,
        edge: contiguous(terms.edge)?,
        negative_slope: terms.negative_slope,
        heads,
        edges: edges.clone(),
        dropout,
    };
    for_float!(values.dtype(), "attention", T => op.apply::<T>())
}

/// [`attention`] on a GPU.
pub(super) fn on_cuda(
    values: &Tensor,
    terms: Terms<'_>,
    heads: usize,
    edges: &EdgeIndex,
    dropout: Option<Dropout>,
) -> Result<Tensor> {
    let contiguous = |t: Option<&Tensor>| t.map(Tensor::contiguous).transpose();
    let op = Additive {
        values: values.contiguous()?,
        src: contiguous(terms.src)?,
        dst: contiguous(terms.dst)?,
        edge: contiguous(terms.edge)?,
        negative_slope: terms.negative_slope,
        heads,
        edges: edges.clone(),
        dropout,
    };
    op.apply()
}

struct Attention {
    values: Tensor,
    src: Option<Tensor>,
    dst: Option<Tensor>,
    edge: Option<Tensor>,
    negative_slope: f64,
    heads: usize,
    edges: EdgeIndex,
    dropout: Option<Dropout>,
}

impl Attention {
    fn apply<T: Real>(self) -> Result<Tensor> {
        let (rows, columns) = (self.edges.num_dst(), self.values.dim(1)?);
        let channels = columns / self.heads;
        let Forward { out, largest, inverse } =
            self.with_scores(|scores, values| forward::<T>(scores, values, channels, None))?;
        let value = node::value(out, (rows, columns));
        let present = [Some(&self.values), self.src.as_ref(), self.dst.as_ref(), self.edge.as_ref()];
        let args: Vec<Tensor> = present.into_iter().flatten().cloned().collect();
        let args: Vec<&Tensor> = args.iter().collect();
        node_of_result(&args, value, move |out, grad| {
            self.backward(out, grad.tensor(), Stats { largest: &largest, inverse: &inverse })
        })
    }

    fn with_scores<T: Real, R>(&self, f: impl FnOnce(&Scores<'_, T>, &[T]) -> R) -> Result<R> {
        let [src, dst, edge] = [&self.src, &self.dst, &self.edge].map(|t| t.as_ref().map(Host::open));
        fn numbers<'a, T: Real>(t: &'a Option<Host<'_>>) -> Result<Option<&'a [T]>> {
            t.as_ref().map(Host::slice).transpose()
        }
        let scores = Scores {
            edges: &self.edges,
            heads: self.heads,
            src: numbers(&src)?,
            dst: numbers(&dst)?,
            edge: numbers(&edge)?,
            slope: T::from_f64(self.negative_slope),
            dropout: self.dropout,
        };
        Ok(f(&scores, Host::open(&self.values).slice()?))
    }

    fn backward<T: Real>(&self, out: &Tensor, grad: &Tensor, stats: Stats<'_, T>) -> Result<Gradients> {
        let tracked = |t: &Option<Tensor>| t.as_ref().is_some_and(Tensor::track_op);
        let wanted = Wanted {
            values: self.values.track_op(),
            src: tracked(&self.src),
            dst: tracked(&self.dst),
            edge: tracked(&self.edge),
        };
        let (out, grad) = (Host::open(out), Host::open(grad));
        let (out, grad) = (out.slice()?, grad.slice()?);
        let channels = self.values.dim(1)? / self.heads;
        let gradients = self.with_scores(|scores, values| {
            Backward { scores, stats, values, out, grad, channels }.run(wanted)
        })?;
        let mut all = vec![Gradient::wanted(wanted.values, gradients.values, &self.values)?];
        let terms = [
            (&self.src, wanted.src, gradients.src),
            (&self.dst, wanted.dst, gradients.dst),
            (&self.edge, wanted.edge, gradients.edge),
        ];
        for (t, wanted, numbers) in terms {
            if let Some(t) = t {
                all.push(Gradient::wanted(wanted, numbers, t)?);
            }
        }
        Ok(all)
    }
}
