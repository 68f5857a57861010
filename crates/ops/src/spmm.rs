use candle_core::{Device, Tensor};
use candle_geometric_graph::EdgeIndex;

use crate::backend::{self, Backend};
use crate::cpu::{self, Host, Real, for_float};
use crate::cuda;
use crate::cuda::graph::Side;
use crate::cuda::machine::Fresh;
use crate::cuda::sum::{Of, Sum};
use crate::link::Gradient;
use crate::node::{self, Gradients, node};
use crate::{Linked, Result, check, reference};

/// The product of the graph's (weighted) adjacency matrix with `x`: `out[i] = Σ w[e] x[source(e)]` over the in-edges
/// e of i, `[N_src, F] → [N_dst, F]`. Without weights every edge counts 1. Weights `[E, H]` weigh the H heads of the
/// columns one by one: `out[i, h] = Σ w[e, h] x[source(e), h]`, `[N_src, H·C] → [N_dst, H·C]` (head-major).
///
/// # Errors
/// If `x` is not `[N_src, F]`, `weights` is neither `[E]` nor `[E, H]`, H does not divide the columns of `x`, or they
/// differ in type or device.
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
pub fn spmm(edges: &EdgeIndex, weights: Option<&Tensor>, x: impl Into<Linked>) -> Result<Tensor> {
    spmm_plus(edges, weights, x, None, None)
}

/// [`spmm`] plus `bias` `[F]` in every row and `residual` `[N_dst, F]`.
///
/// # Errors
/// As [`spmm`], and if `bias` or `residual` has another shape.
///
/// ```
/// # use candle_core::{Device, Tensor};
/// # use candle_geometric_graph::EdgeIndex;
/// # fn main() -> candle_geometric_ops::Result<()> {
/// let edges = EdgeIndex::new(vec![0, 1], vec![1, 1], 2)?;
/// let x = Tensor::new(&[[1f32], [3.]], &Device::Cpu)?;
/// let bias = Tensor::new(&[10f32], &Device::Cpu)?;
/// let out = candle_geometric_ops::spmm_plus(&edges, None, &x, Some(&bias), Some(&(&x).into()))?;
/// assert_eq!(out.to_vec2::<f32>()?, [[11.], [17.]]);
/// # Ok(()) }
/// ```
pub fn spmm_plus(
    edges: &EdgeIndex,
    weights: Option<&Tensor>,
    x: impl Into<Linked>,
    bias: Option<&Tensor>,
    residual: Option<&Linked>,
) -> Result<Tensor> {
    let x = x.into();
    let value = x.value();
    let heads = check_arguments(edges, weights, &value)?;
    if let Some(b) = bias {
        check::shape("bias", b, &value.dims()[1..], "F")?;
        check::like("bias", b, &value)?;
    }
    if let Some(r) = residual {
        check::shape("residual", &r.value(), &[edges.num_dst(), value.dim(1)?], "N_dst, F")?;
        check::like("residual", &r.value(), &value)?;
    }
    match backend::of(&value) {
        Backend::Cpu => {
            let op = Spmm::new(edges, (weights, heads), &x, bias, residual)?;
            Ok(for_float!(value.dtype(), "spmm", T => op.apply::<T>())?)
        }
        Backend::Widened => {
            let (weights, bias) = (backend::wide_option(weights)?, backend::wide_option(bias)?);
            let wide = |r: &Linked| -> Result<_> { Ok(Linked::from(backend::wide(&r.tensor()?)?)) };
            let residual = residual.map(wide).transpose()?;
            let out = spmm_plus(edges, weights.as_ref(), wide(&x)?, bias.as_ref(), residual.as_ref())?;
            backend::narrow(&out, &value)
        }
        other => {
            let mut out = match other {
                Backend::Cuda => spmm_on_cuda(edges.clone(), weights, heads, &x.tensor()?)?,
                _ => reference::spmm(edges, weights, &x.tensor()?)?,
            };
            if let Some(r) = residual {
                out = (out + r.tensor()?)?;
            }
            match bias {
                Some(bias) => crate::bias_add(&out, bias),
                None => Ok(out),
            }
        }
    }
}

/// [`spmm`] for another operation of this crate: its memory is used again.
///
/// # Errors
/// As [`spmm`].
pub fn spmm_linked(edges: &EdgeIndex, weights: Option<&Tensor>, x: impl Into<Linked>) -> Result<Linked> {
    let x = x.into();
    let value = x.value();
    match backend::of(&value) {
        Backend::Cpu => {
            let heads = check_arguments(edges, weights, &value)?;
            let op = Spmm::new(edges, (weights, heads), &x, None, None)?;
            Ok(for_float!(value.dtype(), "spmm", T => op.linked::<T>())?)
        }
        _ => Ok(Linked::from(spmm(edges, weights, x)?)),
    }
}

/// Checks everything; returns the number of heads.
fn check_arguments(edges: &EdgeIndex, weights: Option<&Tensor>, x: &Tensor) -> Result<usize> {
    check::float("x", x)?;
    let columns = check::matrix("x", x, edges.num_src(), "N_src, F")?;
    let mut heads = 1;
    if let Some(w) = weights {
        if w.rank() == 2 {
            heads = check::matrix("weights", w, edges.num_edges(), "E, H")?;
            check::channels("x", columns, heads)?;
        } else {
            check::shape("weights", w, &[edges.num_edges()], "E")?;
        }
        check::like("weights", w, x)?;
    }
    Ok(heads)
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
        Backend::Cpu => Ok(for_float!(a.dtype(), "sddmm", T => sddmm_as::<T>(a, b, None, edges.clone()))?),
        Backend::Widened => backend::narrow(&sddmm(&backend::wide(a)?, &backend::wide(b)?, edges)?, a),
        Backend::Cuda => Ok(sddmm_on_cuda(a, b, None, edges.clone())?),
        Backend::Reference => reference::sddmm(a, b, edges),
    }
}

/// As [`sddmm`], head by head: `out[e, h] = ⟨a[source(e), h], b[destination(e), h]⟩`, `[E, H]`, where the columns are
/// head-major, `[N, H·C]`.
///
/// # Errors
/// As [`sddmm`], and if `heads` does not divide the columns.
///
/// ```
/// # use candle_core::{Device, Tensor};
/// # use candle_geometric_graph::EdgeIndex;
/// # fn main() -> candle_geometric_ops::Result<()> {
/// let edges = EdgeIndex::new(vec![0, 1], vec![1, 1], 2)?;
/// let x = Tensor::new(&[[1f32, 2.], [3., 4.]], &Device::Cpu)?;
/// let products = candle_geometric_ops::sddmm_heads(&x, &x, 2, &edges)?;
/// assert_eq!(products.to_vec2::<f32>()?, [[3., 8.], [9., 16.]]);
/// # Ok(()) }
/// ```
pub fn sddmm_heads(a: &Tensor, b: &Tensor, heads: usize, edges: &EdgeIndex) -> Result<Tensor> {
    check::float("a", a)?;
    let f = check::matrix("a", a, edges.num_src(), "N_src, H·C")?;
    check::channels("a", f, heads)?;
    check::shape("b", b, &[edges.num_dst(), f], "N_dst, H·C")?;
    check::like("b", b, a)?;
    match backend::of(a) {
        Backend::Cpu => {
            Ok(for_float!(a.dtype(), "sddmm", T => sddmm_as::<T>(a, b, Some(heads), edges.clone()))?)
        }
        Backend::Widened => {
            backend::narrow(&sddmm_heads(&backend::wide(a)?, &backend::wide(b)?, heads, edges)?, a)
        }
        Backend::Cuda => Ok(sddmm_on_cuda(a, b, Some(heads), edges.clone())?),
        Backend::Reference => reference::sddmm_heads(a, b, heads, edges),
    }
}

/// The gradient of x is the product with the transpose; that of the weights is a [`sddmm`].
struct Spmm {
    edges: EdgeIndex,
    weights: Option<Tensor>,
    /// 1 without weights.
    heads: usize,
    x: Linked,
    bias: Option<Tensor>,
    residual: Option<Linked>,
    width: usize,
}

impl Spmm {
    fn new(
        edges: &EdgeIndex,
        (weights, heads): (Option<&Tensor>, usize),
        x: &Linked,
        bias: Option<&Tensor>,
        residual: Option<&Linked>,
    ) -> Result<Self> {
        Ok(Self {
            edges: edges.clone(),
            weights: weights.map(Tensor::contiguous).transpose()?,
            heads,
            width: x.value().dim(1)?,
            x: x.contiguous()?,
            bias: bias.map(Tensor::contiguous).transpose()?,
            residual: residual.map(Linked::contiguous).transpose()?,
        })
    }

    fn args(&self) -> Vec<Tensor> {
        let tensors = [self.x.node()].into_iter().chain(&self.weights).chain(&self.bias);
        tensors.chain(self.residual.as_ref().map(Linked::node)).cloned().collect()
    }

    fn forward<T: Real>(&self) -> candle_core::Result<Vec<T>> {
        let (x, w) = (self.x.value(), self.weights.as_ref().map(Host::open));
        let w = w.as_ref().map(Host::slice).transpose()?;
        let csr = self.edges.by_destination();
        let mut out = cpu::segment::spmm::<T>(csr, w, self.heads, Host::open(&x).slice()?, self.width);
        if let Some(bias) = &self.bias {
            cpu::dense::add_bias(&mut out, Host::open(bias).slice()?);
        }
        if let Some(residual) = &self.residual {
            cpu::dense::add_to(&mut out, Host::open(&residual.value()).slice()?);
        }
        Ok(out)
    }

    fn apply<T: Real>(self) -> candle_core::Result<Tensor> {
        let value = node::value(self.forward::<T>()?, (self.edges.num_dst(), self.width));
        let args = self.args();
        node(&args.iter().collect::<Vec<_>>(), value, move |grad| self.backward::<T>(grad))
    }

    fn linked<T: Real>(self) -> candle_core::Result<Linked> {
        let value = Tensor::from_vec(self.forward::<T>()?, (self.edges.num_dst(), self.width), &Device::Cpu)?;
        let args = self.args();
        let all = Linked::new(&args.iter().collect::<Vec<_>>(), vec![value], move |grads| match grads {
            [Some(grad)] => self.backward::<T>(grad),
            _ => Ok(vec![]),
        })?;
        all.into_iter().next().ok_or_else(|| candle_core::Error::Msg("one result".into()))
    }

    fn backward<T: Real>(&self, grad: &Gradient) -> candle_core::Result<Gradients> {
        let (edges, heads, width, x) = (&self.edges, self.heads, self.width, self.x.value());
        let (g, w) = (Host::open(grad.tensor()), self.weights.as_ref().map(Host::open));
        let (g, w) = (g.slice::<T>()?, w.as_ref().map(Host::slice).transpose()?);
        let dx = || Gradient::own(cpu::segment::spmm(edges.by_source(), w, heads, g, width), x.shape());
        let mut all = vec![self.x.is_tracked().then(dx).transpose()?];
        if let Some(weights) = &self.weights {
            let x = Host::open(&x);
            let x = x.slice()?;
            let products = || cpu::sddmm::sddmm(edges.by_destination(), g, x, heads, width);
            let dw = || Gradient::own(products(), weights.shape());
            all.push(weights.track_op().then(dw).transpose()?);
        }
        if let Some(bias) = &self.bias {
            let sums = || Gradient::own(cpu::dense::column_sums(g, width), width);
            all.push(bias.track_op().then(sums).transpose()?);
        }
        if let Some(residual) = &self.residual {
            all.push(residual.is_tracked().then(|| grad.clone()));
        }
        Ok(all)
    }
}

/// The gradient of either side is a product of the graph, weighted with the gradient, with the other side.
fn sddmm_as<T: Real>(
    a: &Tensor,
    b: &Tensor,
    by_head: Option<usize>,
    edges: EdgeIndex,
) -> candle_core::Result<Tensor> {
    let (a, b) = (a.contiguous()?, b.contiguous()?);
    let (width, heads) = (a.dim(1)?, by_head.unwrap_or(1));
    let shape: Vec<usize> = [edges.num_edges()].into_iter().chain(by_head).collect();
    let out = {
        let (a, b) = (Host::open(&a), Host::open(&b));
        cpu::sddmm::sddmm::<T>(edges.by_destination(), b.slice()?, a.slice()?, heads, width)
    };
    let (args, value) = ([&a.clone(), &b.clone()], node::value(out, shape));
    node(&args, value, move |grad| {
        let [a_rows, b_rows, g] = [&a, &b, grad.tensor()].map(Host::open);
        let (a_rows, b_rows, g) = (a_rows.slice::<T>()?, b_rows.slice()?, Some(g.slice()?));
        let da = || Gradient::own(cpu::segment::spmm(edges.by_source(), g, heads, b_rows, width), a.shape());
        let db =
            || Gradient::own(cpu::segment::spmm(edges.by_destination(), g, heads, a_rows, width), b.shape());
        Ok(vec![a.track_op().then(da).transpose()?, b.track_op().then(db).transpose()?])
    })
}

/// The product alone on a GPU.
fn spmm_on_cuda(
    edges: EdgeIndex,
    weights: Option<&Tensor>,
    heads: usize,
    x: &Tensor,
) -> candle_core::Result<Tensor> {
    let (x, weights) = (x.contiguous()?, weights.map(Tensor::contiguous).transpose()?);
    let (dims, width) = (x.dims2()?, x.dim(1)?);
    let product = move |side, weights: Option<&Tensor>, x: &Tensor, edges: &EdgeIndex| {
        Sum { edges, side, weights, heads, of: Of::Nodes(x), mean: false }.run(width)
    };
    let out = product(Side::Destination, weights.as_ref(), &x, &edges)?;
    let args: Vec<Tensor> = [&x].into_iter().chain(&weights).cloned().collect();
    node(&args.iter().collect::<Vec<_>>(), out.into_value(), move |grad| {
        let g = grad.tensor();
        let dx =
            || product(Side::Source, weights.as_ref(), g, &edges).map(|dx| dx.reshaped(dims).into_gradient());
        let mut all = vec![x.track_op().then(dx).transpose()?];
        if let Some(w) = &weights {
            let dw = || {
                let dw = cuda::edges::sddmm(&edges, &x, g, heads)?;
                Ok::<_, candle_core::Error>(dw.reshaped(w.shape()).into_gradient())
            };
            all.push(w.track_op().then(dw).transpose()?);
        }
        Ok(all)
    })
}

/// [`sddmm_as`] on a GPU.
fn sddmm_on_cuda(
    a: &Tensor,
    b: &Tensor,
    by_head: Option<usize>,
    edges: EdgeIndex,
) -> candle_core::Result<Tensor> {
    let (a, b) = (a.contiguous()?, b.contiguous()?);
    let (width, heads) = (a.dim(1)?, by_head.unwrap_or(1));
    let shape: Vec<usize> = [edges.num_edges()].into_iter().chain(by_head).collect();
    let out = cuda::edges::sddmm(&edges, &a, &b, heads)?.reshaped(shape);
    node(&[&a.clone(), &b.clone()], out.into_value(), move |grad| {
        let product = |side, x: &Tensor| {
            let weights = Some(grad.tensor());
            let sum = Sum { edges: &edges, side, weights, heads, of: Of::Nodes(x), mean: false };
            sum.run(width).map(Fresh::into_gradient)
        };
        Ok(vec![
            a.track_op().then(|| product(Side::Source, &b)).transpose()?,
            b.track_op().then(|| product(Side::Destination, &a)).transpose()?,
        ])
    })
}
