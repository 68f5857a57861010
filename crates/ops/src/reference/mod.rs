//! The operations composed of stock Candle operations: what a kernel must agree with, and what a device without
//! kernels of its own runs.
//!
//! They write every message `[E, H, C]` to memory and rely on Candle's `index_add`, which is serial on the CPU and
//! nearly so on a GPU: correct, and slow. The functions have the names, shapes and gradients of those at the root of
//! the crate, which check their arguments; these only meet the checks of Candle itself.

mod activation;
mod attention;
mod dense;
mod fold;
mod scatter;
mod softmax;
mod spmm;

pub use activation::{elu, leaky_relu, relu, sigmoid};
pub use attention::{
    additive_attention, additive_attention_weights, attend, dot_product_attention,
    dot_product_attention_weights, dynamic_attention, dynamic_attention_weights, layer_attention,
};
pub use dense::{bias_add, dropout, linear, mean_heads};
pub use scatter::{edge_sum, gather_dst, gather_src, scatter};
pub use softmax::segment_softmax;
pub use spmm::{sddmm, sddmm_heads, spmm};

use candle_core::Tensor;

use crate::Result;

/// A tensor of any rank as `[rows, everything else]`.
fn as_matrix(x: &Tensor) -> Result<Tensor> {
    let columns = x.dims().iter().skip(1).product::<usize>();
    Ok(x.reshape((x.dim(0)?, columns))?)
}
