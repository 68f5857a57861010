//! Optimisers with the update rules, names and defaults of PyTorch's.
//!
//! Candle has AdamW but neither Adam with coupled L2, which the GAT and GCN papers use, nor momentum. On the CPU a
//! step is one pass over all parameters together, in place and on all threads; elsewhere it is composed of stock operations.

mod adam;
mod host;
mod sgd;

use std::collections::HashMap;

use candle_core::backprop::GradStore;
use candle_core::{DType, Tensor, Var};
use serde::{Deserialize, Serialize};

pub use adam::AdamConfig;
pub use sgd::SgdConfig;

use crate::real::Real;
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
    /// If a setting is outside its range, a prefix in `no_decay` fits no parameter, or a parameter comes twice.
    pub fn new(config: &OptimizerConfig, parameters: &[(String, Var)]) -> Result<Self> {
        config.validate()?;
        let mut names = HashMap::with_capacity(parameters.len());
        for (name, var) in parameters {
            if let Some(other) = names.insert(var.id(), name) {
                return Err(Error::invalid(
                    "parameters",
                    "each once",
                    format!("one as {other} and as {name}"),
                ));
            }
        }
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

    /// Updates every parameter that has a gradient in `grads`. No other thread may read the parameters meanwhile.
    ///
    /// # Errors
    /// If a gradient does not have the shape of its parameter, before anything changes; or an operation fails.
    pub fn step(&mut self, grads: &GradStore) -> Result<()> {
        for slot in &self.slots {
            let Some(grad) = grads.get(&slot.var).filter(|grad| grad.dims() != slot.var.dims()) else {
                continue;
            };
            return Err(Error::invalid(
                "grads",
                format!("shape {:?} for {}", slot.var.dims(), slot.name),
                format!("{:?}", grad.dims()),
            ));
        }
        self.steps += 1;
        let (config, t, lr) = (&self.config, self.steps, self.learning_rate);
        // Candle writes to no tensor without numbers.
        let gradient = |slot: &Slot| grads.get(&slot.var).filter(|grad| grad.elem_count() > 0);
        for slot in self.slots.iter_mut().filter(|slot| !host::takes(&slot.var)) {
            if let Some(grad) = gradient(slot) {
                config.update(t, lr, slot.weight_decay).stock(slot, grad)?;
            }
        }
        for dtype in [DType::F32, DType::F64] {
            let mut work = Vec::new();
            for slot in self.slots.iter().filter(|s| s.var.dtype() == dtype && host::takes(&s.var)) {
                if let Some(grad) = gradient(slot) {
                    let update = config.update(t, lr, slot.weight_decay);
                    work.push(host::Work { slot, grad: grad.contiguous()?, update });
                }
            }
            match dtype {
                DType::F32 => host::run::<f32>(&work)?,
                _ => host::run::<f64>(&work)?,
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

/// What a step does to a parameter.
#[derive(Debug, Clone, Copy)]
enum Update {
    Adam(adam::Step),
    Sgd(sgd::Step),
}

impl OptimizerConfig {
    fn update(&self, step: u64, lr: f64, weight_decay: f64) -> Update {
        match self {
            Self::Adam(c) => Update::Adam(c.at(step, lr, weight_decay, false)),
            Self::AdamW(c) => Update::Adam(c.at(step, lr, weight_decay, true)),
            Self::Sgd(c) => Update::Sgd(c.at(step, lr, weight_decay)),
        }
    }
}

impl Update {
    /// Updates numbers of a parameter and of its buffers, empty where there are none.
    fn run<T: Real>(&self, theta: &mut [T], grad: &[T], buffers: [&mut [T]; 2]) {
        match self {
            Self::Adam(step) => step.run(theta, grad, buffers),
            Self::Sgd(step) => step.run(theta, grad, buffers),
        }
    }

    fn stock(&self, slot: &mut Slot, grad: &Tensor) -> Result<()> {
        match self {
            Self::Adam(step) => step.stock(slot, grad),
            Self::Sgd(step) => step.stock(slot, grad),
        }
    }
}

#[cfg(test)]
mod tests;
