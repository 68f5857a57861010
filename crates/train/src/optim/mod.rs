//! Optimisers with the update rules, names and defaults of PyTorch's.
//!
//! Candle has AdamW but neither Adam with coupled L2, which the GAT and GCN papers use, nor momentum. On the CPU a
//! step is one pass over each parameter without temporaries; elsewhere it is composed of stock operations.

mod adam;
mod sgd;

use candle_core::backprop::GradStore;
use candle_core::{CpuStorage, DType, Device, Layout, Tensor, Var};
use serde::{Deserialize, Serialize};

pub use adam::AdamConfig;
pub use sgd::SgdConfig;

use crate::{Error, Result};

/// Which optimiser, with its settings: the section `[optimizer]` of a training configuration.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "lowercase")]
pub enum OptimizerConfig {
    /// Adam (Kingma and Ba 2015) with L2 coupled into the gradient: `torch.optim.Adam`.
    Adam(AdamConfig),
    /// Adam with decoupled weight decay (Loshchilov and Hutter 2019): `torch.optim.AdamW`.
    AdamW(AdamConfig),
    /// Stochastic gradient descent with momentum: `torch.optim.SGD`.
    Sgd(SgdConfig),
}

impl OptimizerConfig {
    /// The learning rate before any schedule.
    pub fn learning_rate(&self) -> f64 {
        match self {
            Self::Adam(c) | Self::AdamW(c) => c.lr,
            Self::Sgd(c) => c.lr,
        }
    }

    /// The L2 coefficient of the parameter `name`: 0 for one that does not decay.
    pub fn weight_decay(&self, name: &str) -> f64 {
        let (weight_decay, decay_bias, no_decay) = self.decay();
        let exempt = !decay_bias && name.rsplit('.').next() == Some("bias")
            || no_decay.iter().any(|prefix| name.starts_with(prefix));
        if exempt { 0.0 } else { weight_decay }
    }

    fn decay(&self) -> (f64, bool, &[String]) {
        match self {
            Self::Adam(c) | Self::AdamW(c) => (c.weight_decay, c.decay_bias, &c.no_decay),
            Self::Sgd(c) => (c.weight_decay, c.decay_bias, &c.no_decay),
        }
    }

    /// Checks the ranges of all settings, as PyTorch does.
    ///
    /// # Errors
    /// At the first setting outside its range.
    pub fn validate(&self) -> Result<()> {
        check("lr", self.learning_rate(), "a finite number of at least 0", |x| x >= 0.0)?;
        check("weight_decay", self.decay().0, "a finite number of at least 0", |x| x >= 0.0)?;
        match self {
            Self::Adam(c) | Self::AdamW(c) => {
                check("eps", c.eps, "a finite number of at least 0", |x| x >= 0.0)?;
                for beta in c.betas {
                    check("betas", beta, "numbers from 0 to below 1", |x| (0.0..1.0).contains(&x))?;
                }
            }
            Self::Sgd(c) => {
                check("momentum", c.momentum, "a finite number of at least 0", |x| x >= 0.0)?;
                check("dampening", c.dampening, "a finite number", |_| true)?;
                if c.nesterov && (c.momentum == 0.0 || c.dampening != 0.0) {
                    return Err(Error::invalid(
                        "nesterov",
                        "a momentum above 0 and no dampening",
                        format!("momentum {} and dampening {}", c.momentum, c.dampening),
                    ));
                }
            }
        }
        Ok(())
    }
}

fn check(name: &'static str, value: f64, expected: &str, ok: impl Fn(f64) -> bool) -> Result<()> {
    if value.is_finite() && ok(value) { Ok(()) } else { Err(Error::invalid(name, expected, value)) }
}

/// A parameter with what the optimiser remembers of it.
struct Slot {
    name: String,
    var: Var,
    weight_decay: f64,
    /// The optimiser's buffers, stacked: `[slots, …shape of the parameter]`.
    state: Tensor,
}

/// An optimiser over a list of named parameters.
pub struct Optimizer {
    config: OptimizerConfig,
    learning_rate: f64,
    steps: u64,
    slots: Vec<Slot>,
}

impl Optimizer {
    /// An optimiser that has made no step, over `parameters` in their order.
    ///
    /// # Errors
    /// If a setting is outside its range, or a prefix in `no_decay` fits no parameter.
    pub fn new(config: &OptimizerConfig, parameters: &[(String, Var)]) -> Result<Self> {
        config.validate()?;
        for prefix in config.decay().2 {
            if !parameters.iter().any(|(name, _)| name.starts_with(prefix)) {
                let names: Vec<_> = parameters.iter().map(|(n, _)| n.as_str()).collect();
                return Err(Error::invalid(
                    "no_decay",
                    format!("beginnings of parameter names ({})", names.join(", ")),
                    format!("{prefix:?}"),
                ));
            }
        }
        let slots = parameters
            .iter()
            .map(|(name, var)| {
                let mut shape = vec![config.buffers().len()];
                shape.extend(var.dims());
                Ok(Slot {
                    name: name.clone(),
                    var: var.clone(),
                    weight_decay: config.weight_decay(name),
                    state: Tensor::zeros(shape, var.dtype(), var.device())?,
                })
            })
            .collect::<Result<_>>()?;
        Ok(Self { config: config.clone(), learning_rate: config.learning_rate(), steps: 0, slots })
    }

    /// Updates every parameter that has a gradient in `grads`.
    ///
    /// # Errors
    /// If a gradient does not have the shape of its parameter, or an operation fails.
    pub fn step(&mut self, grads: &GradStore) -> Result<()> {
        self.steps += 1;
        for slot in &mut self.slots {
            let Some(grad) = grads.get(&slot.var) else { continue };
            if grad.dims() != slot.var.dims() {
                return Err(Error::invalid(
                    "grads",
                    format!("shape {:?} for {}", slot.var.dims(), slot.name),
                    format!("{:?}", grad.dims()),
                ));
            }
            let (lr, decay) = (self.learning_rate, slot.weight_decay);
            match &self.config {
                OptimizerConfig::Adam(c) => adam::step(slot, grad, &c.at(self.steps, lr, decay, false))?,
                OptimizerConfig::AdamW(c) => adam::step(slot, grad, &c.at(self.steps, lr, decay, true))?,
                OptimizerConfig::Sgd(c) => sgd::step(slot, grad, &c.at(self.steps, lr, decay))?,
            }
        }
        Ok(())
    }

    /// The learning rate of the next step.
    pub fn learning_rate(&self) -> f64 {
        self.learning_rate
    }

    /// Sets the learning rate of the next step.
    pub fn set_learning_rate(&mut self, learning_rate: f64) {
        self.learning_rate = learning_rate;
    }

    /// How many steps have been made.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// Everything remembered, as copies named `<parameter>.<buffer>`, with PyTorch's names of the buffers
    /// (`exp_avg`, `exp_avg_sq`, `momentum_buffer`). With [`steps`](Self::steps) this is the whole state.
    ///
    /// # Errors
    /// If an operation fails.
    pub fn state(&self) -> Result<Vec<(String, Tensor)>> {
        let mut out = Vec::new();
        for slot in &self.slots {
            for (i, buffer) in self.config.buffers().iter().enumerate() {
                out.push((format!("{}.{buffer}", slot.name), slot.state.get(i)?.copy()?));
            }
        }
        Ok(out)
    }

    /// Takes up a state that [`state`](Self::state) gave after `steps` steps. Nothing changes where this fails.
    ///
    /// # Errors
    /// If `get` has no tensor of a name, or one of another shape.
    pub fn load_state(&mut self, steps: u64, get: impl Fn(&str) -> Option<Tensor>) -> Result<()> {
        let mut states = Vec::with_capacity(self.slots.len());
        for slot in &self.slots {
            let mut buffers = Vec::new();
            for buffer in self.config.buffers() {
                let name = format!("{}.{buffer}", slot.name);
                let found = get(&name)
                    .ok_or_else(|| Error::invalid("optimiser state", format!("a tensor {name}"), "none"))?;
                if found.dims() != slot.var.dims() {
                    return Err(Error::invalid(
                        "optimiser state",
                        format!("shape {:?} for {name}", slot.var.dims()),
                        format!("{:?}", found.dims()),
                    ));
                }
                buffers.push(found.to_dtype(slot.var.dtype())?.to_device(slot.var.device())?);
            }
            let empty = buffers.is_empty();
            states.push(if empty { slot.state.clone() } else { Tensor::stack(&buffers, 0)? });
        }
        for (slot, state) in self.slots.iter_mut().zip(states) {
            slot.state = state;
        }
        self.steps = steps;
        Ok(())
    }
}

impl OptimizerConfig {
    /// The names of the buffers of each parameter, as PyTorch has them.
    fn buffers(&self) -> &'static [&'static str] {
        match self {
            Self::Adam(_) | Self::AdamW(_) => &["exp_avg", "exp_avg_sq"],
            Self::Sgd(c) if c.momentum > 0.0 => &["momentum_buffer"],
            Self::Sgd(_) => &[],
        }
    }
}

/// Whether the one-pass form exists for this parameter.
fn on_host(var: &Var) -> bool {
    matches!(var.device(), Device::Cpu)
        && matches!(var.dtype(), DType::F32 | DType::F64)
        && var.is_contiguous()
}

/// The part of a storage that a contiguous layout covers.
fn span(layout: &Layout) -> std::ops::Range<usize> {
    layout.start_offset()..layout.start_offset() + layout.shape().elem_count()
}

fn unsupported(storage: &CpuStorage) -> candle_core::Error {
    candle_core::Error::Msg(format!(
        "optimiser: expected parameter, gradient and state in one type, f32 or f64, got {:?}",
        candle_core::backend::BackendStorage::dtype(storage)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What other devices run gives the same as the one pass on the host.
    #[test]
    fn stock_operations_agree_with_the_pass_on_the_host() {
        let configs = [
            r#"{"name": "adam", "lr": 0.1, "weight_decay": 0.01}"#,
            r#"{"name": "adamw", "lr": 0.1, "weight_decay": 0.01}"#,
            r#"{"name": "sgd", "lr": 0.1, "weight_decay": 0.01}"#,
            r#"{"name": "sgd", "lr": 0.1, "momentum": 0.9, "dampening": 0.5, "weight_decay": 0.01}"#,
            r#"{"name": "sgd", "lr": 0.1, "momentum": 0.9, "nesterov": true, "weight_decay": 0.01}"#,
        ];
        for text in configs {
            let config: OptimizerConfig = serde_json::from_str(text).unwrap();
            let make = || {
                let var = Var::new(&[[1f64, -2.0], [0.5, 3.0]], &Device::Cpu).unwrap();
                (var.clone(), Optimizer::new(&config, &[("w".to_string(), var)]).unwrap())
            };
            let ((a, mut host), (b, mut other)) = (make(), make());
            for step in 1..5u64 {
                let grad = Tensor::new(&[[0.1f64, -0.3], [step as f64, 0.7]], &Device::Cpu).unwrap();
                for (optimizer, stock) in [(&mut host, false), (&mut other, true)] {
                    let slot = &mut optimizer.slots[0];
                    let d = slot.weight_decay;
                    match (&config, stock) {
                        (OptimizerConfig::Adam(c), false) => {
                            adam::step(slot, &grad, &c.at(step, 0.1, d, false))
                        }
                        (OptimizerConfig::Adam(c), true) => {
                            adam::stock(slot, &grad, &c.at(step, 0.1, d, false))
                        }
                        (OptimizerConfig::AdamW(c), false) => {
                            adam::step(slot, &grad, &c.at(step, 0.1, d, true))
                        }
                        (OptimizerConfig::AdamW(c), true) => {
                            adam::stock(slot, &grad, &c.at(step, 0.1, d, true))
                        }
                        (OptimizerConfig::Sgd(c), false) => sgd::step(slot, &grad, &c.at(step, 0.1, d)),
                        (OptimizerConfig::Sgd(c), true) => sgd::stock(slot, &grad, &c.at(step, 0.1, d)),
                    }
                    .unwrap();
                }
                let worst = (a.as_tensor() - b.as_tensor()).unwrap().abs().unwrap().max_all().unwrap();
                assert!(worst.to_scalar::<f64>().unwrap() < 1e-14, "{text}");
            }
        }
    }
}
