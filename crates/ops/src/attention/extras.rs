use candle_core::Tensor;
use candle_geometric_graph::EdgeIndex;

use crate::{Dropout, Linked, Result, check};

/// What an attention does beside its definition, in the same pass. By default nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Extras<'a> {
    /// Every α is dropped or scaled after the softmax, where α of edge e and head h takes the number e·H + h of the
    /// stream.
    pub dropout: Option<Dropout>,
    /// Added to every row of the result, `[H·C]`.
    pub bias: Option<&'a Tensor>,
    /// Added to the result, `[N_dst, H·C]`.
    pub residual: Option<&'a Linked>,
}

impl Extras<'_> {
    /// That they fit a result of `columns` columns with the type of `like`.
    pub(super) fn check(&self, like: &Tensor, edges: &EdgeIndex, columns: usize) -> Result<()> {
        if let Some(bias) = self.bias {
            check::shape("bias", bias, &[columns], "H·C")?;
            check::like("bias", bias, like)?;
        }
        if let Some(residual) = self.residual {
            let residual = residual.value();
            check::shape("residual", &residual, &[edges.num_dst(), columns], "N_dst, H·C")?;
            check::like("residual", &residual, like)?;
        }
        Ok(())
    }

    /// Calls `f` with what is added in f32.
    pub(super) fn widened<R>(&self, f: impl FnOnce(Extras<'_>) -> Result<R>) -> Result<R> {
        let bias = crate::backend::wide_option(self.bias)?;
        let wide = |r: &Linked| -> Result<_> { Ok(Linked::from(crate::backend::wide(&r.tensor()?)?)) };
        let residual = self.residual.map(wide).transpose()?;
        f(Extras { dropout: self.dropout, bias: bias.as_ref(), residual: residual.as_ref() })
    }

    /// Adds them to a result.
    pub(super) fn add_to(&self, mut out: Tensor) -> Result<Tensor> {
        if let Some(residual) = self.residual {
            out = (out + residual.tensor()?)?;
        }
        match self.bias {
            Some(bias) => crate::bias_add(&out, bias),
            None => Ok(out),
        }
    }
}
