//! Attention whose weights are products of features of both nodes: its sums cost the number of nodes, not of pairs.

use candle_core::Tensor;
use candle_geometric_graph::EdgeIndex;

use crate::Result;
use crate::padded::Padded;

/// `Σ_j ⟨q_i, k_j⟩ v_j` and `Σ_j ⟨q_i, k_j⟩` over the nodes j of the graph of i, for each head.
///
/// q and k `[N, H·M]`, v `[N, H·D]` (head-major), results `[N, H, D]` and `[N, H, 1]`. Sums are products of matrices:
/// graphs are padded to the largest, with zeros, which add nothing.
pub(super) fn sums(
    (q, k, v): (&Tensor, &Tensor, &Tensor),
    heads: usize,
    batch: &EdgeIndex,
) -> Result<(Tensor, Tensor)> {
    let (n, columns) = v.dims2()?;
    let d = columns / heads;
    if n == 0 {
        let zeros = |columns: usize| Tensor::zeros((0, heads, columns), v.dtype(), v.device());
        return Ok((zeros(d)?, zeros(1)?));
    }
    // A column of ones, whose sum is the second.
    let ones = Tensor::ones((n, heads, 1), v.dtype(), v.device())?;
    let v = Tensor::cat(&[&v.reshape((n, heads, d))?, &ones], 2)?.reshape((n, heads * (d + 1)))?;
    let padded = Padded::new(batch)?;
    // [B, H, S, …]
    let dense = |x: &Tensor| -> Result<Tensor> {
        let x = padded.pad(x)?;
        let (b, s, columns) = x.dims3()?;
        Ok(x.reshape((b, s, heads, columns / heads))?.transpose(1, 2)?.contiguous()?)
    };
    let (q, k, v) = (dense(q)?, dense(k)?, dense(&v)?);
    let kv = k.transpose(2, 3)?.contiguous()?.matmul(&v)?;
    let out = q.matmul(&kv)?.transpose(1, 2)?.contiguous()?;
    let (b, s) = (out.dim(0)?, out.dim(1)?);
    let out = padded.unpad(&out.reshape((b, s, heads * (d + 1)))?)?.reshape((n, heads, d + 1))?;
    Ok((out.narrow(2, 0, d)?, out.narrow(2, d, 1)?))
}
