//! Activations: one pass forward, one pass backward.

use super::Real;
use super::map::map;
use crate::activation::Function;

/// f(x) of each element.
pub(crate) fn forward<T: Real>(function: Function, x: &[T]) -> Vec<T> {
    let zero = T::zero();
    match function {
        // Not `if x > 0`: NaN stays NaN.
        Function::Relu => map([x], |[x]| if x <= zero { zero } else { x }),
        Function::LeakyRelu { negative_slope } => {
            let slope = T::from_f64(negative_slope);
            map([x], |[x]| if x > zero { x } else { slope * x })
        }
        Function::Elu { alpha } => {
            let alpha = T::from_f64(alpha);
            map([x], |[x]| if x > zero { x } else { alpha * x.exp_m1() })
        }
    }
}

/// f′(x) · grad of each element. At 0 it is the slope on the left, as in PyTorch.
pub(crate) fn backward<T: Real>(function: Function, x: &[T], grad: &[T]) -> Vec<T> {
    let zero = T::zero();
    match function {
        Function::Relu => map([x, grad], |[x, g]| if x <= zero { zero } else { g }),
        Function::LeakyRelu { negative_slope } => {
            let slope = T::from_f64(negative_slope);
            map([x, grad], |[x, g]| if x > zero { g } else { slope * g })
        }
        Function::Elu { alpha } => {
            let alpha = T::from_f64(alpha);
            map([x, grad], |[x, g]| if x > zero { g } else { g * (alpha * x.exp()) })
        }
    }
}
