use std::sync::{Arc, OnceLock};

use candle_core::Tensor;
use candle_geometric_graph::{EdgeIndex, FillValue, GraphError, Origin, Transformed};

use crate::{Error, Reduce, Result, check, gather_src, scatter};

/// The rows `ids` of a tensor with one row per edge: `out[k] = edge_attr[ids[k]]`, `[E, …] → [K, …]`.
///
/// This is how edge features follow a transform of the graph. Rows may be left out or repeated.
///
/// # Errors
/// If `edge_attr` is a scalar or does not hold floating-point numbers, or an id is not below E.
///
/// ```
/// # use candle_core::{Device, Tensor};
/// # fn main() -> candle_geometric_ops::Result<()> {
/// let edge_attr = Tensor::new(&[[1f32], [2.], [3.]], &Device::Cpu)?;
/// let kept = candle_geometric_ops::edge_select(&edge_attr, &[2, 0])?;
/// assert_eq!(kept.to_vec2::<f32>()?, [[3.], [1.]]);
/// # Ok(()) }
/// ```
pub fn edge_select(edge_attr: &Tensor, ids: &[u32]) -> Result<Tensor> {
    let Some(&e) = edge_attr.dims().first() else {
        return Err(Error::Shape { argument: "edge_attr", expected: "[E, …]".into(), actual: vec![] });
    };
    let rows = (0..ids.len() as u32).collect();
    let selection = EdgeIndex::bipartite(ids.to_vec(), rows, e, ids.len()).map_err(|error| match error {
        GraphError::IndexOutOfRange { edge, index, .. } => Error::Invalid {
            argument: "ids",
            expected: format!("indices of the {e} rows of edge_attr"),
            actual: format!("{index} at position {edge}"),
        },
        other => other.into(),
    })?;
    gather_src(edge_attr, &selection)
}

/// Edge features after a transform that may have added self-loops, `[E, …] → [E', …]`: an edge that was there keeps
/// its row, a new self-loop on node i gets `fill`, reduced over the in-edges of i that were there and still are.
///
/// These are the semantics of PyTorch Geometric's `fill_value`: a node without in-edges gets 0 (1 with
/// [`FillValue::Mul`]). The gradient goes through the reduction.
///
/// # Errors
/// If `edge_attr` does not hold floating-point numbers or has not one row per edge before the transform.
///
/// ```
/// # use candle_core::{Device, Tensor};
/// use candle_geometric_graph::{EdgeIndex, FillValue, transforms};
/// # fn main() -> candle_geometric_ops::Result<()> {
/// let edges = EdgeIndex::new(vec![0, 1, 2], vec![1, 1, 1], 3)?;
/// let looped = transforms::with_self_loops(&edges)?; // without 1 → 1, then 0 → 0, 1 → 1, 2 → 2
/// let edge_attr = Tensor::new(&[1f32, 9., 5.], &Device::Cpu)?;
/// let filled = candle_geometric_ops::self_loop_attr(&edge_attr, &looped, FillValue::Mean)?;
/// assert_eq!(filled.to_vec1::<f32>()?, [1., 5., 0., 3., 0.]);
/// # Ok(()) }
/// ```
pub fn self_loop_attr(edge_attr: &Tensor, transformed: &Transformed, fill: FillValue) -> Result<Tensor> {
    check::float("edge_attr", edge_attr)?;
    check::rows("edge_attr", edge_attr, transformed.num_edges_before, "edge before the transform")?;
    let plan = Plan::of(transformed)?;
    let reduce = match fill {
        FillValue::Mean => Reduce::Mean,
        FillValue::Add => Reduce::Sum,
        FillValue::Min => Reduce::Min,
        FillValue::Max => Reduce::Max,
        FillValue::Mul => Reduce::Mul,
        FillValue::Constant(value) => {
            let dims =
                [&[transformed.edges.num_dst()], edge_attr.dims().get(1..).unwrap_or_default()].concat();
            let loops = (Tensor::ones(dims, edge_attr.dtype(), edge_attr.device())? * value)?;
            return plan.merge(edge_attr, &loops);
        }
    };
    let loops = scatter(&gather_src(edge_attr, &plan.kept)?, &plan.kept, reduce)?;
    plan.merge(edge_attr, &loops)
}

/// How the rows of a transformed graph come about, as two gathers.
struct Plan {
    origin: Vec<Origin>,
    /// From the edges before to the destinations of those that are still there.
    kept: EdgeIndex,
    /// From the edges before, followed by a row per node, to the edges after.
    merged: EdgeIndex,
}

impl Plan {
    /// The plan is kept with the new edges, so a training loop makes it once.
    fn of(transformed: &Transformed) -> Result<Arc<Self>> {
        let cell = transformed.edges.attachment::<OnceLock<Arc<Plan>>>(OnceLock::new);
        // Somebody may have composed two transforms by hand: same edges, other origins.
        let fits = |p: &&Arc<Plan>| {
            p.origin == transformed.origin() && p.kept.num_src() == transformed.num_edges_before
        };
        if let Some(plan) = cell.get().filter(fits) {
            return Ok(plan.clone());
        }
        let plan = Arc::new(Self::new(transformed)?);
        // Where another plan is there already, this one just is not kept.
        let _ = cell.set(plan.clone());
        Ok(plan)
    }

    fn new(transformed: &Transformed) -> Result<Self> {
        let (edges, before) = (&transformed.edges, transformed.num_edges_before);
        let (mut old, mut node) = (Vec::new(), Vec::new());
        let mut rows = Vec::with_capacity(transformed.origin().len());
        for (&origin, &destination) in transformed.origin().iter().zip(edges.destination()) {
            match origin {
                Origin::Edge(e) | Origin::Reversed(e) => {
                    old.push(e);
                    node.push(destination);
                    rows.push(e);
                }
                Origin::SelfLoop(i) => rows.push(before as u32 + i),
            }
        }
        let after = (0..rows.len() as u32).collect();
        Ok(Self {
            origin: transformed.origin().to_vec(),
            kept: EdgeIndex::bipartite(old, node, before, edges.num_dst())?,
            merged: EdgeIndex::bipartite(rows, after, before + edges.num_dst(), edges.num_edges())?,
        })
    }

    fn merge(&self, edge_attr: &Tensor, loops: &Tensor) -> Result<Tensor> {
        gather_src(&Tensor::cat(&[edge_attr, loops], 0)?, &self.merged)
    }
}
