//! What a layer of a case is given: named tensors, all errors saying which one is missing or misshapen.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use candle_core::{DType, Tensor};
use candle_geometric::graph::EdgeIndex;
use candle_geometric::nn::Nodes;

/// The inputs of a case in the precision of the run, and the shapes of the peer's outputs.
pub(crate) struct Inputs {
    pub(crate) tensors: BTreeMap<String, Tensor>,
    /// The parameters, for layers whose peer calls them by other names.
    pub(crate) parameters: BTreeMap<String, Tensor>,
    pub(crate) outputs: BTreeMap<String, Vec<usize>>,
}

impl Inputs {
    /// The input `in.<name>`.
    pub(crate) fn get(&self, name: &str) -> Result<&Tensor> {
        self.optional(name).with_context(|| format!("the file lacks the tensor `in.{name}`"))
    }

    /// The input `in.<name>`, where the case has it.
    pub(crate) fn optional(&self, name: &str) -> Option<&Tensor> {
        self.tensors.get(name)
    }

    /// Whether the peer returned an output `out.<name>`.
    pub(crate) fn wants(&self, name: &str) -> bool {
        self.outputs.contains_key(name)
    }

    /// The number of rows of the peer's output (`out`, or `out.y` beside the attention): how many nodes or graphs
    /// there are where the inputs alone do not tell (the last graphs of a batch may be empty).
    pub(crate) fn output_rows(&self) -> Result<usize> {
        let shape = self.outputs.get("").or(self.outputs.get("y")).and_then(|s| s.first());
        shape.copied().context("the output has no rows")
    }

    /// Node features: `x`, or `x_src` and `x_dst` of a bipartite graph, whose destinations may have none.
    pub(crate) fn nodes(&self) -> Result<Nodes<'_>> {
        match self.optional("x_src") {
            Some(source) => Ok((source, self.optional("x_dst")).into()),
            None => Ok(self.get("x")?.into()),
        }
    }

    /// `edge_index` on the nodes of `x`, or of `x_src` and `x_dst`.
    pub(crate) fn edges(&self) -> Result<EdgeIndex> {
        let [source, destination] = self.endpoints()?;
        let Some(x_src) = self.optional("x_src") else {
            return Ok(EdgeIndex::from_i64(&source, &destination, rows(self.get("x")?, "x")?)?);
        };
        let num_src = rows(x_src, "x_src")?;
        let num_dst = self.optional("x_dst").map_or_else(|| self.output_rows(), |x| rows(x, "x_dst"))?;
        let (source, destination) =
            (narrow(&source, num_src, "edge_index")?, narrow(&destination, num_dst, "edge_index")?);
        Ok(EdgeIndex::bipartite(source, destination, num_src, num_dst)?)
    }

    fn endpoints(&self) -> Result<[Vec<i64>; 2]> {
        let ids = self.get("edge_index")?;
        ensure!(
            ids.rank() == 2 && ids.dim(0)? == 2,
            "`in.edge_index`: expected shape [2, E], got {:?}",
            ids.dims()
        );
        let row = |i| -> Result<Vec<i64>> { integers(&ids.narrow(0, i, 1)?, "edge_index") };
        Ok([row(0)?, row(1)?])
    }

    /// The nodes of each graph as edges node → graph: from `batch` (or `index`, or `ptr`); one graph where the case
    /// has none of them.
    pub(crate) fn graphs(&self, num_nodes: usize, num_graphs: Option<usize>) -> Result<EdgeIndex> {
        let batch = match (self.optional("batch").or(self.optional("index")), self.optional("ptr")) {
            (Some(batch), _) => integers(batch, "batch")?,
            (None, Some(ptr)) => {
                let ptr = integers(ptr, "ptr")?;
                let spans = ptr.first() == Some(&0) && ptr.last().copied() == i64::try_from(num_nodes).ok();
                ensure!(
                    spans && ptr.is_sorted(),
                    "`in.ptr`: expected ascending offsets from 0 to {num_nodes}, got {ptr:?}"
                );
                let graphs = ptr.windows(2).zip(0_i64..);
                graphs.flat_map(|(w, graph)| (w[0]..w[1]).map(move |_| graph)).collect()
            }
            (None, None) => vec![0; num_nodes],
        };
        ensure!(
            batch.len() == num_nodes,
            "`in.batch`: expected one entry for each of {num_nodes} nodes, got {}",
            batch.len()
        );
        let least = batch.iter().max().map_or(0, |&b| usize::try_from(b.saturating_add(1)).unwrap_or(0));
        let num_graphs = num_graphs.unwrap_or(least);
        // A damaged index must not ask for all memory there is.
        ensure!(num_graphs <= 1_000_000, "`in.batch`: {num_graphs} graphs are more than a case has");
        Ok(EdgeIndex::from_batch(&narrow(&batch, num_graphs, "batch")?, num_graphs)?)
    }
}

/// The first dimension.
pub(crate) fn rows(tensor: &Tensor, name: &str) -> Result<usize> {
    tensor.dims().first().copied().with_context(|| format!("`in.{name}` is a scalar: expected rows"))
}

/// The values of an integer tensor of any shape, in row order.
pub(crate) fn integers(tensor: &Tensor, name: &str) -> Result<Vec<i64>> {
    ensure!(!tensor.dtype().is_float(), "`{name}`: expected integers, got {:?}", tensor.dtype());
    if tensor.elem_count() == 0 {
        return Ok(Vec::new());
    }
    Ok(tensor.flatten_all()?.to_dtype(DType::I64)?.to_vec1()?)
}

pub(crate) fn narrow(ids: &[i64], size: usize, name: &str) -> Result<Vec<u32>> {
    let id = |&i: &i64| {
        let inside = u32::try_from(i).ok().filter(|&i| (i as usize) < size);
        inside.with_context(|| format!("`in.{name}`: index {i} is not below {size}"))
    };
    ids.iter().map(id).collect()
}
