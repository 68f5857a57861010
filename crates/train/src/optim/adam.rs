use candle_core::Tensor;
use serde::{Deserialize, Serialize};

use super::Slot;
use crate::Result;
use crate::real::Real;

/// The settings of Adam and AdamW, with PyTorch's names and defaults.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AdamConfig {
    /// The learning rate. Default 1e-3.
    pub lr: f64,
    /// β₁ and β₂, the decay rates of the two moments. Default `[0.9, 0.999]`.
    pub betas: [f64; 2],
    /// ε, added to the denominator. Default 1e-8.
    pub eps: f64,
    /// λ, the weight decay. Default 0; mind that `torch.optim.AdamW` has 0.01.
    pub weight_decay: f64,
    /// Whether parameters whose name ends in `bias` decay too, as they do in PyTorch. Default true.
    pub decay_bias: bool,
    /// Parameters whose name begins with one of these do not decay: the GCN paper decays the first layer only.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub no_decay: Vec<String>,
}

impl Default for AdamConfig {
    fn default() -> Self {
        Self {
            lr: 1e-3,
            betas: [0.9, 0.999],
            eps: 1e-8,
            weight_decay: 0.0,
            decay_bias: true,
            no_decay: Vec::new(),
        }
    }
}

/// The numbers of one step.
#[derive(Debug, Clone, Copy)]
pub(super) struct Step {
    beta1: f64,
    beta2: f64,
    eps: f64,
    /// λ of the L2 term in the gradient.
    l2: f64,
    /// What the parameter is multiplied with first: 1 − lr·λ where decay is decoupled.
    shrink: f64,
    /// lr / (1 − β₁ᵗ)
    step_size: f64,
    /// √(1 − β₂ᵗ)
    root_correction: f64,
}

impl AdamConfig {
    pub(super) fn at(&self, step: u64, lr: f64, weight_decay: f64, decoupled: bool) -> Step {
        let [beta1, beta2] = self.betas;
        let t = step as f64;
        Step {
            beta1,
            beta2,
            eps: self.eps,
            l2: if decoupled { 0.0 } else { weight_decay },
            shrink: if decoupled { 1.0 - lr * weight_decay } else { 1.0 },
            step_size: lr / (1.0 - beta1.powf(t)),
            root_correction: (1.0 - beta2.powf(t)).sqrt(),
        }
    }
}

impl Step {
    /// m ← β₁m + (1−β₁)g, v ← β₂v + (1−β₂)g², θ ← shrink·θ − step_size · m / (√v / root_correction + ε).
    pub(super) fn run<T: Real>(&self, theta: &mut [T], grad: &[T], [m, v]: [&mut [T]; 2]) {
        let [b1, b2, eps] = [self.beta1, self.beta2, self.eps].map(T::from_f64);
        let [c1, c2] = [1.0 - self.beta1, 1.0 - self.beta2].map(T::from_f64);
        let [l2, shrink, size] = [self.l2, self.shrink, self.step_size].map(T::from_f64);
        let root = T::from_f64(self.root_correction);
        for (((x, &g), m), v) in theta.iter_mut().zip(grad).zip(m).zip(v) {
            let g = g + l2 * *x;
            *m = b1 * *m + c1 * g;
            *v = b2 * *v + c2 * g * g;
            *x = shrink * *x - size * *m / (v.sqrt() / root + eps);
        }
    }

    /// The same from stock operations, for any device.
    pub(super) fn stock(&self, slot: &mut Slot, grad: &Tensor) -> Result<()> {
        let s = self;
        let theta = slot.var.as_detached_tensor();
        let grad = if s.l2 == 0.0 { grad.clone() } else { (grad + (&theta * s.l2)?)? };
        let m = ((slot.state.get(0)? * s.beta1)? + (&grad * (1.0 - s.beta1))?)?;
        let v = ((slot.state.get(1)? * s.beta2)? + (grad.sqr()? * (1.0 - s.beta2))?)?;
        let denominator = ((v.sqrt()? / s.root_correction)? + s.eps)?;
        slot.var.set(&((theta * s.shrink)? - ((&m / denominator)? * s.step_size)?)?)?;
        slot.state = Tensor::stack(&[m, v], 0)?;
        Ok(())
    }
}
