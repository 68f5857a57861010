//! The mean over heads.

use rayon::prelude::*;

use super::Real;
use super::memory::Fresh;
use super::rows::{even, fill, row};
use super::segment::add;

/// `out[i, c] = Σ_h x[i, h, c] / H + bias[c]`.
pub(crate) fn mean<T: Real>(x: &[T], heads: usize, channels: usize, bias: Option<&[T]>) -> Vec<T> {
    let (width, share) = (heads * channels, T::one() / T::from_f64(heads as f64));
    let rows = x.len() / width;
    let mut out = vec![T::zero(); rows * channels];
    fill(&mut out, channels, &even(rows, width), |rows, part| {
        for (r, o) in rows.zip(part.chunks_exact_mut(channels)) {
            row(x, r, width).chunks_exact(channels).for_each(|x| add(o, x));
            o.iter_mut().for_each(|o| *o *= share);
            if let Some(bias) = bias {
                add(o, bias);
            }
        }
    });
    out
}

/// `out[i] = x[i] + bias`, for rows of the length of the bias.
pub(crate) fn with_bias<T: Real>(x: &[T], bias: &[T]) -> Vec<T> {
    const ROWS: usize = 256;
    let mut out = Fresh::new(x.len());
    let size = ROWS * bias.len();
    out.parts().par_chunks_mut(size).zip(x.par_chunks(size)).for_each(|(out, x)| {
        for (out, x) in out.chunks_mut(bias.len()).zip(x.chunks(bias.len())) {
            for ((o, &x), &b) in out.iter_mut().zip(x).zip(bias) {
                o.write(x + b);
            }
        }
    });
    // SAFETY: the chunks cover all of it, x is as long, and every number has been written.
    unsafe { out.assume_init() }
}

/// The gradient of [`mean`]: every head gets its share of that of the result.
pub(crate) fn spread<T: Real>(grad: &[T], heads: usize, channels: usize) -> Vec<T> {
    let (width, share) = (heads * channels, T::one() / T::from_f64(heads as f64));
    let rows = grad.len() / channels;
    let mut out = vec![T::zero(); rows * width];
    fill(&mut out, width, &even(rows, width), |rows, part| {
        for (r, o) in rows.zip(part.chunks_exact_mut(width)) {
            for o in o.chunks_exact_mut(channels) {
                o.iter_mut().zip(row(grad, r, channels)).for_each(|(o, &g)| *o = g * share);
            }
        }
    });
    out
}
