use candle_core::Tensor;
use candle_geometric_graph::EdgeIndex;

use crate::backend::{self, Backend};
use crate::cpu::{self, Host, Real, for_float};
use crate::cuda;
use crate::cuda::graph::Side;
use crate::cuda::sum::{Of, Sum};
use crate::link::Gradient;
use crate::node::{self, node};
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
        Backend::Cuda => Ok(on_cuda(x, edges, Side::Source)?),
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
        Backend::Cuda => Ok(on_cuda(x, edges, Side::Destination)?),
        Backend::Reference => reference::gather_dst(x, edges),
    }
}

fn gather(x: &Tensor, edges: &EdgeIndex, side: Side) -> Result<Tensor> {
    Ok(for_float!(x.dtype(), "gather", T => gather_as::<T>(x, edges.clone(), side))?)
}

/// Its gradient is a sum over the rows of the compressed form by the same side.
fn gather_as<T: Real>(x: &Tensor, edges: EdgeIndex, side: Side) -> candle_core::Result<Tensor> {
    let x = x.contiguous()?;
    let (dims, width) = (x.dims().to_vec(), check::width(x.dims()));
    let ids = match side {
        Side::Source => edges.source(),
        Side::Destination => edges.destination(),
    };
    let shape = [&[ids.len()], dims.get(1..).unwrap_or_default()].concat();
    let out = node::value(cpu::segment::gather::<T>(Host::open(&x).slice()?, ids, width), shape);
    node(&[&x], out, move |grad| {
        let csr = match side {
            Side::Source => edges.by_source(),
            Side::Destination => edges.by_destination(),
        };
        let dx = cpu::segment::sum::<T>(csr, Host::open(grad.tensor()).slice()?, width);
        Ok(vec![Some(Gradient::own(dx, dims.as_slice())?)])
    })
}

/// [`gather`] on a GPU.
fn on_cuda(x: &Tensor, edges: &EdgeIndex, side: Side) -> candle_core::Result<Tensor> {
    let (x, edges) = (x.contiguous()?, edges.clone());
    let (dims, width) = (x.dims().to_vec(), check::width(x.dims()));
    let (src, dst) = match side {
        Side::Source => (Some(&x), None),
        Side::Destination => (None, Some(&x)),
    };
    let shape = [&[edges.num_edges()], dims.get(1..).unwrap_or_default()].concat();
    let out = cuda::edges::sum(&edges, src, dst, None, width)?.reshaped(shape);
    node(&[&x], out.into_value(), move |grad| {
        let of = Of::Edges(grad.tensor());
        let sum = Sum { edges: &edges, side, weights: None, heads: 1, of, mean: false };
        Ok(vec![Some(Gradient::Shared(sum.run(width)?.reshaped(dims.as_slice()).into_tensor()))])
    })
}
