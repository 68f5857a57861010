//! One pass over numbers that stand at the same positions.

use std::mem::MaybeUninit;

use super::Real;
use super::rows::fresh;
use super::simd::{Kernel, run};

/// `f` of the elements of all inputs, which are of one length, at each position.
pub(super) fn map<T: Real, const N: usize>(
    inputs: [&[T]; N],
    f: impl Fn([T; N]) -> T + Copy + Send + Sync,
) -> Vec<T> {
    let n = inputs.iter().map(|v| v.len()).min().unwrap_or(0);
    // SAFETY: the kernel writes every element of its part.
    unsafe { fresh(n, 1, |range, out| run(Map { out, inputs: inputs.map(|v| &v[range.clone()]), f })) }
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
