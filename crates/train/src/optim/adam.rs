use std::cell::RefCell;

use candle_core::{CpuStorage, InplaceOp1, InplaceOp2, Layout, Tensor, Var};
use serde::{Deserialize, Serialize};

use super::{Slot, on_host, span, unsupported};
use crate::Result;

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

/// m ← β₁m + (1−β₁)g, v ← β₂v + (1−β₂)g², θ ← shrink·θ − step_size · m / (√v / root_correction + ε).
pub(super) fn step(slot: &mut Slot, grad: &Tensor, s: &Step) -> Result<()> {
    if on_host(&slot.var) {
        let grad = grad.contiguous()?;
        slot.state.inplace_op1(&Moments { step: s, var: &slot.var, grad: &grad })?;
        return Ok(());
    }
    stock(slot, grad, s)
}

/// The same from stock operations, for any device.
pub(super) fn stock(slot: &mut Slot, grad: &Tensor, s: &Step) -> Result<()> {
    let theta = slot.var.as_detached_tensor();
    let grad = if s.l2 == 0.0 { grad.clone() } else { (grad + (&theta * s.l2)?)? };
    let m = ((slot.state.get(0)? * s.beta1)? + (&grad * (1.0 - s.beta1))?)?;
    let v = ((slot.state.get(1)? * s.beta2)? + (grad.sqr()? * (1.0 - s.beta2))?)?;
    let denominator = ((v.sqrt()? / s.root_correction)? + s.eps)?;
    slot.var.set(&((theta * s.shrink)? - ((&m / denominator)? * s.step_size)?)?)?;
    slot.state = Tensor::stack(&[m, v], 0)?;
    Ok(())
}

/// Opens the moments for writing, then [`Update`]s the parameter with them: a Candle operation writes to one tensor
/// only, so the second tensor to write to is reached through a nested one.
struct Moments<'a> {
    step: &'a Step,
    var: &'a Var,
    grad: &'a Tensor,
}

struct Update<'a> {
    step: &'a Step,
    moments: RefCell<(&'a mut CpuStorage, std::ops::Range<usize>)>,
}

impl InplaceOp1 for Moments<'_> {
    fn name(&self) -> &'static str {
        "adam-moments"
    }

    fn cpu_fwd(&self, storage: &mut CpuStorage, layout: &Layout) -> candle_core::Result<()> {
        let update = Update { step: self.step, moments: RefCell::new((storage, span(layout))) };
        self.var.inplace_op2(self.grad, &update)
    }
}

impl InplaceOp2 for Update<'_> {
    fn name(&self) -> &'static str {
        "adam"
    }

    fn cpu_fwd(
        &self,
        theta: &mut CpuStorage,
        theta_layout: &Layout,
        grad: &CpuStorage,
        grad_layout: &Layout,
    ) -> candle_core::Result<()> {
        let mut moments = self.moments.borrow_mut();
        let (state, range) = &mut *moments;
        let (t, g, s) = (span(theta_layout), span(grad_layout), self.step);
        match (theta, grad, &mut **state) {
            (CpuStorage::F32(theta), CpuStorage::F32(grad), CpuStorage::F32(state)) => {
                let (m, v) = state[range.clone()].split_at_mut(range.len() / 2);
                let [b1, b2, eps] = [s.beta1 as f32, s.beta2 as f32, s.eps as f32];
                let [c1, c2] = [(1.0 - s.beta1) as f32, (1.0 - s.beta2) as f32];
                let [l2, shrink, size] = [s.l2 as f32, s.shrink as f32, s.step_size as f32];
                let root = s.root_correction as f32;
                for (((x, &g), m), v) in theta[t].iter_mut().zip(&grad[g]).zip(m).zip(v) {
                    let g = g + l2 * *x;
                    *m = b1 * *m + c1 * g;
                    *v = b2 * *v + c2 * g * g;
                    *x = shrink * *x - size * *m / (v.sqrt() / root + eps);
                }
            }
            (CpuStorage::F64(theta), CpuStorage::F64(grad), CpuStorage::F64(state)) => {
                let (m, v) = state[range.clone()].split_at_mut(range.len() / 2);
                for (((x, &g), m), v) in theta[t].iter_mut().zip(&grad[g]).zip(m).zip(v) {
                    let g = g + s.l2 * *x;
                    *m = s.beta1 * *m + (1.0 - s.beta1) * g;
                    *v = s.beta2 * *v + (1.0 - s.beta2) * g * g;
                    *x = s.shrink * *x - s.step_size * *m / (v.sqrt() / s.root_correction + s.eps);
                }
            }
            (theta, _, _) => return Err(unsupported(theta)),
        }
        Ok(())
    }
}
