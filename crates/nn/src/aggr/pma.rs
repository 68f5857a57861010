//! Pooling by learnt queries, as in PyTorch Geometric's `nn.aggr.utils`.

use candle_core::Tensor;
use candle_geometric_ops as ops;
use candle_nn::VarBuilder;

use super::mab::{Mab, MabConfig, Sets};
use crate::{Linear, Mode, Result, init};

/// `MAB(S, ReLU(X W + b))` with learnt seeds S (Lee et al., *Set Transformer*, ICML 2019, eq. 11): parameters `lin`,
/// `seed` `[1, k, C]`, `mab.…`.
#[derive(Debug, Clone)]
pub(super) struct Pma {
    lin: Linear,
    seed: Tensor,
    mab: Mab,
}

impl Pma {
    pub(super) fn new(config: &MabConfig, seeds: usize, vb: VarBuilder) -> Result<Self> {
        let c = config.channels;
        let xavier = init::glorot_uniform(&[seeds * c, c]);
        Ok(Self {
            lin: Linear::new(c, c, true, vb.pp("lin"))?,
            seed: vb.get_with_hints((1, seeds, c), "seed", xavier)?,
            mab: Mab::new(config, vb.pp("mab"))?,
        })
    }

    /// The seeds from the elements of each set: `[B, k, C]`.
    pub(super) fn forward(&self, sets: &Sets, mode: Mode) -> Result<Tensor> {
        let x = ops::relu(&self.lin.forward(&sets.x)?)?;
        let (b, (_, k, c)) = (x.dim(0)?, self.seed.dims3()?);
        let seeds = self.seed.broadcast_as((b, k, c))?.contiguous()?;
        self.mab.forward(&seeds, &Sets { x, mask: sets.mask.clone() }, mode)
    }
}
