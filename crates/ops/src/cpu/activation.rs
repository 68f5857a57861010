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
        Function::Sigmoid => map([x], |[x]| sigmoid(x)),
    }
}

/// f′(x) · grad of each element; where f has a corner at 0 the slope on the left, as in PyTorch.
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
        Function::Sigmoid => map([x, grad], |[x, g]| g * (sigmoid(x) * sigmoid(-x))),
    }
}

#[inline(always)]
fn sigmoid<T: Real>(x: T) -> T {
    // NaN stays NaN.
    let small = if x > T::zero() { -x } else { x };
    let e = small.exp();
    let s = T::one() / (T::one() + e);
    if x > T::zero() { s } else { e * s }
}
