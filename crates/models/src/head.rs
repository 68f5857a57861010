use candle_core::Tensor;
use candle_geometric_nn::{Activation, Linear, Mode, dropout};
use candle_nn::VarBuilder;

use crate::{Error, Result};

/// The width that the authors of its models train with.
pub(crate) const fn width() -> usize {
    128
}

/// Their probability of dropout, and the share of nodes that a pooling leaves.
pub(crate) const fn half() -> f64 {
    0.5
}

/// The last layers of a classifier of graphs: y = W₃ d₂(ReLU(W₂ d₁(ReLU(W₁ x + b₁)) + b₂)) + b₃, from I to C to C / 2 to K
/// channels, with dropouts d. Parameters `lin1`, `lin2`, `lin3`.
#[derive(Debug, Clone)]
pub(crate) struct Head {
    lin1: Linear,
    lin2: Linear,
    lin3: Linear,
    dropout: [f64; 2],
}

impl Head {
    /// Layers with the parameters that `vb` gives, for channels that were checked.
    ///
    /// # Errors
    /// If C is 1, which has no half, or `vb` has no such parameters.
    pub(crate) fn new(
        model: &'static str,
        [i, c, k]: [usize; 3],
        dropout: [f64; 2],
        vb: &VarBuilder<'_>,
    ) -> Result<Self> {
        if c < 2 {
            let problem = format!("hidden_channels is {c}, expected at least 2: a layer has half as many");
            return Err(Error::config(model, problem));
        }
        Ok(Self {
            lin1: Linear::new(i, c, true, vb.pp("lin1"))?,
            lin2: Linear::new(c, c / 2, true, vb.pp("lin2"))?,
            lin3: Linear::new(c / 2, k, true, vb.pp("lin3"))?,
            dropout,
        })
    }

    pub(crate) fn forward(&self, x: &Tensor, mode: Mode<'_>) -> Result<Tensor> {
        let [first, second] = self.dropout;
        let h = dropout(&Activation::Relu.forward(&self.lin1.forward(x)?)?, first, mode)?;
        let h = dropout(&Activation::Relu.forward(&self.lin2.forward(&h)?)?, second, mode)?;
        Ok(self.lin3.forward(&h)?)
    }
}
