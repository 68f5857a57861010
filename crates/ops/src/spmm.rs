use candle_core::Tensor;
use candle_geometric_graph::EdgeIndex;

use crate::{Result, check, reference};

/// The product of the graph's (weighted) adjacency matrix with `x`: `out[i] = Σ w[e] x[source(e)]` over the in-edges
/// e of i, `[N_src, F] → [N_dst, F]`. Without weights every edge counts 1.
///
/// # Errors
/// If `x` is not `[N_src, F]`, `weights` is not `[E]`, or they differ in type or device.
///
/// ```
/// # use candle_core::{Device, Tensor};
/// # use candle_geometric_graph::EdgeIndex;
/// # fn main() -> candle_geometric_ops::Result<()> {
/// let edges = EdgeIndex::new(vec![0, 1], vec![1, 1], 2)?;
/// let x = Tensor::new(&[[1f32, 2.], [3., 4.]], &Device::Cpu)?;
/// let w = Tensor::new(&[10f32, 1.], &Device::Cpu)?;
/// let out = candle_geometric_ops::spmm(&edges, Some(&w), &x)?;
/// assert_eq!(out.to_vec2::<f32>()?, [[0., 0.], [13., 24.]]);
/// # Ok(()) }
/// ```
pub fn spmm(edges: &EdgeIndex, weights: Option<&Tensor>, x: &Tensor) -> Result<Tensor> {
    check::float("x", x)?;
    check::matrix("x", x, edges.num_src(), "N_src, F")?;
    if let Some(w) = weights {
        check::shape("weights", w, &[edges.num_edges()], "E")?;
        check::like("weights", w, x)?;
    }
    reference::spmm(edges, weights, x)
}

/// The product of two dense matrices at the edges only: `out[e] = ⟨a[source(e)], b[destination(e)]⟩`, `[E]`.
///
/// # Errors
/// If `a` is not `[N_src, F]`, `b` is not `[N_dst, F]`, or they differ in type or device.
///
/// ```
/// # use candle_core::{Device, Tensor};
/// # use candle_geometric_graph::EdgeIndex;
/// # fn main() -> candle_geometric_ops::Result<()> {
/// let edges = EdgeIndex::new(vec![0, 1], vec![1, 1], 2)?;
/// let x = Tensor::new(&[[1f32, 2.], [3., 4.]], &Device::Cpu)?;
/// assert_eq!(candle_geometric_ops::sddmm(&x, &x, &edges)?.to_vec1::<f32>()?, [11., 25.]);
/// # Ok(()) }
/// ```
pub fn sddmm(a: &Tensor, b: &Tensor, edges: &EdgeIndex) -> Result<Tensor> {
    check::float("a", a)?;
    let f = check::matrix("a", a, edges.num_src(), "N_src, F")?;
    check::shape("b", b, &[edges.num_dst(), f], "N_dst, F")?;
    check::like("b", b, a)?;
    reference::sddmm(a, b, edges)
}
