use candle_core::{CpuStorage, CustomOp1, Device, Layout, Shape, Tensor};
use candle_geometric_graph::{Csr, EdgeIndex};

use crate::backend::{self, Backend};
use crate::cpu::{self, Host, Real, for_float};
use crate::{Result, check, reference};

/// The row of every edge's source: `out[e] = x[source(e)]`, `[N_src, …] → [E, …]`.
///
/// The gradient of a row is the sum over the out-edges of its node.
///
/// # Errors
/// If `x` does not hold floating-point numbers or has not one row per source node.
///
/// ```
/// # use candle_core::{Device, Tensor};
/// # use candle_geometric_graph::EdgeIndex;
/// # fn main() -> candle_geometric_ops::Result<()> {
/// let edges = EdgeIndex::new(vec![1, 0], vec![0, 1], 2)?;
/// let x = Tensor::new(&[[1f32], [2.]], &Device::Cpu)?;
/// assert_eq!(candle_geometric_ops::gather_src(&x, &edges)?.to_vec2::<f32>()?, [[2.], [1.]]);
/// # Ok(()) }
/// ```
pub fn gather_src(x: &Tensor, edges: &EdgeIndex) -> Result<Tensor> {
    check::float("x", x)?;
    check::rows("x", x, edges.num_src(), "source node")?;
    match backend::of(x) {
        Backend::Cpu => gather(x, edges, Side::Source),
        Backend::Widened => backend::narrow(&gather(&backend::wide(x)?, edges, Side::Source)?, x),
        Backend::Reference => reference::gather_src(x, edges),
    }
}

/// The row of every edge's destination: `out[e] = x[destination(e)]`, `[N_dst, …] → [E, …]`.
///
/// The gradient of a row is the sum over the in-edges of its node.
///
/// # Errors
/// If `x` does not hold floating-point numbers or has not one row per destination node.
///
/// ```
/// # use candle_core::{Device, Tensor};
/// # use candle_geometric_graph::EdgeIndex;
/// # fn main() -> candle_geometric_ops::Result<()> {
/// let edges = EdgeIndex::new(vec![1, 0], vec![1, 1], 2)?;
/// let x = Tensor::new(&[1f32, 2.], &Device::Cpu)?;
/// assert_eq!(candle_geometric_ops::gather_dst(&x, &edges)?.to_vec1::<f32>()?, [2., 2.]);
/// # Ok(()) }
/// ```
pub fn gather_dst(x: &Tensor, edges: &EdgeIndex) -> Result<Tensor> {
    check::float("x", x)?;
    check::rows("x", x, edges.num_dst(), "destination node")?;
    match backend::of(x) {
        Backend::Cpu => gather(x, edges, Side::Destination),
        Backend::Widened => backend::narrow(&gather(&backend::wide(x)?, edges, Side::Destination)?, x),
        Backend::Reference => reference::gather_dst(x, edges),
    }
}

fn gather(x: &Tensor, edges: &EdgeIndex, side: Side) -> Result<Tensor> {
    Ok(x.contiguous()?.apply_op1(Gather { edges: edges.clone(), side })?)
}

#[derive(Debug, Clone, Copy)]
enum Side {
    Source,
    Destination,
}

/// Its gradient is a sum over the rows of the compressed form by the same side.
struct Gather {
    edges: EdgeIndex,
    side: Side,
}

impl Gather {
    fn ids(&self) -> &[u32] {
        match self.side {
            Side::Source => self.edges.source(),
            Side::Destination => self.edges.destination(),
        }
    }

    fn csr(&self) -> &Csr {
        match self.side {
            Side::Source => self.edges.by_source(),
            Side::Destination => self.edges.by_destination(),
        }
    }

    fn backward<T: Real>(&self, arg: &Tensor, grad: &Tensor) -> candle_core::Result<Tensor> {
        let dx = cpu::segment::sum(self.csr(), Host::open(grad).slice::<T>()?, check::width(arg.dims()));
        Tensor::from_vec(dx, arg.shape(), &Device::Cpu)
    }
}

impl CustomOp1 for Gather {
    fn name(&self) -> &'static str {
        "gather"
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> candle_core::Result<(CpuStorage, Shape)> {
        let shape = [&[self.ids().len()], layout.dims().get(1..).unwrap_or_default()].concat();
        let out = for_float!(x.dtype(), self.name(), T => {
            let out = cpu::segment::gather(cpu::slice::<T>(x, layout)?, self.ids(), check::width(layout.dims()));
            Ok(T::to_cpu_storage_owned(out))
        })?;
        Ok((out, shape.into()))
    }

    fn bwd(&self, arg: &Tensor, _: &Tensor, grad: &Tensor) -> candle_core::Result<Option<Tensor>> {
        let grad = grad.contiguous()?;
        for_float!(grad.dtype(), self.name(), T => self.backward::<T>(arg, &grad)).map(Some)
    }
}
