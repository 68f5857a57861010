use candle_core::{D, Tensor};
use candle_geometric_graph::EdgeIndex;

use crate::{Error, Result};

/// The node features that a layer takes: of one set of nodes, or of the sources and the destinations of a
/// bipartite graph. Layers take `impl Into<Nodes>`: `&x`, `(&x_src, &x_dst)`, or `(&x_src, None)` where the
/// destinations have no features.
#[derive(Debug, Clone, Copy)]
pub enum Nodes<'a> {
    /// x `[N, I]`: every node is source and destination.
    One(&'a Tensor),
    /// x_src `[N_src, I_src]` and x_dst `[N_dst, I_dst]`.
    Pair(&'a Tensor, Option<&'a Tensor>),
}

impl<'a> From<&'a Tensor> for Nodes<'a> {
    fn from(x: &'a Tensor) -> Self {
        Self::One(x)
    }
}

impl<'a> From<(&'a Tensor, &'a Tensor)> for Nodes<'a> {
    fn from((source, destination): (&'a Tensor, &'a Tensor)) -> Self {
        Self::Pair(source, Some(destination))
    }
}

impl<'a> From<(&'a Tensor, Option<&'a Tensor>)> for Nodes<'a> {
    fn from((source, destination): (&'a Tensor, Option<&'a Tensor>)) -> Self {
        Self::Pair(source, destination)
    }
}

impl<'a> Nodes<'a> {
    /// The features of the sources.
    pub fn source(&self) -> &'a Tensor {
        match self {
            Self::One(x) | Self::Pair(x, _) => x,
        }
    }

    /// The features of the destinations.
    pub fn destination(&self) -> Option<&'a Tensor> {
        match self {
            Self::One(x) => Some(x),
            Self::Pair(_, x) => *x,
        }
    }

    /// Checks both sides against the graph and the channels of the layer.
    pub(crate) fn check(
        &self,
        layer: &'static str,
        edges: &EdgeIndex,
        src_channels: usize,
        dst_channels: usize,
    ) -> Result<()> {
        let check = |argument, x: &Tensor, nodes: usize, channels: usize| {
            if x.dims() == [nodes, channels] {
                return Ok(());
            }
            Err(Error::argument(
                layer,
                argument,
                format!("[{nodes}, {channels}] ([nodes, in_channels])"),
                format!("{:?}", x.dims()),
            ))
        };
        match self {
            Self::One(x) => {
                check("x", x, edges.num_src(), src_channels)?;
                check("x", x, edges.num_dst(), dst_channels)
            }
            Self::Pair(source, destination) => {
                check("x_src", source, edges.num_src(), src_channels)?;
                destination.map_or(Ok(()), |x| check("x_dst", x, edges.num_dst(), dst_channels))
            }
        }
    }
}

/// Every row over its Euclidean norm, or over 10⁻¹² where that is larger.
pub(crate) fn unit_rows(x: &Tensor) -> Result<Tensor> {
    // The bound stands under the root, where it also keeps the gradient of a row of zeros finite.
    let norm = x.sqr()?.sum_keepdim(D::Minus1)?.maximum(1e-24)?.sqrt()?;
    Ok(x.broadcast_div(&norm)?)
}
