//! Learning-rate schedules, with PyTorch's names and formulas.

use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// Which schedule: the section `[schedule]` of a training configuration. Epochs count from 0.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "lowercase", deny_unknown_fields)]
pub enum ScheduleConfig {
    /// The learning rate of the optimiser throughout.
    // Not a unit variant: serde lets those have unknown fields.
    Constant {},
    /// `StepLR`.
    Step(StepConfig),
    /// `CosineAnnealingLR`, after a linear warm-up (`LinearLR`) if wanted.
    Cosine(CosineConfig),
    /// `ReduceLROnPlateau` on the validation loss.
    Plateau(PlateauConfig),
}

impl Default for ScheduleConfig {
    fn default() -> Self {
        Self::Constant {}
    }
}

/// `lr = base · gamma^⌊epoch / step_size⌋`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StepConfig {
    /// Every how many epochs the learning rate falls.
    pub step_size: usize,
    /// What it is multiplied with. Default 0.1.
    #[serde(default = "tenth")]
    pub gamma: f64,
}

/// `lr = eta_min + (base − eta_min)(1 + cos(π·t / t_max)) / 2`, where t counts the epochs after the warm-up and
/// stays at `t_max` once it is there (PyTorch's rises again).
///
/// During the warm-up, `lr = base · (warmup_start + (1 − warmup_start)·epoch / warmup_epochs)`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CosineConfig {
    /// Half a period, in epochs.
    pub t_max: usize,
    /// The lowest learning rate. Default 0.
    #[serde(default)]
    pub eta_min: f64,
    /// The length of the warm-up in epochs. Default 0: none.
    #[serde(default)]
    pub warmup_epochs: usize,
    /// The share of the learning rate that the warm-up begins with. Default 1/3, as `LinearLR`.
    #[serde(default = "third")]
    pub warmup_start: f64,
}

/// The learning rate is multiplied with `factor` where the validation loss has not improved for more than `patience`
/// epochs. It has improved where it is below `best · (1 − threshold)`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PlateauConfig {
    /// What the learning rate is multiplied with. Default 0.1.
    pub factor: f64,
    /// How many epochs without improvement are tolerated. Default 10.
    pub patience: usize,
    /// The relative improvement that counts. Default 1e-4.
    pub threshold: f64,
    /// How many epochs after a reduction are not counted. Default 0.
    pub cooldown: usize,
    /// The lowest learning rate. Default 0.
    pub min_lr: f64,
}

impl Default for PlateauConfig {
    fn default() -> Self {
        Self { factor: 0.1, patience: 10, threshold: 1e-4, cooldown: 0, min_lr: 0.0 }
    }
}

fn tenth() -> f64 {
    0.1
}

fn third() -> f64 {
    1.0 / 3.0
}

impl ScheduleConfig {
    /// Checks the ranges of all settings.
    ///
    /// # Errors
    /// At the first setting outside its range.
    pub fn validate(&self) -> Result<()> {
        let at_least_one = |name, n: usize| match n {
            0 => Err(Error::invalid(name, "at least 1 epoch", n)),
            _ => Ok(()),
        };
        let within = |name, x: f64, range: std::ops::RangeInclusive<f64>| match range.contains(&x) {
            true => Ok(()),
            false => Err(Error::invalid(name, format!("{} to {}", range.start(), range.end()), x)),
        };
        match self {
            Self::Constant {} => Ok(()),
            Self::Step(c) => {
                at_least_one("step_size", c.step_size)?;
                within("gamma", c.gamma, 0.0..=1.0)
            }
            Self::Cosine(c) => {
                at_least_one("t_max", c.t_max)?;
                within("eta_min", c.eta_min, 0.0..=f64::MAX)?;
                within("warmup_start", c.warmup_start, 0.0..=1.0)
            }
            Self::Plateau(c) => {
                within("factor", c.factor, 0.0..=1.0)?;
                within("threshold", c.threshold, 0.0..=1.0)?;
                within("min_lr", c.min_lr, 0.0..=f64::MAX)
            }
        }
    }
}

/// What a schedule remembers from epoch to epoch; only `plateau` does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ScheduleState {
    /// The learning rate after the last reduction.
    lr: f64,
    best: Option<f64>,
    bad_epochs: usize,
    cooldown: usize,
}

/// A schedule at work.
#[derive(Debug, Clone)]
pub struct Schedule {
    config: ScheduleConfig,
    base: f64,
    state: ScheduleState,
}

impl Schedule {
    /// A schedule that begins at the learning rate `base`.
    ///
    /// # Errors
    /// If a setting is outside its range.
    pub fn new(config: &ScheduleConfig, base: f64) -> Result<Self> {
        config.validate()?;
        let state = ScheduleState { lr: base, best: None, bad_epochs: 0, cooldown: 0 };
        Ok(Self { config: config.clone(), base, state })
    }

    /// The learning rate of `epoch`.
    pub fn learning_rate(&self, epoch: usize) -> f64 {
        match &self.config {
            ScheduleConfig::Constant {} => self.base,
            ScheduleConfig::Step(c) => self.base * c.gamma.powf((epoch / c.step_size) as f64),
            ScheduleConfig::Cosine(c) if epoch < c.warmup_epochs => {
                let done = epoch as f64 / c.warmup_epochs as f64;
                self.base * (c.warmup_start + (1.0 - c.warmup_start) * done)
            }
            ScheduleConfig::Cosine(c) => {
                let t = (epoch - c.warmup_epochs).min(c.t_max) as f64 / c.t_max as f64;
                c.eta_min + (self.base - c.eta_min) * (1.0 + (std::f64::consts::PI * t).cos()) / 2.0
            }
            ScheduleConfig::Plateau(_) => self.state.lr,
        }
    }

    /// Tells the schedule the validation loss at the end of an epoch.
    pub fn observe(&mut self, val_loss: f64) {
        let ScheduleConfig::Plateau(c) = &self.config else { return };
        let s = &mut self.state;
        if s.best.is_none_or(|best| val_loss < best * (1.0 - c.threshold)) {
            s.best = Some(val_loss);
            s.bad_epochs = 0;
        } else {
            s.bad_epochs += 1;
        }
        if s.cooldown > 0 {
            s.cooldown -= 1;
            s.bad_epochs = 0;
        }
        if s.bad_epochs > c.patience {
            let reduced = (s.lr * c.factor).max(c.min_lr);
            // PyTorch ignores reductions below its `eps`.
            if s.lr - reduced > 1e-8 {
                s.lr = reduced;
            }
            s.cooldown = c.cooldown;
            s.bad_epochs = 0;
        }
    }

    /// The state, for a checkpoint.
    pub fn state(&self) -> &ScheduleState {
        &self.state
    }

    /// Takes up the state of a checkpoint.
    pub fn load_state(&mut self, state: ScheduleState) {
        self.state = state;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(config: ScheduleConfig, base: f64, epochs: usize) -> Vec<f64> {
        let s = Schedule::new(&config, base).unwrap();
        (0..epochs).map(|e| s.learning_rate(e)).collect()
    }

    #[track_caller]
    fn close(a: &[f64], b: &[f64]) {
        assert_eq!(a.len(), b.len());
        assert!(a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-15), "{a:?} {b:?}");
    }

    #[test]
    fn constant_and_step() {
        close(&series(ScheduleConfig::default(), 0.3, 3), &[0.3, 0.3, 0.3]);
        let step = ScheduleConfig::Step(StepConfig { step_size: 2, gamma: 0.5 });
        close(&series(step, 0.8, 5), &[0.8, 0.8, 0.4, 0.4, 0.2]);
    }

    /// `LinearLR(start_factor=0.5, total_iters=2)` and then `CosineAnnealingLR(T_max=4, eta_min=0.1)`.
    #[test]
    fn cosine_with_warmup() {
        let config = CosineConfig { t_max: 4, eta_min: 0.1, warmup_epochs: 2, warmup_start: 0.5 };
        let root = std::f64::consts::FRAC_1_SQRT_2;
        let half = |c: f64| 0.1 + 0.9 * (1.0 + c) / 2.0;
        let expected = [0.5, 0.75, 1.0, half(root), 0.55, half(-root), 0.1, 0.1];
        close(&series(ScheduleConfig::Cosine(config), 1.0, 8), &expected);
    }

    /// `ReduceLROnPlateau(factor=0.5, patience=1, threshold=0.1, cooldown=1, min_lr=0.2)`, worked out by hand.
    #[test]
    fn plateau() {
        let config = PlateauConfig { factor: 0.5, patience: 1, threshold: 0.1, cooldown: 1, min_lr: 0.2 };
        let mut s = Schedule::new(&ScheduleConfig::Plateau(config), 1.0).unwrap();
        let mut seen = Vec::new();
        // 0.95 is no improvement on 1.0 by a tenth, 0.8 is.
        for loss in [1.0, 0.95, 0.95, 0.95, 0.95, 0.95, 0.8, 0.8, 0.8, 0.8, 0.8, 0.8] {
            s.observe(loss);
            seen.push(s.learning_rate(0));
        }
        close(&seen, &[1.0, 1.0, 0.5, 0.5, 0.5, 0.25, 0.25, 0.25, 0.2, 0.2, 0.2, 0.2]);
    }

    #[test]
    fn settings_out_of_range() {
        for bad in [
            ScheduleConfig::Step(StepConfig { step_size: 0, gamma: 0.1 }),
            ScheduleConfig::Cosine(CosineConfig {
                t_max: 0,
                eta_min: 0.,
                warmup_epochs: 0,
                warmup_start: 1.,
            }),
            ScheduleConfig::Plateau(PlateauConfig { factor: f64::NAN, ..Default::default() }),
        ] {
            assert!(Schedule::new(&bad, 1.0).is_err());
        }
    }
}
