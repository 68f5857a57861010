//! Gradient clipping, as `torch.nn.utils.clip_grad_norm_` and `clip_grad_value_`.

use candle_core::backprop::GradStore;
use candle_core::{DType, Var};
use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// How gradients are limited before a step: `clip = { norm = 1.0 }` or `clip = { value = 0.5 }`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Clip {
    /// The Euclidean norm of all gradients together is at most this.
    Norm(f64),
    /// Every element is at most this, and at least minus this.
    Value(f64),
}

impl Clip {
    /// Checks that the limit is a number above 0.
    ///
    /// # Errors
    /// If it is not.
    pub fn validate(&self) -> Result<()> {
        let (Self::Norm(limit) | Self::Value(limit)) = *self;
        if limit.is_finite() && limit > 0.0 {
            Ok(())
        } else {
            Err(Error::invalid("clip", "a finite number above 0", limit))
        }
    }

    /// Limits the gradients of `parameters` in `grads`.
    ///
    /// # Errors
    /// If the norm is not finite: a gradient has overflowed, and scaling would make it look harmless.
    pub fn apply(&self, grads: &mut GradStore, parameters: &[(String, Var)]) -> Result<()> {
        match *self {
            Self::Norm(max) => {
                let norm = grad_norm(grads, parameters)?;
                if !norm.is_finite() {
                    return Err(Error::NotFinite {
                        what: "gradient norm",
                        value: norm,
                        place: String::new(),
                    });
                }
                let factor = max / (norm + 1e-6);
                if factor < 1.0 {
                    for (_, var) in parameters {
                        if let Some(grad) = grads.remove(var) {
                            grads.insert(var, (grad * factor)?);
                        }
                    }
                }
            }
            Self::Value(limit) => {
                for (_, var) in parameters {
                    if let Some(grad) = grads.remove(var) {
                        grads.insert(var, grad.clamp(-limit, limit)?);
                    }
                }
            }
        }
        Ok(())
    }
}

/// The Euclidean norm of the gradients of `parameters` together, summed in f64 in their order.
///
/// # Errors
/// If an operation fails.
pub fn grad_norm(grads: &GradStore, parameters: &[(String, Var)]) -> Result<f64> {
    let mut sum = 0.0;
    for (_, var) in parameters {
        if let Some(grad) = grads.get(var) {
            let squares = grad.flatten_all()?.to_dtype(DType::F64)?.sqr()?;
            sum += squares.sum_all()?.to_scalar::<f64>()?;
        }
    }
    Ok(sum.sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::{Device, Tensor};

    /// Gradients (3, 0) and (4): a global norm of 5.
    fn setup() -> (Vec<(String, Var)>, GradStore) {
        let a = Var::new(&[1f64, 1.0], &Device::Cpu).unwrap();
        let b = Var::new(&[1f64], &Device::Cpu).unwrap();
        let w = Tensor::new(&[3f64, 0.0], &Device::Cpu).unwrap();
        let loss = ((a.as_tensor() * w).unwrap().sum_all().unwrap()
            + (b.as_tensor() * 4.0).unwrap().sum_all().unwrap())
        .unwrap();
        let grads = loss.backward().unwrap();
        (vec![("a".into(), a), ("b".into(), b)], grads)
    }

    fn values(grads: &GradStore, p: &[(String, Var)]) -> Vec<f64> {
        p.iter().flat_map(|(_, v)| grads.get(v).unwrap().to_vec1::<f64>().unwrap()).collect()
    }

    #[test]
    fn norm_scales_all_gradients_alike() {
        let (p, mut grads) = setup();
        assert_eq!(grad_norm(&grads, &p).unwrap(), 5.0);
        Clip::Norm(10.0).apply(&mut grads, &p).unwrap();
        assert_eq!(values(&grads, &p), [3.0, 0.0, 4.0]);
        Clip::Norm(1.0).apply(&mut grads, &p).unwrap();
        let factor = 1.0 / (5.0 + 1e-6);
        assert_eq!(values(&grads, &p), [3.0 * factor, 0.0, 4.0 * factor]);
    }

    #[test]
    fn value_limits_each_element() {
        let (p, mut grads) = setup();
        Clip::Value(3.5).apply(&mut grads, &p).unwrap();
        assert_eq!(values(&grads, &p), [3.0, 0.0, 3.5]);
    }

    #[test]
    fn an_overflow_is_an_error() {
        let (p, mut grads) = setup();
        grads.insert(&p[1].1, Tensor::new(&[f64::INFINITY], &Device::Cpu).unwrap());
        assert!(Clip::Norm(1.0).apply(&mut grads, &p).unwrap_err().to_string().contains("inf"));
        assert!(Clip::Norm(0.0).validate().is_err());
    }
}
