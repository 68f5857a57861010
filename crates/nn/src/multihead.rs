use candle_core::Tensor;
use candle_nn::VarBuilder;

use crate::{Linear, Result, init};

/// The parameters of `torch.nn.MultiheadAttention`: one matrix for query, key and value, and the map of the result.
#[derive(Debug, Clone)]
pub(crate) struct MultiheadMaps {
    /// `[3C, C]`: query, key, value.
    weight: Tensor,
    bias: Option<Tensor>,
    pub(crate) out_proj: Linear,
}

impl MultiheadMaps {
    pub(crate) fn new(channels: usize, bias: bool, vb: VarBuilder) -> Result<Self> {
        let rows = channels.saturating_mul(3);
        let xavier = init::glorot_uniform(&[rows, channels]);
        let (fan_in, out) = (init::fan_in_uniform(channels), vb.pp("out_proj"));
        let zeros = |n: usize, name, vb: &VarBuilder| {
            bias.then(|| vb.get_with_hints(n, name, init::ZEROS)).transpose()
        };
        Ok(Self {
            weight: vb.get_with_hints((rows, channels), "in_proj_weight", xavier)?,
            bias: zeros(rows, "in_proj_bias", &vb)?,
            out_proj: Linear::from_tensors(
                out.get_with_hints((channels, channels), "weight", fan_in)?,
                zeros(channels, "bias", &out)?,
            ),
        })
    }

    /// The map to query (0), key (1) or value (2).
    pub(crate) fn part(&self, part: usize) -> Result<Linear> {
        let c = self.weight.dim(1)?;
        let bias = self.bias.as_ref().map(|b| b.narrow(0, part * c, c)).transpose()?;
        Ok(Linear::from_tensors(self.weight.narrow(0, part * c, c)?, bias))
    }
}
