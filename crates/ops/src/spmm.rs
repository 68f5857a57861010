use candle_core::Tensor;
use candle_geometric_graph::EdgeIndex;

use crate::backend::{self, Backend};
use crate::cpu::{self, Host, Real, for_float};
use crate::link::Gradient;
use crate::node::{self, node};
use crate::{Result, check, reference};

/// The product of the graph's (weighted) adjacency matrix with `x`: `out[i] = Σ w[e] x[source(e)]` over the in-edges
/// e of i, `[N_src, F] → [N_dst, F]`. Without weights every edge counts 1.
///
/// # Errors
/// If `x` is not `[N_src, F]`, `weights` is not `[E]`, or they differ in type or device.
///
/// ```
/// # use candle_core::{Device, Tensor};
/// # use candle_geometric_graph::EdgeIndex;
/// # fn main() -> candle_geometric_ops::Result<()> {
/// let edges = EdgeIndex::new(vec![0, 1], vec![1, 1], 2)?;
/// let x = Tensor::new(&[[1f32, 2.], [3., 4.]], &Device::Cpu)?;
/// let w = Tensor::new(&[10f32, 1.], &Device::Cpu)?;
/// let out = candle_geometric_ops::spmm(&edges, Some(&w), &x)?;
/// assert_eq!(out.to_vec2::<f32>()?, [[0., 0.], [13., 24.]]);
/// # Ok(()) }
/// ```
pub fn spmm(edges: &EdgeIndex, weights: Option<&Tensor>, x: &Tensor) -> Result<Tensor> {
    check::float("x", x)?;
    check::matrix("x", x, edges.num_src(), "N_src, F")?;
    if let Some(w) = weights {
        check::shape("weights", w, &[edges.num_edges()], "E")?;
        check::like("weights", w, x)?;
    }
    match backend::of(x) {
        Backend::Cpu => Ok(for_float!(x.dtype(), "spmm", T => spmm_as::<T>(edges.clone(), weights, x))?),
        Backend::Widened => {
            let weights = backend::wide_option(weights)?;
            backend::narrow(&spmm(edges, weights.as_ref(), &backend::wide(x)?)?, x)
        }
        Backend::Reference => reference::spmm(edges, weights, x),
    }
}

/// The product of two dense matrices at the edges only: `out[e] = ⟨a[source(e)], b[destination(e)]⟩`, `[E]`.
///
/// # Errors
/// If `a` is not `[N_src, F]`, `b` is not `[N_dst, F]`, or they differ in type or device.
///
/// ```
/// # use candle_core::{Device, Tensor};
/// # use candle_geometric_graph::EdgeIndex;
/// # fn main() -> candle_geometric_ops::Result<()> {
/// let edges = EdgeIndex::new(vec![0, 1], vec![1, 1], 2)?;
/// let x = Tensor::new(&[[1f32, 2.], [3., 4.]], &Device::Cpu)?;
/// assert_eq!(candle_geometric_ops::sddmm(&x, &x, &edges)?.to_vec1::<f32>()?, [11., 25.]);
/// # Ok(()) }
/// ```
pub fn sddmm(a: &Tensor, b: &Tensor, edges: &EdgeIndex) -> Result<Tensor> {
    check::float("a", a)?;
    let f = check::matrix("a", a, edges.num_src(), "N_src, F")?;
    check::shape("b", b, &[edges.num_dst(), f], "N_dst, F")?;
    check::like("b", b, a)?;
    match backend::of(a) {
        Backend::Cpu => Ok(for_float!(a.dtype(), "sddmm", T => sddmm_as::<T>(a, b, edges.clone()))?),
        Backend::Widened => backend::narrow(&sddmm(&backend::wide(a)?, &backend::wide(b)?, edges)?, a),
        Backend::Reference => reference::sddmm(a, b, edges),
    }
}

/// The gradient of x is the product with the transpose; that of the weights is a [`sddmm`].
fn spmm_as<T: Real>(edges: EdgeIndex, weights: Option<&Tensor>, x: &Tensor) -> candle_core::Result<Tensor> {
    let (x, weights) = (x.contiguous()?, weights.map(Tensor::contiguous).transpose()?);
    let width = x.dim(1)?;
    let out = {
        let (x, w) = (Host::open(&x), weights.as_ref().map(Host::open));
        let w = w.as_ref().map(Host::slice).transpose()?;
        cpu::segment::spmm::<T>(edges.by_destination(), w, x.slice()?, width)
    };
    let args: Vec<Tensor> = [&x].into_iter().chain(&weights).cloned().collect();
    let value = node::value(out, (edges.num_dst(), width));
    node(&args.iter().collect::<Vec<_>>(), value, move |grad| {
        let (g, w) = (Host::open(grad.tensor()), weights.as_ref().map(Host::open));
        let (g, w) = (g.slice::<T>()?, w.as_ref().map(Host::slice).transpose()?);
        let dx = || Gradient::own(cpu::segment::spmm(edges.by_source(), w, g, width), x.shape());
        let mut all = vec![x.track_op().then(dx).transpose()?];
        if let Some(weights) = &weights {
            let x = Host::open(&x);
            let x = x.slice()?;
            let dw =
                || Gradient::own(cpu::sddmm::sddmm(edges.by_destination(), g, x, width), weights.shape());
            all.push(weights.track_op().then(dw).transpose()?);
        }
        Ok(all)
    })
}

/// The gradient of either side is a product of the graph, weighted with the gradient, with the other side.
fn sddmm_as<T: Real>(a: &Tensor, b: &Tensor, edges: EdgeIndex) -> candle_core::Result<Tensor> {
    let (a, b) = (a.contiguous()?, b.contiguous()?);
    let width = a.dim(1)?;
    let out = {
        let (a, b) = (Host::open(&a), Host::open(&b));
        cpu::sddmm::sddmm::<T>(edges.by_destination(), b.slice()?, a.slice()?, width)
    };
    let (args, value) = ([&a.clone(), &b.clone()], node::value(out, edges.num_edges()));
    node(&args, value, move |grad| {
        let [a_rows, b_rows, g] = [&a, &b, grad.tensor()].map(Host::open);
        let (a_rows, b_rows, g) = (a_rows.slice::<T>()?, b_rows.slice()?, Some(g.slice()?));
        let da = || Gradient::own(cpu::segment::spmm(edges.by_source(), g, b_rows, width), a.shape());
        let db = || Gradient::own(cpu::segment::spmm(edges.by_destination(), g, a_rows, width), b.shape());
        Ok(vec![a.track_op().then(da).transpose()?, b.track_op().then(db).transpose()?])
    })
}
