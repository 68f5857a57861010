use crate::error::check_length;
use crate::{Error, Heads, Result, Weights};

/// Attention rollout: how much of what `node` knows after all `layers` comes from each node, as attention has it
/// (Abnar and Zuidema, *Quantifying Attention Flow in Transformers*, ACL 2020, section 3).
///
/// > r = e_node Ã_L … Ã_1 with Ã_l = (1 − ρ) A_l + ρ I
///
/// where A_l is the attention of layer l, row by row over the in-edges of a node, and ρ = `residual` the share that
/// passes by the attention: 0.5 in the paper, for transformers, whose layers add their input; 0 for layers without such a
/// connection, as those of GAT with self-loops. A node without in-edges keeps what it has. The result has an entry for each
/// node; the entries sum to 1 if the weights of each node do.
///
/// Like attention itself this says where a model looks, not what it needs: the values that are mixed may cancel.
///
/// ```
/// use candle_geometric_explain::{Heads, Weights, rollout};
/// use candle_geometric_graph::EdgeIndex;
/// # fn main() -> Result<(), candle_geometric_explain::Error> {
/// // 2 → 1 → 0, where each attends to the one before it with 0.8 and to itself with 0.2.
/// let edges = EdgeIndex::new(vec![1, 0, 2, 1, 2], vec![0, 0, 1, 1, 2], 3)?;
/// let layer = Weights::new(edges, vec![0.8, 0.2, 0.8, 0.2, 1.0], 1)?;
/// let r = rollout(&[layer.clone(), layer], 0, Heads::Mean, 0.0)?;
/// assert!((r[2] - 0.64).abs() < 1e-6 && (r[1] - 0.32).abs() < 1e-6 && (r[0] - 0.04).abs() < 1e-6);
/// # Ok(()) }
/// ```
///
/// # Errors
/// If there is no such node or head, `residual` is not in 0..=1, or the layers are not all over the same nodes.
pub fn rollout(layers: &[Weights], node: u32, heads: Heads, residual: f64) -> Result<Vec<f64>> {
    let nodes = match layers.first() {
        Some(layer) => layer.edges().num_nodes()?,
        None => return Err(invalid("layers", "at least one layer", "none")),
    };
    let mut start = vec![0.0; nodes];
    match start.get_mut(node as usize) {
        Some(own) => *own = 1.0,
        None => return Err(invalid("node", &format!("a node below {nodes}"), &node.to_string())),
    }
    rollout_from(layers, start, heads, residual)
}

/// [`rollout`] from a weight for each node instead of one node: that of a readout over the nodes of a graph, say.
///
/// # Errors
/// As [`rollout`], and if `start` has not one entry per node.
pub fn rollout_from(layers: &[Weights], start: Vec<f64>, heads: Heads, residual: f64) -> Result<Vec<f64>> {
    if !(0.0..=1.0).contains(&residual) {
        return Err(invalid("residual", "a share between 0 and 1", &residual.to_string()));
    }
    let mut weights = start;
    for layer in layers.iter().rev() {
        let edges = layer.edges();
        check_length("layers", edges.num_nodes()?, weights.len())?;
        let alpha = layer.select(heads)?;
        let (rows, columns) = (edges.by_destination(), edges.by_source());
        let of_node = |j: usize| {
            // Gathered by source and sorted: a floating-point sum depends on its order.
            let mut terms: Vec<f64> = columns
                .neighbors(j)
                .iter()
                .zip(columns.edges(j))
                .map(|(&i, &e)| (1.0 - residual) * weights[i as usize] * alpha[e as usize])
                .collect();
            let kept = if rows.degree(j) == 0 { 1.0 } else { residual };
            terms.push(kept * weights[j]);
            terms.sort_unstable_by(f64::total_cmp);
            terms.iter().sum()
        };
        weights = (0..weights.len()).map(of_node).collect();
    }
    Ok(weights)
}

fn invalid(argument: &'static str, expected: &str, actual: &str) -> Error {
    Error::Invalid { argument, expected: expected.into(), actual: actual.into() }
}
