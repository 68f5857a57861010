//! Functions without parameters.

use anyhow::{Context, Result, ensure};
use candle_geometric::ops;
use candle_nn::VarBuilder;
use serde_json::Value;

use super::{Entry, Rows, Setting, Trial};
use crate::verify::Outputs;
use crate::verify::inputs::Inputs;

/// A softmax of features of nodes within each graph.
pub(super) const LAYERS: &[Entry] = &[Entry::new(
    "softmax",
    softmax,
    &[Trial {
        kwargs: "{}",
        setting: Setting::nodes().any_width().node_rows(&[("src", 3)]).scores("src"),
        rows: Rows::Nodes,
    }],
)];

/// `torch_geometric.utils.softmax(src, index | ptr, num_nodes, dim)`.
pub(super) fn softmax(kwargs: &Value, _: VarBuilder<'_>, inputs: &Inputs) -> Result<Outputs> {
    let scores = inputs.get("src")?;
    let integer =
        |name: &str| kwargs.get(name).filter(|v| !v.is_null()).map(|v| v.as_i64().context(name.to_string()));
    let num_nodes = integer("num_nodes").transpose().context("kwargs")?.map(usize::try_from).transpose()?;
    let dim = integer("dim").transpose().context("kwargs")?.unwrap_or(0);
    let rank = scores.rank() as i64;
    ensure!((-rank..rank).contains(&dim), "kwargs: `dim` is {dim}, `in.src` has shape {:?}", scores.dims());
    if scores.elem_count() == 0 {
        return Ok(vec![("", scores.clone())]);
    }
    // The dimension of the softmax first, the others in one.
    let first = scores.transpose(0, dim.rem_euclid(rank) as usize)?.contiguous()?;
    let entries = first.dim(0)?;
    let segments = inputs.graphs(entries, num_nodes)?;
    let alpha = ops::segment_softmax(&first.reshape((entries, ()))?, &segments)?;
    let alpha = alpha.reshape(first.shape())?.transpose(0, dim.rem_euclid(rank) as usize)?;
    Ok(vec![("", alpha.contiguous()?)])
}
