//! Aggregation: many rows become one row per group.
//!
//! Row e of `x` belongs to the group `edges.destination()[e]`. To pool the nodes of a batch, `edges` is
//! [`EdgeIndex::from_batch`](candle_geometric_graph::EdgeIndex::from_batch); to aggregate messages in a layer, it is
//! the graph itself. A group without rows gets zeros, unless the aggregation says otherwise.

mod attentional;
mod basic;
mod degree_scaler;
mod gmt;
mod mab;
mod pad;
mod pma;
mod power_mean;
mod readout;
mod resolve;
mod set2set;
mod set_transformer;
mod softmax;
mod variance;

pub use attentional::{AttentionalAggregation, AttentionalAggregationConfig};
pub use basic::{MaxAggregation, MeanAggregation, MinAggregation, MulAggregation, SumAggregation};
pub use degree_scaler::{DegreeScalerAggregation, DegreeScalerAggregationConfig, Scaler};
pub use gmt::{GraphMultisetTransformer, GraphMultisetTransformerConfig};
pub use power_mean::{PowerMeanAggregation, PowerMeanAggregationConfig};
pub use readout::{AttentionReadout, AttentionReadoutConfig};
pub use resolve::{Aggr, AggrKwargs, Aggregation, Aggrs};
pub use set_transformer::{SetTransformerAggregation, SetTransformerAggregationConfig};
pub use set2set::{Set2Set, Set2SetConfig};
pub use softmax::{SoftmaxAggregation, SoftmaxAggregationConfig};
pub use variance::{StdAggregation, VarAggregation};

use candle_core::Tensor;
use candle_geometric_graph::EdgeIndex;

use crate::{Error, Result};

/// The rows as sources: an index from row e to the destination of edge e, kept with the structure.
fn rows(layer: &'static str, x: &Tensor, channels: Option<usize>, edges: &EdgeIndex) -> Result<EdgeIndex> {
    struct Rows(EdgeIndex);
    let e = edges.num_edges();
    let fits = matches!(*x.dims(), [n, c] if n == e && channels.is_none_or(|channels| channels == c));
    if !fits {
        let c = channels.map_or("channels".to_string(), |c| c.to_string());
        return Err(Error::argument(layer, "x", format!("[{e}, {c}]"), format!("{:?}", x.dims())));
    }
    let kept = edges.try_attachment(|| {
        let sources = (0..e as u32).collect();
        EdgeIndex::bipartite(sources, edges.destination().to_vec(), e, edges.num_dst()).map(Rows)
    })?;
    Ok(kept.0.clone())
}
