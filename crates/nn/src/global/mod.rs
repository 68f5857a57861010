//! Global attention: every node looks at every node of its graph.
//!
//! `batch` is [`EdgeIndex::from_batch`]: node i belongs to graph `batch.destination()[i]`; without one all nodes are one
//! graph. What a node gets does not depend on the other graphs of the batch, to the last digits: in PyTorch Geometric,
//! whose layers pad graphs to one size, what stands in the padding takes part in the sums of Performer, SGFormer and
//! Polynormer. On single graphs the results are the same.

mod gps;
mod kernel;
mod local;
mod multihead;
mod performer;
mod polynormer;
mod polynormer_attention;
mod sgformer;
mod sgformer_attention;

pub use gps::{AttentionType, GpsConv, GpsConvConfig};
pub use local::LocalConv;
pub use multihead::{MultiheadAttention, MultiheadAttentionConfig};
pub use performer::{PerformerAttention, PerformerAttentionConfig};
pub use polynormer::{Polynormer, PolynormerConfig};
pub use polynormer_attention::{PolynormerAttention, PolynormerAttentionConfig};
pub use sgformer::{SgFormer, SgFormerAggregate, SgFormerConfig};
pub use sgformer_attention::{SgFormerAttention, SgFormerAttentionConfig};

use candle_core::Tensor;
use candle_geometric_graph::EdgeIndex;

use crate::batch::graphs;
use crate::{Error, Result};

/// Checks x; gives the graph of each node.
fn check(layer: &'static str, x: &Tensor, channels: usize, batch: Option<&EdgeIndex>) -> Result<EdgeIndex> {
    let n = match *x.dims() {
        [n, c] if c == channels => n,
        _ => {
            let expected = format!("[nodes, {channels}]");
            return Err(Error::argument(layer, "x", expected, format!("{:?}", x.dims())));
        }
    };
    graphs(layer, n, batch)
}

/// Checks the numbers that all global attentions have.
fn check_heads(
    layer: &'static str,
    argument: &'static str,
    channels: usize,
    heads: usize,
    dropout: f64,
) -> Result<()> {
    if heads == 0 || channels == 0 || !channels.is_multiple_of(heads) {
        let expected = match channels {
            0 => "channels to divide".to_string(),
            _ => format!("a divisor of the {channels} channels"),
        };
        return Err(Error::argument(layer, argument, expected, heads.to_string()));
    }
    if !(0.0..=1.0).contains(&dropout) {
        return Err(Error::argument(layer, "dropout", "a probability in [0, 1]", dropout.to_string()));
    }
    Ok(())
}
