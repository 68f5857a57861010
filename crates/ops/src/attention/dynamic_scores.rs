//! The scores of GATv2 as an operation of Candle.

use std::sync::{Arc, Mutex, PoisonError};

use candle_core::{CpuStorage, CustomOp2, CustomOp3, Layout, Shape, Tensor};
use candle_geometric_graph::EdgeIndex;

use crate::Result;
use crate::cpu::dynamic::Terms;
use crate::cpu::{self, Host, Real, for_float};

/// `⟨att[h], LeakyReLU(x_src[j] + x_dst[i] + edge_terms[e])[h]⟩`, `[E, H]`.
pub(super) fn dynamic_scores(
    x_src: &Tensor,
    x_dst: &Tensor,
    edge_terms: Option<&Tensor>,
    att: &Tensor,
    edges: &EdgeIndex,
    negative_slope: f64,
) -> Result<Tensor> {
    let (x_src, x_dst, att) = (x_src.contiguous()?, x_dst.contiguous()?, att.contiguous()?);
    let edges = edges.clone();
    let Some(edge_terms) = edge_terms else {
        let op = DynamicScores { edges, negative_slope, more: None };
        return Ok(x_src.apply_op3(&x_dst, &att, op)?);
    };
    // Four arguments, and an operation of Candle has three: the third is a tie, a number that depends on two. Its
    // value is of no interest; through it the gradients reach both.
    let edge_terms = edge_terms.contiguous()?;
    let gradients = Arc::new(Mutex::new(Gradients::default()));
    let more = Some(More { att: att.detach(), edge: edge_terms.detach(), gradients: gradients.clone() });
    let tie = att.apply_op2(&edge_terms, Tie(gradients))?;
    Ok(x_src.apply_op3(&x_dst, &tie, DynamicScores { edges, negative_slope, more })?)
}

/// The arguments are x_src, x_dst, and att or the tie of what is in `more`.
struct DynamicScores {
    edges: EdgeIndex,
    negative_slope: f64,
    more: Option<More>,
}

/// The arguments behind the tie, and where their gradients go.
struct More {
    att: Tensor,
    edge: Tensor,
    gradients: Arc<Mutex<Gradients>>,
}

#[derive(Default)]
struct Gradients {
    att: Option<Tensor>,
    edge: Option<Tensor>,
}

impl DynamicScores {
    fn terms<'a, T: Real>(
        &'a self,
        src: &'a [T],
        dst: &'a [T],
        edge: Option<&'a [T]>,
        att: &'a [T],
        heads: usize,
    ) -> Terms<'a, T> {
        let slope = T::from_f64(self.negative_slope);
        Terms { edges: &self.edges, src, dst, edge, att, heads, slope }
    }

    fn forward<T: Real>(
        &self,
        src: &[T],
        dst: &[T],
        att: &[T],
        heads: usize,
    ) -> candle_core::Result<(CpuStorage, Shape)> {
        let edge = self.more.as_ref().map(|m| Host::open(&m.edge));
        let edge = edge.as_ref().map(Host::slice).transpose()?;
        let scores = self.terms(src, dst, edge, att, heads).scores();
        Ok((T::to_cpu_storage_owned(scores), (self.edges.num_edges(), heads).into()))
    }

    fn backward<T: Real>(
        &self,
        [x_src, x_dst, third]: [&Tensor; 3],
        grad: &Tensor,
    ) -> candle_core::Result<[Option<Tensor>; 3]> {
        let att = self.more.as_ref().map_or(third, |m| &m.att);
        let (heads, channels) = att.dims2()?;
        let width = heads * channels;
        let [src, dst, att_view, g] = [x_src, x_dst, att, grad].map(Host::open);
        let edge = self.more.as_ref().map(|m| Host::open(&m.edge));
        let edge = edge.as_ref().map(Host::slice).transpose()?;
        let g = g.slice::<T>()?;
        let terms = self.terms(src.slice()?, dst.slice()?, edge, att_view.slice()?, heads);
        let matrix = |numbers, rows, columns| cpu::matrix::<T>(numbers, rows, columns).map(Some);
        let of_att = || matrix(terms.att_gradient(g), heads, channels);
        let src_gradient =
            if x_src.track_op() { matrix(terms.src_gradient(g), self.edges.num_src(), width)? } else { None };
        let dst_gradient =
            if x_dst.track_op() { matrix(terms.dst_gradient(g), self.edges.num_dst(), width)? } else { None };
        let third_gradient = match &self.more {
            _ if !third.track_op() => None,
            None => of_att()?,
            Some(more) => {
                let edge = matrix(terms.edge_gradient(g), self.edges.num_edges(), width)?;
                *more.gradients.lock().unwrap_or_else(PoisonError::into_inner) =
                    Gradients { att: of_att()?, edge };
                Some(third.zeros_like()?.detach())
            }
        };
        Ok([src_gradient, dst_gradient, third_gradient])
    }
}

impl CustomOp3 for DynamicScores {
    fn name(&self) -> &'static str {
        "dynamic_scores"
    }

    fn cpu_fwd(
        &self,
        src: &CpuStorage,
        src_layout: &Layout,
        dst: &CpuStorage,
        dst_layout: &Layout,
        third: &CpuStorage,
        third_layout: &Layout,
    ) -> candle_core::Result<(CpuStorage, Shape)> {
        for_float!(src.dtype(), self.name(), T => {
            let (src, dst) = (cpu::slice::<T>(src, src_layout)?, cpu::slice(dst, dst_layout)?);
            match &self.more {
                None => self.forward(src, dst, cpu::slice(third, third_layout)?, third_layout.dims()[0]),
                Some(more) => self.forward(src, dst, Host::open(&more.att).slice()?, more.att.dim(0)?),
            }
        })
    }

    fn bwd(
        &self,
        x_src: &Tensor,
        x_dst: &Tensor,
        third: &Tensor,
        _: &Tensor,
        grad: &Tensor,
    ) -> candle_core::Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let (args, grad) = ([x_src, x_dst, third], grad.contiguous()?);
        let [src, dst, third] = for_float!(grad.dtype(), self.name(), T => self.backward::<T>(args, &grad))?;
        Ok((src, dst, third))
    }
}

/// The number 0, whose backward pass hands out the gradients that the operation after it has left.
struct Tie(Arc<Mutex<Gradients>>);

impl CustomOp2 for Tie {
    fn name(&self) -> &'static str {
        "tie"
    }

    fn cpu_fwd(
        &self,
        att: &CpuStorage,
        _: &Layout,
        _: &CpuStorage,
        _: &Layout,
    ) -> candle_core::Result<(CpuStorage, Shape)> {
        for_float!(att.dtype(), self.name(), T => Ok((T::to_cpu_storage_owned(vec![0.0]), ().into())))
    }

    fn bwd(
        &self,
        att: &Tensor,
        edge: &Tensor,
        _: &Tensor,
        _: &Tensor,
    ) -> candle_core::Result<(Option<Tensor>, Option<Tensor>)> {
        let left = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        Ok((left.att.filter(|_| att.track_op()), left.edge.filter(|_| edge.track_op())))
    }
}
