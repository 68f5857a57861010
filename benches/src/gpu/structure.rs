//! From an edge list on the device to the sums of its in-edges' numbers: validating, grouping by destination, one kernel.

use anyhow::Result;
use candle_core::{DType, Device, Tensor};
use candle_geometric::graph::EdgeIndex;
use candle_geometric::ops::{self, Reduce};

use super::clock::Clock;
use super::{Row, Size};
use crate::meter;

pub(crate) fn row(
    size: Size,
    edges: &EdgeIndex,
    device: &Device,
    (clock, repetitions): (&Clock, usize),
) -> Result<Row> {
    let list = ops::edge_index_tensor(edges, device)?;
    let ones = Tensor::ones((edges.num_edges(), 1), DType::F32, device)?;
    let first_use = || -> Result<()> {
        let edges = ops::edge_index(&list, size.nodes)?;
        ops::scatter(&ones, &edges, Reduce::Sum)?;
        Ok(())
    };
    let times = clock.times(repetitions, first_use)?;
    Ok(Row {
        graph: size.name.into(),
        what: "edge list of the device, grouped by destination".into(),
        heads: 1,
        channels: 1,
        dtype: "f32".into(),
        pass: "once".into(),
        ms: Some(meter::median(&times)),
        peak_mb: clock.peak_mb(first_use)?,
        bytes: None,
    })
}
