//! Gradient clipping, as `torch.nn.utils.clip_grad_norm_` and `clip_grad_value_`.

use candle_core::backprop::GradStore;
use candle_core::{CpuStorage, DType, Device, Layout, Storage, Tensor, Var};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::host::GRAIN;
use crate::real::Real;
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
                if factor < 1.0 { Limit::Factor(factor).apply(grads, parameters) } else { Ok(()) }
            }
            Self::Value(limit) => Limit::Value(limit).apply(grads, parameters),
        }
    }
}

/// How many pieces of [`GRAIN`] numbers a task has at least: fewer are done sooner than another thread wakes up.
const AT_LEAST: usize = 8;

/// What becomes of every element.
#[derive(Debug, Clone, Copy)]
enum Limit {
    Factor(f64),
    Value(f64),
}

impl Limit {
    fn apply(self, grads: &mut GradStore, parameters: &[(String, Var)]) -> Result<()> {
        for (_, var) in parameters {
            if let Some(grad) = grads.remove(var) {
                grads.insert(var, self.of(&grad)?);
            }
        }
        Ok(())
    }

    fn of(self, grad: &Tensor) -> Result<Tensor> {
        if !grad.is_contiguous() {
            return self.of(&grad.contiguous()?);
        }
        let (storage, layout) = grad.storage_and_layout();
        Ok(match (&*storage, self) {
            (Storage::Cpu(CpuStorage::F32(g)), _) => self.on_host(part(g, layout), grad)?,
            (Storage::Cpu(CpuStorage::F64(g)), _) => self.on_host(part(g, layout), grad)?,
            (_, Self::Factor(factor)) => (grad * factor)?,
            (_, Self::Value(limit)) => grad.clamp(-limit, limit)?,
        })
    }

    fn on_host<T: Real>(self, numbers: &[T], like: &Tensor) -> candle_core::Result<Tensor> {
        let grad = numbers.par_iter().with_min_len(AT_LEAST * GRAIN);
        let limited: Vec<T> = match self {
            Self::Factor(factor) => {
                let factor = T::from_f64(factor);
                grad.map(|&g| g * factor).collect()
            }
            Self::Value(limit) => {
                let (least, most) = (T::from_f64(-limit), T::from_f64(limit));
                // NaN stays.
                let limited = |&g: &T| if g < least { least } else { g };
                grad.map(limited).map(|g| if g > most { most } else { g }).collect()
            }
        };
        Tensor::from_vec(limited, like.shape(), &Device::Cpu)
    }
}

/// The numbers of a contiguous tensor.
fn part<'a, T>(storage: &'a [T], layout: &Layout) -> &'a [T] {
    &storage[layout.start_offset()..][..layout.shape().elem_count()]
}

/// The Euclidean norm of the gradients of `parameters` together, summed in f64 in their order.
///
/// # Errors
/// If an operation fails.
pub fn grad_norm(grads: &GradStore, parameters: &[(String, Var)]) -> Result<f64> {
    let mut sum = 0.0;
    let mut elsewhere = vec![];
    for grad in parameters.iter().filter_map(|(_, var)| grads.get(var)) {
        let grad = grad.contiguous()?;
        let (storage, layout) = grad.storage_and_layout();
        sum += match &*storage {
            Storage::Cpu(CpuStorage::F32(g)) => sum_of_squares(part(g, layout)),
            Storage::Cpu(CpuStorage::F64(g)) => sum_of_squares(part(g, layout)),
            _ => {
                elsewhere.push(grad.flatten_all()?.to_dtype(DType::F64)?.sqr()?.sum_all()?);
                0.0
            }
        };
    }
    // One copy from the device for all of them.
    if !elsewhere.is_empty() {
        sum += Tensor::stack(&elsewhere, 0)?.to_vec1::<f64>()?.iter().sum::<f64>();
    }
    Ok(sum.sqrt())
}

/// Of each piece in eight lanes, then of the pieces in their order.
fn sum_of_squares<T: Real>(grad: &[T]) -> f64 {
    let piece = |grad: &[T]| {
        let (eights, rest) = grad.as_chunks::<8>();
        let mut lanes = [0f64; 8];
        for eight in eights {
            lanes.iter_mut().zip(eight).for_each(|(sum, g)| *sum += g.to_f64() * g.to_f64());
        }
        rest.iter().map(|g| g.to_f64() * g.to_f64()).chain(lanes).sum::<f64>()
    };
    grad.par_chunks(GRAIN).with_min_len(AT_LEAST).map(piece).collect::<Vec<_>>().into_iter().sum()
}

#[cfg(test)]
mod tests {
    use super::*;

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

    /// Types that the kernels do not know, and devices, go another way.
    #[test]
    fn half_precision_counts_like_all_others() {
        let (mut p, mut grads) = setup();
        let half = Tensor::new(&[2f32, -3.0], &Device::Cpu).unwrap().to_dtype(DType::F16).unwrap();
        for _ in 0..2 {
            let var = Var::from_tensor(&half).unwrap();
            grads.insert(&var, half.clone());
            p.insert(1, ("half".into(), var));
        }
        assert_eq!(grad_norm(&grads, &p).unwrap(), (25f64 + 2.0 * 13.0).sqrt());
    }

    #[test]
    fn value_limits_each_element() {
        let (p, mut grads) = setup();
        Clip::Value(3.5).apply(&mut grads, &p).unwrap();
        assert_eq!(values(&grads, &p), [3.0, 0.0, 3.5]);
    }

    /// Against Candle's operations, on gradients of several pieces, in both types, one of them transposed.
    #[test]
    fn agrees_with_stock_operations_on_any_number_of_threads() {
        let numbers: Vec<f64> = (0..300_000).map(|i| f64::from(i * 37 % 1001) / 500.0 - 1.0).collect();
        let gradients: Vec<Tensor> = [(DType::F32, 100), (DType::F64, 3), (DType::F32, 1)]
            .into_iter()
            .map(|(dtype, width)| {
                let numbers = Tensor::new(&numbers[..], &Device::Cpu).unwrap().to_dtype(dtype).unwrap();
                let matrix = numbers.reshape((width, 300_000 / width)).unwrap();
                if width == 3 { matrix.t().unwrap() } else { matrix }
            })
            .collect();
        let flat =
            |t: &Tensor| t.flatten_all().unwrap().to_dtype(DType::F64).unwrap().to_vec1::<f64>().unwrap();
        let squares = gradients.iter().flat_map(flat).map(|g| g * g).sum::<f64>();
        for (clip, factor) in [(Clip::Norm(2.0), 2.0 / (squares.sqrt() + 1e-6)), (Clip::Value(0.3), 1.0)] {
            let on = |threads| {
                let parameters: Vec<(String, Var)> =
                    gradients.iter().map(|g| (String::new(), Var::from_tensor(g).unwrap())).collect();
                let mut grads = Tensor::zeros((), DType::F32, &Device::Cpu).unwrap().backward().unwrap();
                parameters.iter().zip(&gradients).for_each(|((_, var), g)| {
                    grads.insert(var, g.clone());
                });
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                pool.install(|| clip.apply(&mut grads, &parameters).unwrap());
                parameters.iter().map(|(_, var)| grads.get(var).unwrap().clone()).collect::<Vec<_>>()
            };
            let one = on(1);
            for (clipped, gradient) in one.iter().zip(&gradients) {
                assert_eq!((clipped.dims(), clipped.dtype()), (gradient.dims(), gradient.dtype()));
                for (c, g) in flat(clipped).into_iter().zip(flat(gradient)) {
                    let expected = if factor < 1.0 { g * factor } else { g.clamp(-0.3, 0.3) };
                    assert!((c - expected).abs() < 1e-7);
                }
            }
            let bits = |all: &[Tensor]| all.iter().flat_map(flat).map(f64::to_bits).collect::<Vec<_>>();
            assert!([2, 3, 8].into_iter().all(|threads| bits(&on(threads)) == bits(&one)));
        }
    }

    #[test]
    fn an_overflow_is_an_error() {
        let (p, mut grads) = setup();
        grads.insert(&p[1].1, Tensor::new(&[f64::INFINITY], &Device::Cpu).unwrap());
        assert!(Clip::Norm(1.0).apply(&mut grads, &p).unwrap_err().to_string().contains("inf"));
        assert!(Clip::Norm(0.0).validate().is_err());
    }
}
