use candle_core::Tensor;
use candle_geometric_graph::EdgeIndex;

use crate::backend::{self, Backend};
use crate::cpu::extreme::{self, Extreme};
use crate::cpu::{self, Host, Real, for_float};
use crate::cuda;
use crate::cuda::columns::{Column, Found};
use crate::cuda::graph::Side;
use crate::cuda::sum::{Of, Sum};
use crate::link::Gradient;
use crate::node::{self, node, node_of_result};
use crate::{Result, check, reference};

/// How the messages of one destination become one row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reduce {
    /// Their sum.
    Sum,
    /// Their sum over their number.
    Mean,
    /// The largest, element by element. Equal ones share the gradient evenly, as in PyTorch's `scatter_reduce`.
    Max,
    /// The smallest, element by element. Equal ones share the gradient evenly, as in PyTorch's `scatter_reduce`.
    Min,
    /// Their product. That of no messages is 1, as in PyTorch Geometric.
    Mul,
}

/// Reduces the messages of every destination: `out[i] = reduce { messages[e] : destination(e) = i }`,
/// `[E, …] → [N_dst, …]`. A destination without in-edges gets 0 (1 with [`Reduce::Mul`]).
///
/// The gradient of the product is exact where messages are 0. (On CUDA it is the product divided by the message, so that a
/// product that leaves the range of f32 has none.) A maximum of exactly 0 gives its whole gradient to
/// the messages; PyTorch Geometric loses a share of it to the zeros that it starts from.
///
/// # Errors
/// If `messages` does not hold floating-point numbers or has not one row per edge.
///
/// ```
/// # use candle_core::{Device, Tensor};
/// # use candle_geometric_graph::EdgeIndex;
/// use candle_geometric_ops::{Reduce, scatter};
/// # fn main() -> candle_geometric_ops::Result<()> {
/// let edges = EdgeIndex::new(vec![0, 1, 2], vec![1, 1, 0], 3)?;
/// let messages = Tensor::new(&[1f32, 5., -2.], &Device::Cpu)?;
/// assert_eq!(scatter(&messages, &edges, Reduce::Mean)?.to_vec1::<f32>()?, [-2., 3., 0.]);
/// assert_eq!(scatter(&messages, &edges, Reduce::Max)?.to_vec1::<f32>()?, [-2., 5., 0.]);
/// # Ok(()) }
/// ```
pub fn scatter(messages: &Tensor, edges: &EdgeIndex, reduce: Reduce) -> Result<Tensor> {
    check::float("messages", messages)?;
    check::rows("messages", messages, edges.num_edges(), "edge")?;
    match backend::of(messages) {
        Backend::Cpu => Ok(
            for_float!(messages.dtype(), "scatter", T => scatter_as::<T>(messages, edges.clone(), reduce))?,
        ),
        Backend::Widened => backend::narrow(&scatter(&backend::wide(messages)?, edges, reduce)?, messages),
        Backend::Cuda => Ok(on_cuda(messages, edges.clone(), reduce)?),
        Backend::Reference => reference::scatter(messages, edges, reduce),
    }
}

fn scatter_as<T: Real>(messages: &Tensor, edges: EdgeIndex, reduce: Reduce) -> candle_core::Result<Tensor> {
    let messages = messages.contiguous()?;
    let (dims, width) = (messages.dims().to_vec(), check::width(messages.dims()));
    let shape = [&[edges.num_dst()], dims.get(1..).unwrap_or_default()].concat();
    let (out, ties) = {
        let (m, csr) = (Host::open(&messages), edges.by_destination());
        let m = m.slice::<T>()?;
        match reduce {
            Reduce::Sum => (cpu::segment::sum(csr, m, width), vec![]),
            Reduce::Mean => (cpu::segment::mean(csr, m, width), vec![]),
            Reduce::Max => extreme::forward(csr, m, width, Extreme::Largest, messages.track_op()).into(),
            Reduce::Min => extreme::forward(csr, m, width, Extreme::Smallest, messages.track_op()).into(),
            Reduce::Mul => (cpu::product::forward(csr, m, width), vec![]),
        }
    };
    let (args, value) = ([&messages.clone()], node::value(out, shape));
    match reduce {
        Reduce::Sum => node(&args, value, move |grad| {
            let g = Host::open(grad.tensor());
            let dm = cpu::segment::gather::<T>(g.slice()?, edges.destination(), width);
            Ok(vec![Some(Gradient::own(dm, dims.as_slice())?)])
        }),
        Reduce::Mean => node(&args, value, move |grad| {
            let g = Host::open(grad.tensor());
            let mean = cpu::segment::over_degree::<T>(edges.by_destination(), g.slice()?, width);
            let dm = cpu::segment::gather(&mean, edges.destination(), width);
            Ok(vec![Some(Gradient::own(dm, dims.as_slice())?)])
        }),
        Reduce::Max | Reduce::Min => node_of_result(&args, value, move |out, grad| {
            let [m, out, g] = [&messages, out, grad.tensor()].map(Host::open);
            let dm = extreme::backward::<T>(
                edges.destination(),
                m.slice()?,
                [out.slice()?, &ties],
                g.slice()?,
                width,
            );
            Ok(vec![Some(Gradient::own(dm, dims.as_slice())?)])
        }),
        Reduce::Mul => node(&args, value, move |grad| {
            let [m, g] = [&messages, grad.tensor()].map(Host::open);
            let dm = cpu::product::backward::<T>(edges.by_destination(), m.slice()?, g.slice()?, width);
            Ok(vec![Some(Gradient::own(dm, dims.as_slice())?)])
        }),
    }
}

/// [`scatter`] on a GPU.
fn on_cuda(messages: &Tensor, edges: EdgeIndex, reduce: Reduce) -> candle_core::Result<Tensor> {
    let messages = messages.contiguous()?;
    let (dims, width) = (messages.dims().to_vec(), check::width(messages.dims()));
    let shape = [&[edges.num_dst()], dims.get(1..).unwrap_or_default()].concat();
    let column = match reduce {
        Reduce::Max => Some(Column::Largest),
        Reduce::Min => Some(Column::Smallest),
        Reduce::Mul => Some(Column::Product),
        Reduce::Sum | Reduce::Mean => None,
    };
    let args = [&messages.clone()];
    let Some(column) = column.filter(|_| edges.num_dst() * width > 0) else {
        let (of, mean) = (Of::Edges(&messages), reduce == Reduce::Mean);
        let sum = Sum { edges: &edges, side: Side::Destination, weights: None, heads: 1, of, mean };
        let out = sum.run(width)?.reshaped(shape);
        return node(&args, out.into_value(), move |grad| {
            let dm = if mean {
                cuda::edges::mean_backward(&edges, grad.tensor(), width)?
            } else {
                cuda::edges::sum(&edges, None, Some(grad.tensor()), None, width)?
            };
            Ok(vec![Some(Gradient::Shared(dm.reshaped(dims.as_slice()).into_tensor()))])
        });
    };
    let Found { first: out, second, of_nonzero } = cuda::columns::find(&edges, &messages, width, column)?;
    let second = second.into_tensor();
    if let Some(product) = of_nonzero {
        let product = product.into_tensor();
        return node(&args, out.reshaped(shape).into_value(), move |grad| {
            let of = [&product, &second];
            let dm = cuda::edges::product_backward(&edges, &messages, of, grad.tensor(), width)?;
            Ok(vec![Some(dm.into_gradient())])
        });
    }
    node_of_result(&args, out.reshaped(shape).into_value(), move |out, grad| {
        let dm = cuda::edges::extreme_backward(&edges, &messages, [out, &second], grad.tensor(), width)?;
        Ok(vec![Some(dm.into_gradient())])
    })
}
