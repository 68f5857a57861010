//! The linear map of DGL's attention layers: one for all nodes, or one for each side of a bipartite graph.

use candle_core::Tensor;
use candle_nn::VarBuilder;

use crate::config::Channels;
use crate::{Linear, Nodes, Result};

/// `fc`, or `fc_src` and `fc_dst`.
#[derive(Debug, Clone)]
pub(super) enum Fc {
    Shared(Linear),
    Separate { src: Linear, dst: Linear },
}

impl Fc {
    /// The maps that `make` gives for a number of inputs.
    pub(super) fn new(
        in_feats: Channels,
        vb: &VarBuilder,
        make: impl Fn(usize, VarBuilder) -> Result<Linear>,
    ) -> Result<Self> {
        Ok(match in_feats {
            Channels::One(i) => Self::Shared(make(i, vb.pp("fc"))?),
            Channels::Pair(src, dst) => {
                Self::Separate { src: make(src, vb.pp("fc_src"))?, dst: make(dst, vb.pp("fc_dst"))? }
            }
        })
    }

    /// What `map` makes of the sources and of the destinations, whose features are `x_dst`.
    pub(super) fn apply<T: Clone>(
        &self,
        x: Nodes,
        x_dst: &Tensor,
        map: impl Fn(&Linear, &Tensor) -> Result<T>,
    ) -> Result<(T, T)> {
        match (self, x) {
            (Self::Shared(lin), Nodes::One(x)) => {
                let h = map(lin, x)?;
                Ok((h.clone(), h))
            }
            (Self::Shared(lin), Nodes::Pair(x_src, _)) => Ok((map(lin, x_src)?, map(lin, x_dst)?)),
            (Self::Separate { src, dst }, x) => Ok((map(src, x.source())?, map(dst, x_dst)?)),
        }
    }
}
