use candle_core::{CpuStorage, InplaceOp2, InplaceOp3, Layout, Tensor};
use serde::{Deserialize, Serialize};

use super::{Slot, on_host, span, unsupported};
use crate::Result;

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

/// g ← g + λθ, b ← μb + intake·g, θ ← θ − lr·(nesterov ? g + μb : b); without momentum θ ← θ − lr·g.
pub(super) fn step(slot: &mut Slot, grad: &Tensor, s: &Step) -> Result<()> {
    if on_host(&slot.var) {
        let grad = grad.contiguous()?;
        if s.momentum == 0.0 {
            return Ok(slot.var.inplace_op2(&grad, &Plain(s))?);
        }
        slot.state.inplace_op3(&grad, &slot.var, &Buffer(s))?;
        return Ok(slot.var.inplace_op3(&grad, &slot.state, &Momentum(s))?);
    }
    stock(slot, grad, s)
}

/// The same from stock operations, for any device.
pub(super) fn stock(slot: &mut Slot, grad: &Tensor, s: &Step) -> Result<()> {
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

/// The update of the parameter where there is no momentum.
struct Plain<'a>(&'a Step);
/// The update of the momentum buffer from gradient and parameter.
struct Buffer<'a>(&'a Step);
/// The update of the parameter from gradient and momentum buffer.
struct Momentum<'a>(&'a Step);

impl InplaceOp2 for Plain<'_> {
    fn name(&self) -> &'static str {
        "sgd"
    }

    fn cpu_fwd(
        &self,
        x: &mut CpuStorage,
        xl: &Layout,
        g: &CpuStorage,
        gl: &Layout,
    ) -> candle_core::Result<()> {
        macro_rules! run {
            ($x:ident, $g:ident, $t:ty) => {{
                let (lr, l2) = (self.0.lr as $t, self.0.l2 as $t);
                $x[span(xl)].iter_mut().zip(&$g[span(gl)]).for_each(|(x, &g)| *x -= lr * (g + l2 * *x));
            }};
        }
        match (x, g) {
            (CpuStorage::F32(x), CpuStorage::F32(g)) => run!(x, g, f32),
            (CpuStorage::F64(x), CpuStorage::F64(g)) => run!(x, g, f64),
            (x, _) => return Err(unsupported(x)),
        }
        Ok(())
    }
}

impl InplaceOp3 for Buffer<'_> {
    fn name(&self) -> &'static str {
        "sgd-buffer"
    }

    fn cpu_fwd(
        &self,
        b: &mut CpuStorage,
        bl: &Layout,
        g: &CpuStorage,
        gl: &Layout,
        x: &CpuStorage,
        xl: &Layout,
    ) -> candle_core::Result<()> {
        macro_rules! run {
            ($b:ident, $g:ident, $x:ident, $t:ty) => {{
                let (l2, mu, intake) = (self.0.l2 as $t, self.0.momentum as $t, self.0.intake as $t);
                for ((b, &g), &x) in $b[span(bl)].iter_mut().zip(&$g[span(gl)]).zip(&$x[span(xl)]) {
                    *b = mu * *b + intake * (g + l2 * x);
                }
            }};
        }
        match (b, g, x) {
            (CpuStorage::F32(b), CpuStorage::F32(g), CpuStorage::F32(x)) => run!(b, g, x, f32),
            (CpuStorage::F64(b), CpuStorage::F64(g), CpuStorage::F64(x)) => run!(b, g, x, f64),
            (b, _, _) => return Err(unsupported(b)),
        }
        Ok(())
    }
}

impl InplaceOp3 for Momentum<'_> {
    fn name(&self) -> &'static str {
        "sgd-momentum"
    }

    fn cpu_fwd(
        &self,
        x: &mut CpuStorage,
        xl: &Layout,
        g: &CpuStorage,
        gl: &Layout,
        b: &CpuStorage,
        bl: &Layout,
    ) -> candle_core::Result<()> {
        let nesterov = self.0.nesterov;
        macro_rules! run {
            ($x:ident, $g:ident, $b:ident, $t:ty) => {{
                let (lr, l2, mu) = (self.0.lr as $t, self.0.l2 as $t, self.0.momentum as $t);
                for ((x, &g), &b) in $x[span(xl)].iter_mut().zip(&$g[span(gl)]).zip(&$b[span(bl)]) {
                    *x -= lr * if nesterov { g + l2 * *x + mu * b } else { b };
                }
            }};
        }
        match (x, g, b) {
            (CpuStorage::F32(x), CpuStorage::F32(g), CpuStorage::F32(b)) => run!(x, g, b, f32),
            (CpuStorage::F64(x), CpuStorage::F64(g), CpuStorage::F64(b)) => run!(x, g, b, f64),
            (x, _, _) => return Err(unsupported(x)),
        }
        Ok(())
    }
}
