use candle_core::{CpuStorage, CustomOp1, CustomOp2, Device, Layout, Shape, Tensor};
use candle_geometric_graph::EdgeIndex;

use crate::backend::{self, Backend};
use crate::cpu::{self, Host, Real, for_float};
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
        Backend::Cpu => {
            let op = Spmm { edges: edges.clone() };
            match weights {
                None => Ok(x.contiguous()?.apply_op1(op)?),
                Some(w) => Ok(x.contiguous()?.apply_op2(&w.contiguous()?, op)?),
            }
        }
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
        Backend::Cpu => Ok(a.contiguous()?.apply_op2(&b.contiguous()?, Sddmm { edges: edges.clone() })?),
        Backend::Widened => backend::narrow(&sddmm(&backend::wide(a)?, &backend::wide(b)?, edges)?, a),
        Backend::Reference => reference::sddmm(a, b, edges),
    }
}

/// The gradient of x is the product with the transpose; that of the weights is an [`Sddmm`].
struct Spmm {
    edges: EdgeIndex,
}

impl Spmm {
    fn forward(
        &self,
        x: (&CpuStorage, &Layout),
        weights: Option<(&CpuStorage, &Layout)>,
    ) -> candle_core::Result<(CpuStorage, Shape)> {
        let width = check::width(x.1.dims());
        let out = for_float!(x.0.dtype(), "spmm", T => {
            let weights = weights.map(|(w, l)| cpu::slice::<T>(w, l)).transpose()?;
            let out = cpu::segment::spmm(self.edges.by_destination(), weights, cpu::slice(x.0, x.1)?, width);
            Ok(T::to_cpu_storage_owned(out))
        })?;
        Ok((out, (self.edges.num_dst(), width).into()))
    }

    fn x_gradient<T: Real>(&self, weights: Option<&Tensor>, grad: &Tensor) -> candle_core::Result<Tensor> {
        let (w, g) = (weights.map(Host::open), Host::open(grad));
        let w = w.as_ref().map(Host::slice).transpose()?;
        let width = check::width(grad.dims());
        let dx = cpu::segment::spmm(self.edges.by_source(), w, g.slice::<T>()?, width);
        cpu::matrix(dx, self.edges.num_src(), width)
    }
}

impl CustomOp1 for Spmm {
    fn name(&self) -> &'static str {
        "spmm"
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> candle_core::Result<(CpuStorage, Shape)> {
        self.forward((x, layout), None)
    }

    fn bwd(&self, _: &Tensor, _: &Tensor, grad: &Tensor) -> candle_core::Result<Option<Tensor>> {
        let grad = grad.contiguous()?;
        for_float!(grad.dtype(), "spmm", T => self.x_gradient::<T>(None, &grad)).map(Some)
    }
}

impl CustomOp2 for Spmm {
    fn name(&self) -> &'static str {
        "weighted spmm"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        weights: &CpuStorage,
        weights_layout: &Layout,
    ) -> candle_core::Result<(CpuStorage, Shape)> {
        self.forward((x, x_layout), Some((weights, weights_layout)))
    }

    fn bwd(
        &self,
        x: &Tensor,
        weights: &Tensor,
        _: &Tensor,
        grad: &Tensor,
    ) -> candle_core::Result<(Option<Tensor>, Option<Tensor>)> {
        let grad = grad.contiguous()?;
        let dx = x
            .track_op()
            .then(|| for_float!(grad.dtype(), "spmm", T => self.x_gradient::<T>(Some(weights), &grad)));
        let dw = weights
            .track_op()
            .then(|| x.detach().apply_op2_no_bwd(&grad, &Sddmm { edges: self.edges.clone() }));
        Ok((dx.transpose()?, dw.transpose()?))
    }
}

/// The gradient of either side is a product of the graph, weighted with the gradient, with the other side.
struct Sddmm {
    edges: EdgeIndex,
}

impl Sddmm {
    fn backward<T: Real>(
        &self,
        a: &Tensor,
        b: &Tensor,
        grad: &Tensor,
    ) -> candle_core::Result<(Option<Tensor>, Option<Tensor>)> {
        let (a_view, b_view, grad) = (Host::open(a), Host::open(b), Host::open(grad));
        let (a_rows, b_rows, g) = (a_view.slice::<T>()?, b_view.slice::<T>()?, Some(grad.slice::<T>()?));
        let width = check::width(a.dims());
        let da = a.track_op().then(|| cpu::segment::spmm(self.edges.by_source(), g, b_rows, width));
        let db = b.track_op().then(|| cpu::segment::spmm(self.edges.by_destination(), g, a_rows, width));
        let tensor = |d: Option<Vec<T>>, like: &Tensor| {
            d.map(|d| Tensor::from_vec(d, like.shape(), &Device::Cpu)).transpose()
        };
        Ok((tensor(da, a)?, tensor(db, b)?))
    }
}

impl CustomOp2 for Sddmm {
    fn name(&self) -> &'static str {
        "sddmm"
    }

    fn cpu_fwd(
        &self,
        a: &CpuStorage,
        a_layout: &Layout,
        b: &CpuStorage,
        b_layout: &Layout,
    ) -> candle_core::Result<(CpuStorage, Shape)> {
        let width = check::width(a_layout.dims());
        let out = for_float!(a.dtype(), self.name(), T => {
            let (a, b) = (cpu::slice::<T>(a, a_layout)?, cpu::slice(b, b_layout)?);
            Ok(T::to_cpu_storage_owned(cpu::sddmm::sddmm(self.edges.by_destination(), b, a, width)))
        })?;
        Ok((out, self.edges.num_edges().into()))
    }

    fn bwd(
        &self,
        a: &Tensor,
        b: &Tensor,
        _: &Tensor,
        grad: &Tensor,
    ) -> candle_core::Result<(Option<Tensor>, Option<Tensor>)> {
        let grad = grad.contiguous()?;
        for_float!(grad.dtype(), self.name(), T => self.backward::<T>(a, b, &grad))
    }
}
