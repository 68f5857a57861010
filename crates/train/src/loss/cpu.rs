//! Loss and gradient in one pass each over the selected rows, on all threads.

use candle_core::{CpuStorage, CustomOp1, CustomOp2, Layout, Result, Shape, Tensor, bail};
use rayon::prelude::*;

use super::MaskedLoss;
use crate::host::{rows_at_once, widen};
use crate::real::Real;

/// The loss of logits `[N, K]`: a scalar.
pub(super) struct Loss(pub(super) MaskedLoss);

/// The gradient `[N, K]` of the loss at logits `[N, K]`, times the scalar gradient that came from above.
struct Gradient(MaskedLoss);

impl Loss {
    fn compute<T: Real>(&self, logits: &[T]) -> T {
        let loss = &self.0;
        let k = loss.targets.width();
        let piece = |rows: &[u32]| -> f64 {
            let mut row = vec![0f64; k];
            let one = |&r: &u32| {
                let node = r as usize;
                widen(&mut row, &logits[node * k..]);
                loss.row_loss(node, &row)
            };
            rows.iter().map(one).sum()
        };
        let pieces: Vec<f64> = loss.rows.par_chunks(rows_at_once(k)).map(piece).collect();
        T::from_f64(pieces.iter().sum::<f64>() / loss.terms())
    }
}

impl CustomOp1 for Loss {
    fn name(&self) -> &'static str {
        "masked-loss"
    }

    fn cpu_fwd(&self, logits: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let o = layout.start_offset();
        let out = match logits {
            CpuStorage::F32(v) => CpuStorage::F32(vec![self.compute(&v[o..])]),
            CpuStorage::F64(v) => CpuStorage::F64(vec![self.compute(&v[o..])]),
            _ => bail!("masked loss: expected logits in f32 or f64"),
        };
        Ok((out, Shape::from(())))
    }

    fn bwd(&self, logits: &Tensor, _loss: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        let grad = logits.detach().apply_op2_no_bwd(&grad.detach(), &Gradient(self.0.clone()))?;
        Ok(Some(grad))
    }
}

impl Gradient {
    fn compute<T: Real>(&self, logits: &[T], grad: T) -> Vec<T> {
        let loss = &self.0;
        let (k, scale) = (loss.targets.width(), grad.to_f64() / loss.terms());
        let at_once = rows_at_once(k);
        let mut out = vec![T::zero(); loss.targets.num_nodes() * k];
        out.par_chunks_mut(at_once * k).enumerate().for_each(|(piece, out)| {
            let first = piece * at_once;
            let before = |node: usize| loss.rows.partition_point(|&r| (r as usize) < node);
            let mut row = vec![0f64; k];
            for &r in &loss.rows[before(first)..before(first + at_once)] {
                let node = r as usize;
                widen(&mut row, &logits[node * k..]);
                loss.row_gradient(node, &mut row);
                let out = out[(node - first) * k..].iter_mut();
                out.zip(&row).for_each(|(to, &from)| *to = T::from_f64(from * scale));
            }
        });
        out
    }
}

impl CustomOp2 for Gradient {
    fn name(&self) -> &'static str {
        "masked-loss-gradient"
    }

    fn cpu_fwd(
        &self,
        logits: &CpuStorage,
        layout: &Layout,
        grad: &CpuStorage,
        grad_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (o, g) = (layout.start_offset(), grad_layout.start_offset());
        let out = match (logits, grad) {
            (CpuStorage::F32(v), CpuStorage::F32(grad)) => CpuStorage::F32(self.compute(&v[o..], grad[g])),
            (CpuStorage::F64(v), CpuStorage::F64(grad)) => CpuStorage::F64(self.compute(&v[o..], grad[g])),
            _ => bail!("masked loss: expected logits and gradient in the same type, f32 or f64"),
        };
        Ok((out, layout.shape().clone()))
    }
}
