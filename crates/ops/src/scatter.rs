use std::sync::OnceLock;

use candle_core::{CpuStorage, CustomOp1, Device, Layout, Shape, Tensor, bail};
use candle_geometric_graph::EdgeIndex;

use crate::backend::{self, Backend};
use crate::cpu::extreme::{self, Extreme};
use crate::cpu::{self, Host, Real, for_float};
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
/// The gradient of the product is exact where messages are 0. A maximum of exactly 0 gives its whole gradient to
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
        Backend::Cpu => {
            let (edges, tracked) = (edges.clone(), messages.track_op());
            let op = Scatter { edges, reduce, tracked, ties: OnceLock::new() };
            Ok(messages.contiguous()?.apply_op1(op)?)
        }
        Backend::Widened => backend::narrow(&scatter(&backend::wide(messages)?, edges, reduce)?, messages),
        Backend::Reference => reference::scatter(messages, edges, reduce),
    }
}

struct Scatter {
    edges: EdgeIndex,
    reduce: Reduce,
    /// Whether somebody may ask for a gradient.
    tracked: bool,
    /// How many messages equal the extreme one, `[N_dst, …]`, kept for the gradient.
    ties: OnceLock<CpuStorage>,
}

impl Scatter {
    fn forward<T: Real>(&self, m: &[T], width: usize) -> Vec<T> {
        let csr = self.edges.by_destination();
        match self.reduce {
            Reduce::Sum => cpu::segment::sum(csr, m, width),
            Reduce::Mean => cpu::segment::mean(csr, m, width),
            Reduce::Max => self.extreme(m, width, Extreme::Largest),
            Reduce::Min => self.extreme(m, width, Extreme::Smallest),
            Reduce::Mul => cpu::product::forward(csr, m, width),
        }
    }

    fn extreme<T: Real>(&self, m: &[T], width: usize, extreme: Extreme) -> Vec<T> {
        let [out, ties] = extreme::forward(self.edges.by_destination(), m, width, extreme, self.tracked);
        if self.tracked {
            self.ties.get_or_init(|| T::to_cpu_storage_owned(ties));
        }
        out
    }

    fn backward<T: Real>(&self, arg: &Tensor, res: &Tensor, grad: &Tensor) -> candle_core::Result<Tensor> {
        let (csr, destination) = (self.edges.by_destination(), self.edges.destination());
        let (arg_view, res_view, grad_view) = (Host::open(arg), Host::open(res), Host::open(grad));
        let (m, out, g) = (arg_view.slice::<T>()?, res_view.slice::<T>()?, grad_view.slice::<T>()?);
        let width = check::width(arg.dims());
        let dm = match self.reduce {
            Reduce::Sum => cpu::segment::gather(g, destination, width),
            Reduce::Mean => {
                cpu::segment::gather(&cpu::segment::over_degree(csr, g, width), destination, width)
            }
            Reduce::Max | Reduce::Min => {
                let Some(ties) = self.ties.get() else { bail!("the gradient of what was not tracked") };
                extreme::backward(destination, m, [out, T::cpu_storage_as_slice(ties)?], g, width)
            }
            Reduce::Mul => cpu::product::backward(csr, m, g, width),
        };
        Tensor::from_vec(dm, arg.shape(), &Device::Cpu)
    }
}

impl CustomOp1 for Scatter {
    fn name(&self) -> &'static str {
        "scatter"
    }

    fn cpu_fwd(&self, m: &CpuStorage, layout: &Layout) -> candle_core::Result<(CpuStorage, Shape)> {
        let shape = [&[self.edges.num_dst()], layout.dims().get(1..).unwrap_or_default()].concat();
        let out = for_float!(m.dtype(), self.name(), T => {
            let out = self.forward::<T>(cpu::slice(m, layout)?, check::width(layout.dims()));
            Ok(T::to_cpu_storage_owned(out))
        })?;
        Ok((out, shape.into()))
    }

    fn bwd(&self, arg: &Tensor, res: &Tensor, grad: &Tensor) -> candle_core::Result<Option<Tensor>> {
        let grad = grad.contiguous()?;
        for_float!(grad.dtype(), self.name(), T => self.backward::<T>(arg, res, &grad)).map(Some)
    }
}
