//! Activations: one pass forward, one pass backward.

use std::mem::MaybeUninit;

use super::Real;
use super::memory::Fresh;
use super::rows::{even, fill};
use super::simd::{Kernel, run};
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

/// `f` of the elements of all inputs, which are of one length, at each position.
fn map<T: Real, const N: usize>(inputs: [&[T]; N], f: impl Fn([T; N]) -> T + Copy + Send + Sync) -> Vec<T> {
    let n = inputs.iter().map(|v| v.len()).min().unwrap_or(0);
    let mut out = Fresh::new(n);
    fill(out.parts(), 1, &even(n, 1), |range, out| {
        run(Map { out, inputs: inputs.map(|v| &v[range.clone()]), f });
    });
    // SAFETY: the chunks cover all n elements, and each has written its own.
    unsafe { out.assume_init() }
}

struct Map<'a, T, F, const N: usize> {
    out: &'a mut [MaybeUninit<T>],
    inputs: [&'a [T]; N],
    f: F,
}

impl<T: Real, F: Fn([T; N]) -> T, const N: usize> Kernel for Map<'_, T, F, N> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self { out, inputs, f } = self;
        let inputs = inputs.map(|v| &v[..out.len()]);
        for (i, o) in out.iter_mut().enumerate() {
            o.write(f(inputs.map(|v| v[i])));
        }
    }
}
