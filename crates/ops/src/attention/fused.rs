//! The fused attention as an operation of Candle.

use std::sync::OnceLock;

use candle_core::{CpuStorage, CustomOp2, CustomOp3, Error, Layout, Shape, Tensor};
use candle_geometric_graph::EdgeIndex;

use crate::cpu::attention::{Scores, Stats};
use crate::cpu::attention_backward::{Backward, Wanted};
use crate::cpu::{self, Host, Real, for_float};
use crate::{Dropout, Result};

/// What scores are made of: `LeakyReLU(src[j] + dst[i] + edge[e])`.
pub(super) struct Terms<'a> {
    pub(super) src: Option<&'a Tensor>,
    /// Only beside `src`.
    pub(super) dst: Option<&'a Tensor>,
    pub(super) edge: Option<&'a Tensor>,
    /// 1 where the scores are taken as they are.
    pub(super) negative_slope: f64,
}

/// Softmax of the scores over the in-edges and the weighted sum of the values, in one pass.
///
/// An operation of Candle has at most three arguments, so the terms of sources and destinations become one tensor,
/// one after the other; they are `H / (H·C)` of the values.
pub(super) fn attention(
    values: &Tensor,
    terms: Terms<'_>,
    heads: usize,
    edges: &EdgeIndex,
    dropout: Option<Dropout>,
) -> Result<Tensor> {
    let op = Attention {
        edges: edges.clone(),
        heads,
        negative_slope: terms.negative_slope,
        dropout,
        with_dst: terms.dst.is_some(),
        stats: OnceLock::new(),
    };
    let nodes = match (terms.src, terms.dst) {
        (Some(src), Some(dst)) => Some(Tensor::cat(&[src, dst], 0)?),
        (src, _) => src.map(Tensor::contiguous).transpose()?,
    };
    let edge = terms.edge.map(Tensor::contiguous).transpose()?;
    let values = values.contiguous()?;
    Ok(match (nodes, edge) {
        (Some(nodes), Some(edge)) => values.apply_op3(&nodes, &edge, op)?,
        (Some(nodes), None) => values.apply_op2(&nodes, OfNodes(op))?,
        (None, Some(edge)) => values.apply_op2(&edge, OfEdges(op))?,
        (None, None) => return Err(Error::Msg("attention without scores".into()).into()),
    })
}

/// Values, node terms and edge terms.
struct Attention {
    edges: EdgeIndex,
    heads: usize,
    negative_slope: f64,
    dropout: Option<Dropout>,
    /// Whether the node terms hold those of the destinations after those of the sources.
    with_dst: bool,
    /// The numbers of [`Stats`], from the forward to the backward pass.
    stats: OnceLock<[Tensor; 2]>,
}

/// Values and node terms.
struct OfNodes(Attention);

/// Values and edge terms.
struct OfEdges(Attention);

type Numbers<'a> = (&'a CpuStorage, &'a Layout);

impl Attention {
    fn scores<'a, T: Real>(&'a self, nodes: Option<&'a [T]>, edge: Option<&'a [T]>) -> Scores<'a, T> {
        let (src, dst) = match nodes {
            Some(n) if self.with_dst => {
                let (src, dst) = n.split_at(self.edges.num_src() * self.heads);
                (Some(src), Some(dst))
            }
            src => (src, None),
        };
        Scores {
            edges: &self.edges,
            heads: self.heads,
            src,
            dst,
            edge,
            slope: T::from_f64(self.negative_slope),
            dropout: self.dropout,
        }
    }

    fn forward(
        &self,
        values: Numbers<'_>,
        nodes: Option<Numbers<'_>>,
        edge: Option<Numbers<'_>>,
    ) -> candle_core::Result<(CpuStorage, Shape)> {
        for_float!(values.0.dtype(), "attention", T => self.forward_in::<T>(values, nodes, edge))
    }

    fn forward_in<T: Real>(
        &self,
        (values, layout): Numbers<'_>,
        nodes: Option<Numbers<'_>>,
        edge: Option<Numbers<'_>>,
    ) -> candle_core::Result<(CpuStorage, Shape)> {
        let (rows, (_, columns)) = (self.edges.num_dst(), layout.shape().dims2()?);
        let nodes = nodes.map(|(s, l)| cpu::slice(s, l)).transpose()?;
        let edge = edge.map(|(s, l)| cpu::slice(s, l)).transpose()?;
        let values = cpu::slice::<T>(values, layout)?;
        let done = cpu::attention::forward(&self.scores(nodes, edge), values, columns / self.heads, None);
        let largest = cpu::matrix(done.largest, rows, self.heads)?;
        let _ = self.stats.set([largest, cpu::matrix(done.inverse, rows, self.heads)?]);
        Ok((T::to_cpu_storage_owned(done.out), (rows, columns).into()))
    }

    /// The gradients of the values, the node terms and the edge terms.
    fn backward(
        &self,
        values: &Tensor,
        nodes: Option<&Tensor>,
        edge: Option<&Tensor>,
        out: &Tensor,
        grad: &Tensor,
    ) -> candle_core::Result<[Option<Tensor>; 3]> {
        let grad = grad.contiguous()?;
        for_float!(grad.dtype(), "attention", T => self.backward_in::<T>(values, nodes, edge, out, &grad))
    }

    fn backward_in<T: Real>(
        &self,
        values: &Tensor,
        nodes: Option<&Tensor>,
        edge: Option<&Tensor>,
        out: &Tensor,
        grad: &Tensor,
    ) -> candle_core::Result<[Option<Tensor>; 3]> {
        let Some([largest, inverse]) = self.stats.get() else {
            return Err(Error::Msg("attention: the backward pass came before the forward pass".into()));
        };
        let tracked = |t: Option<&Tensor>| t.is_some_and(Tensor::track_op);
        let wanted = Wanted {
            values: values.track_op(),
            src: tracked(nodes),
            dst: tracked(nodes) && self.with_dst,
            edge: tracked(edge),
        };
        let [v, o, g, m, t] = [values, out, grad, largest, inverse].map(Host::open);
        let [n, e] = [nodes, edge].map(|t| t.map(Host::open));
        let (n, e) =
            (n.as_ref().map(Host::slice::<T>).transpose()?, e.as_ref().map(Host::slice::<T>).transpose()?);
        let columns = values.dim(1)?;
        let gradients = Backward {
            scores: self.scores(n, e),
            stats: Stats { largest: m.slice()?, inverse: t.slice()? },
            values: v.slice()?,
            out: o.slice()?,
            bias: None,
            grad: g.slice()?,
            channels: columns / self.heads,
        }
        .run(wanted);
        let matrix = |wanted: bool, numbers: Vec<T>, rows: usize, columns: usize| {
            wanted.then(|| cpu::matrix(numbers, rows, columns)).transpose()
        };
        let node_gradient = [gradients.src, gradients.dst].concat();
        let node_rows = node_gradient.len() / self.heads;
        Ok([
            matrix(wanted.values, gradients.values, self.edges.num_src(), columns)?,
            matrix(wanted.src, node_gradient, node_rows, self.heads)?,
            matrix(wanted.edge, gradients.edge, self.edges.num_edges(), self.heads)?,
        ])
    }
}

impl CustomOp3 for Attention {
    fn name(&self) -> &'static str {
        "attention"
    }

    fn cpu_fwd(
        &self,
        values: &CpuStorage,
        values_layout: &Layout,
        nodes: &CpuStorage,
        nodes_layout: &Layout,
        edge: &CpuStorage,
        edge_layout: &Layout,
    ) -> candle_core::Result<(CpuStorage, Shape)> {
        self.forward((values, values_layout), Some((nodes, nodes_layout)), Some((edge, edge_layout)))
    }

    fn bwd(
        &self,
        values: &Tensor,
        nodes: &Tensor,
        edge: &Tensor,
        out: &Tensor,
        grad: &Tensor,
    ) -> candle_core::Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let [values, nodes, edge] = self.backward(values, Some(nodes), Some(edge), out, grad)?;
        Ok((values, nodes, edge))
    }
}

impl CustomOp2 for OfNodes {
    fn name(&self) -> &'static str {
        "attention"
    }

    fn cpu_fwd(
        &self,
        values: &CpuStorage,
        values_layout: &Layout,
        nodes: &CpuStorage,
        nodes_layout: &Layout,
    ) -> candle_core::Result<(CpuStorage, Shape)> {
        self.0.forward((values, values_layout), Some((nodes, nodes_layout)), None)
    }

    fn bwd(
        &self,
        values: &Tensor,
        nodes: &Tensor,
        out: &Tensor,
        grad: &Tensor,
    ) -> candle_core::Result<(Option<Tensor>, Option<Tensor>)> {
        let [values, nodes, _] = self.0.backward(values, Some(nodes), None, out, grad)?;
        Ok((values, nodes))
    }
}

impl CustomOp2 for OfEdges {
    fn name(&self) -> &'static str {
        "attention"
    }

    fn cpu_fwd(
        &self,
        values: &CpuStorage,
        values_layout: &Layout,
        edge: &CpuStorage,
        edge_layout: &Layout,
    ) -> candle_core::Result<(CpuStorage, Shape)> {
        self.0.forward((values, values_layout), None, Some((edge, edge_layout)))
    }

    fn bwd(
        &self,
        values: &Tensor,
        edge: &Tensor,
        out: &Tensor,
        grad: &Tensor,
    ) -> candle_core::Result<(Option<Tensor>, Option<Tensor>)> {
        let [values, _, edge] = self.0.backward(values, None, Some(edge), out, grad)?;
        Ok((values, edge))
    }
}
