//! Attention between sets, as in PyTorch Geometric's `nn.aggr.utils`.

use candle_core::{D, Tensor};
use candle_geometric_ops as ops;
use candle_nn::{VarBuilder, ops::softmax};

use crate::multihead::MultiheadMaps;
use crate::norm::{LayerNorm, LayerNormConfig};
use crate::{Error, Linear, Mode, Result, dropout};

/// Sets padded to one size: elements `[B, S, C]`; no mask where every set is full.
#[derive(Debug, Clone)]
pub(super) struct Sets {
    pub x: Tensor,
    pub mask: Option<Mask>,
}

/// Which elements of padded sets there are.
#[derive(Debug, Clone)]
pub(super) struct Mask {
    /// `[B, 1, 1, S]`: 0, and −∞ (as a large negative number) where there is no element.
    pub elements: Tensor,
    /// `[B, 1, 1, 1]`: 1, and 0 for a set without elements.
    pub filled: Tensor,
}

/// The arguments of a [`Mab`].
#[derive(Debug, Clone)]
pub(super) struct MabConfig {
    pub channels: usize,
    pub heads: usize,
    /// Whether it normalises.
    pub norm: bool,
    pub dropout: f64,
}

impl MabConfig {
    /// Checks the numbers that layers made of attention blocks have.
    pub(super) fn check(&self, layer: &'static str) -> Result<()> {
        let Self { channels, heads, dropout, .. } = *self;
        if heads == 0 || channels == 0 || !channels.is_multiple_of(heads) {
            let expected = format!("a divisor of channels = {channels}");
            return Err(Error::argument(layer, "heads", expected, heads.to_string()));
        }
        if !(0.0..=1.0).contains(&dropout) {
            return Err(Error::argument(layer, "dropout", "a probability in [0, 1]", dropout.to_string()));
        }
        Ok(())
    }
}

/// Multi-head attention of queries to keys, then a row-wise map, both residual (Lee et al., *Set Transformer*, ICML
/// 2019, eq. 6 and 7).
#[derive(Debug, Clone)]
pub(super) struct Mab {
    heads: usize,
    dropout: f64,
    attn: MultiheadMaps,
    lin: Linear,
    norms: Option<(LayerNorm, LayerNorm)>,
}

impl Mab {
    pub(super) fn new(config: &MabConfig, vb: VarBuilder) -> Result<Self> {
        let MabConfig { channels, heads, norm, dropout } = *config;
        let by_row = LayerNormConfig::by_node(channels);
        let layer_norm = |name| LayerNorm::new(&by_row, vb.pp(name));
        let pair = || -> Result<_> { Ok((layer_norm("layer_norm1")?, layer_norm("layer_norm2")?)) };
        Ok(Self {
            heads,
            dropout,
            attn: MultiheadMaps::new(channels, true, vb.pp("attn"))?,
            lin: Linear::new(channels, channels, true, vb.pp("lin"))?,
            norms: norm.then(pair).transpose()?,
        })
    }

    /// `[B, S_x, C]`: each element of x from the elements of y.
    pub(super) fn forward(&self, x: &Tensor, y: &Sets, mode: Mode) -> Result<Tensor> {
        let (b, sx, c) = x.dims3()?;
        let mut out = (self.attend(x, y, mode)? + x)?.reshape((b * sx, c))?;
        if let Some((norm, _)) = &self.norms {
            out = norm.forward(&out, None)?;
        }
        out = (&out + ops::relu(&self.lin.forward(&out)?)?)?;
        if let Some((_, norm)) = &self.norms {
            out = norm.forward(&out, None)?;
        }
        Ok(out.reshape((b, sx, c))?)
    }

    fn attend(&self, x: &Tensor, y: &Sets, mode: Mode) -> Result<Tensor> {
        let (b, sx, c) = x.dims3()?;
        let d = c / self.heads;
        let query = (self.project(x, 0)? * (d as f64).sqrt().recip())?;
        let (key, value) = (self.project(&y.x, 1)?, self.project(&y.x, 2)?);
        let mut scores = query.matmul(&key.transpose(2, 3)?.contiguous()?)?;
        if let Some(mask) = &y.mask {
            scores = scores.broadcast_add(&mask.elements)?;
        }
        let mut alpha = dropout(&softmax(&scores, D::Minus1)?, self.dropout, mode)?;
        if let Some(mask) = &y.mask {
            // Nothing comes from a set without elements.
            alpha = alpha.broadcast_mul(&mask.filled)?;
        }
        let out = alpha.matmul(&value)?.transpose(1, 2)?.reshape((b * sx, c))?;
        Ok(self.attn.out_proj.forward(&out)?.reshape((b, sx, c))?)
    }

    /// Query (0), key (1) or value (2) by heads: `[B, S, C] → [B, H, S, C/H]`.
    fn project(&self, x: &Tensor, part: usize) -> Result<Tensor> {
        let (b, s, c) = x.dims3()?;
        let out = self.attn.part(part)?.forward(&x.reshape((b * s, c))?)?;
        Ok(out.reshape((b, s, self.heads, c / self.heads))?.transpose(1, 2)?.contiguous()?)
    }
}
