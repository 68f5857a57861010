//! Half-precision numbers to f32 and back. `half` uses the instructions that the machine has for it.

use half::slice::HalfFloatSliceExt;
use rayon::prelude::*;

use super::memory::{Fresh, initialized};

/// How many numbers a task converts.
const CHUNK: usize = 1 << 14;

/// The numbers in f32, exactly.
pub(crate) fn widen<H: Sync>(x: &[H]) -> Vec<f32>
where
    [H]: HalfFloatSliceExt,
{
    let mut out = Fresh::new(x.len());
    let chunks = out.parts().par_chunks_mut(CHUNK).zip(x.par_chunks(CHUNK));
    chunks.for_each(|(out, x)| x.convert_to_f32_slice(initialized(out, 0.0)));
    // SAFETY: the chunks cover everything, and `initialized` writes all of one.
    unsafe { out.assume_init() }
}

/// The nearest half-precision numbers, of two equally near ones the even one.
pub(crate) fn narrow<H: Copy + Default + Send + Sync>(x: &[f32]) -> Vec<H>
where
    [H]: HalfFloatSliceExt,
{
    let mut out = Fresh::unpooled(x.len());
    let chunks = out.parts().par_chunks_mut(CHUNK).zip(x.par_chunks(CHUNK));
    chunks.for_each(|(out, x)| initialized(out, H::default()).convert_from_f32_slice(x));
    // SAFETY: the chunks cover everything, and `initialized` writes all of one.
    unsafe { out.assume_init() }
}
