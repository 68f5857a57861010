use candle_core::Tensor;
use serde::{Deserialize, Serialize};

use super::Slot;
use crate::Result;
use crate::real::Real;

/// The settings of stochastic gradient descent, with PyTorch's names and defaults.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SgdConfig {
    /// The learning rate. Default 1e-3.
    pub lr: f64,
    /// μ, the momentum. Default 0: none.
    pub momentum: f64,
    /// τ, the dampening of the momentum. Default 0.
    pub dampening: f64,
    /// Nesterov's momentum. Default false.
    pub nesterov: bool,
    /// λ, the weight decay. Default 0.
    pub weight_decay: f64,
    /// Whether parameters whose name ends in `bias` decay too, as they do in PyTorch. Default true.
    pub decay_bias: bool,
    /// Parameters whose name begins with one of these do not decay: the GCN paper decays the first layer only.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub no_decay: Vec<String>,
}

impl Default for SgdConfig {
    fn default() -> Self {
        Self {
            lr: 1e-3,
            momentum: 0.0,
            dampening: 0.0,
            nesterov: false,
            weight_decay: 0.0,
            decay_bias: true,
            no_decay: Vec::new(),
        }
    }
}

/// The numbers of one step.
#[derive(Debug, Clone, Copy)]
pub(super) struct Step {
    lr: f64,
    l2: f64,
    momentum: f64,
    /// What the gradient is multiplied with on its way into the buffer: 1 in the first step, then 1 − τ.
    intake: f64,
    nesterov: bool,
}

impl SgdConfig {
    pub(super) fn at(&self, step: u64, lr: f64, weight_decay: f64) -> Step {
        Step {
            lr,
            l2: weight_decay,
            momentum: self.momentum,
            intake: if step <= 1 { 1.0 } else { 1.0 - self.dampening },
            nesterov: self.nesterov,
        }
    }
}

impl Step {
    /// g ← g + λθ, b ← μb + intake·g, θ ← θ − lr·(nesterov ? g + μb : b); without momentum θ ← θ − lr·g.
    pub(super) fn run<T: Real>(&self, theta: &mut [T], grad: &[T], [buffer, _]: [&mut [T]; 2]) {
        let [lr, l2, mu, intake] = [self.lr, self.l2, self.momentum, self.intake].map(T::from_f64);
        if self.momentum == 0.0 {
            theta.iter_mut().zip(grad).for_each(|(x, &g)| *x -= lr * (g + l2 * *x));
            return;
        }
        let nesterov = self.nesterov;
        for ((x, &g), b) in theta.iter_mut().zip(grad).zip(buffer) {
            let g = g + l2 * *x;
            *b = mu * *b + intake * g;
            *x -= lr * if nesterov { g + mu * *b } else { *b };
        }
    }

    /// The same from stock operations, for any device.
    pub(super) fn stock(&self, slot: &mut Slot, grad: &Tensor) -> Result<()> {
        let s = self;
        let theta = slot.var.as_detached_tensor();
        let grad = if s.l2 == 0.0 { grad.clone() } else { (grad + (&theta * s.l2)?)? };
        let direction = if s.momentum == 0.0 {
            grad
        } else {
            let buffer = ((slot.state.get(0)? * s.momentum)? + (&grad * s.intake)?)?;
            slot.state = buffer.unsqueeze(0)?;
            if s.nesterov { (grad + (buffer * s.momentum)?)? } else { buffer }
        };
        Ok(slot.var.set(&(theta - (direction * s.lr)?)?)?)
    }
}
