//! Message-passing primitives on Candle tensors, with gradients: gather, scatter, segment softmax, graph attention.
//!
//! Each is a free function on tensors and an [`EdgeIndex`](candle_geometric_graph::EdgeIndex), with a definition in
//! one line of mathematics, a gradient, and a [`mod@reference`] composed of stock Candle operations. Messages flow from
//! source to destination; a *segment* is the set of edges that end in one destination. Tensors with a row per edge
//! stand in the caller's edge order, whatever order the kernels walk in.
//!
//! What goes by in-edges also goes by graph and over everything: [`EdgeIndex::from_batch`] makes the nodes of a batch
//! (or its edges, given the graph of each) the in-edges of their graphs, so `scatter` on it pools and `segment_softmax`
//! normalises within each graph; with `&vec![0; n]` and one graph it does over all `n` rows. Long segments are cut, so
//! these run on all threads as well.
//!
//! [`EdgeIndex::from_batch`]: candle_geometric_graph::EdgeIndex::from_batch
//!
//! On the CPU and on CUDA the functions run kernels of their own, which give the same bits on every run and for any number
//! of threads; on other devices they run the reference. Arguments are checked in the public functions, once; the graph was checked when
//! it was made.
//!
//! ```
//! use candle_core::{Device, Tensor};
//! use candle_geometric_graph::EdgeIndex;
//! use candle_geometric_ops::{Reduce, gather_src, scatter};
//! # fn main() -> candle_geometric_ops::Result<()> {
//! let edges = EdgeIndex::new(vec![0, 1, 1], vec![2, 2, 0], 3)?;
//! let x = Tensor::new(&[[1f32, 2.], [3., 4.], [5., 6.]], &Device::Cpu)?;
//! let sums = scatter(&gather_src(&x, &edges)?, &edges, Reduce::Sum)?;
//! assert_eq!(sums.to_vec2::<f32>()?, [[3., 4.], [0., 0.], [4., 6.]]);
//!
//! let graphs = EdgeIndex::from_batch(&[0, 0, 1], 2)?; // nodes 0 and 1 are one graph, node 2 another
//! assert_eq!(scatter(&x, &graphs, Reduce::Max)?.to_vec2::<f32>()?, [[3., 4.], [5., 6.]]);
//! let all = EdgeIndex::from_batch(&[0; 3], 1)?;
//! assert_eq!(scatter(&x, &all, Reduce::Mean)?.to_vec2::<f32>()?, [[3., 4.]]);
//! # Ok(()) }
//! ```

// Tests of other crates' kind are run inside of this one, too: on the emulator of a GPU.
#[cfg(test)]
extern crate self as candle_geometric_ops;

mod activation;
mod attention;
mod backend;
mod backward;
mod bias;
mod cast;
mod check;
mod cpu;
mod cuda;
mod dropout;
mod edge_attr;
mod edge_sum;
mod error;
mod gather;
mod heads;
mod index;
mod linear;
mod linear_sum;
mod link;
mod linked;
mod node;
mod propagate;
pub mod reference;
mod scatter;
mod softmax;
mod spmm;

pub use activation::{elu, leaky_relu, relu, sigmoid};
pub use attention::{
    DynamicScoring, Extras, Scoring, additive_attention, additive_attention_weights, attend,
    dot_product_attention, dot_product_attention_weights, dynamic_attention, dynamic_attention_weights,
    layer_attention,
};
pub use backward::{backward, backward_from};
pub use bias::bias_add;
pub use dropout::{Dropout, dropout};
pub use edge_attr::{edge_select, self_loop_attr};
pub use edge_sum::edge_sum;
pub use error::Error;
pub use gather::{gather_dst, gather_src};
pub use heads::mean_heads;
pub use index::{edge_index, edge_index_tensor};
pub use linear::{linear, project, project_all};
pub use linear_sum::linear_sum;
pub use linked::Linked;
pub use propagate::{Messages, propagate};
pub use scatter::{Reduce, scatter};
pub use softmax::segment_softmax;
pub use spmm::{sddmm, sddmm_heads, spmm, spmm_linked, spmm_plus};

/// The result of an operation.
pub type Result<T> = std::result::Result<T, Error>;

/// Gives back to the system the memory that operations on the CPU keep between steps.
///
/// Results that only passed between operations of this crate, such as the projected features of a layer and their
/// gradients, leave their memory for the next step: at most eight large pieces and 1 GiB for each type of numbers.
pub fn release_memory() {
    cpu::memory::release();
}

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
