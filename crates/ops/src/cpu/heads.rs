//! The mean over heads.

use super::Real;
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
