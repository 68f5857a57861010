use crate::{EdgeIndex, GraphError, Result};

/// The weights with which GCN sums over in-edges (Kipf and Welling, ICLR 2017): edge `e` from `j` to `i` gets
/// `w_e / √(d_j · d_i)`, where `d` is the sum of the weights of the in-edges, and every weight is 1 where none are given.
///
/// The self-loops of GCN are no part of this: add them first ([`add_remaining_self_loops`](super::add_remaining_self_loops)).
/// A node without in-edges, or whose weights sum to 0 or less, counts with 0 instead of `1/√d`, as in PyG.
///
/// # Errors
/// If the graph is bipartite, or there is not one weight per edge.
///
/// ```
/// # use candle_geometric_graph::{EdgeIndex, transforms::gcn_norm};
/// # fn main() -> Result<(), candle_geometric_graph::GraphError> {
/// let edges = EdgeIndex::new(vec![0, 1, 0, 1, 1], vec![1, 0, 0, 1, 1], 2)?;
/// assert_eq!(gcn_norm(&edges, Some(&[1.0, 2.0, 2.0, 7.0, 8.0]))?, [0.125, 0.25, 0.5, 0.4375, 0.5]);
/// # Ok(()) }
/// ```
pub fn gcn_norm(edges: &EdgeIndex, edge_weight: Option<&[f32]>) -> Result<Vec<f32>> {
    edges.num_nodes()?;
    let inverse_root = |d: f64| if d > 0.0 { 1.0 / d.sqrt() } else { 0.0 };
    let scale: Vec<f64> = in_weights(edges, edge_weight)?.into_iter().map(inverse_root).collect();
    let weights = edges.iter().enumerate().map(|(e, (j, i))| {
        let weight = edge_weight.map_or(1.0, |w| w[e].into());
        (scale[j as usize] * weight * scale[i as usize]) as f32
    });
    Ok(weights.collect())
}

/// The weights of a mean over in-edges: edge `e` into `i` gets `w_e / d_i`, where `d` is the sum of the weights of the
/// in-edges, and every weight is 1 where none are given. Where that sum is 0, the weights become 0.
///
/// # Errors
/// If there is not one weight per edge.
///
/// ```
/// # use candle_geometric_graph::{EdgeIndex, transforms::row_norm};
/// # fn main() -> Result<(), candle_geometric_graph::GraphError> {
/// let edges = EdgeIndex::new(vec![0, 1, 0], vec![1, 1, 0], 2)?;
/// assert_eq!(row_norm(&edges, None)?, [0.5, 0.5, 1.0]);
/// # Ok(()) }
/// ```
pub fn row_norm(edges: &EdgeIndex, edge_weight: Option<&[f32]>) -> Result<Vec<f32>> {
    let sums = in_weights(edges, edge_weight)?;
    let weights = edges.destination().iter().enumerate().map(|(e, &i)| {
        let (weight, sum) = (edge_weight.map_or(1.0, |w| w[e].into()), sums[i as usize]);
        if sum == 0.0 { 0.0 } else { (weight / sum) as f32 }
    });
    Ok(weights.collect())
}

/// For every destination the sum of the weights of its in-edges, in the order of the edges.
fn in_weights(edges: &EdgeIndex, edge_weight: Option<&[f32]>) -> Result<Vec<f64>> {
    let expected = edges.num_edges();
    let mut sums = vec![0.0; edges.num_dst()];
    match edge_weight {
        Some(weight) if weight.len() != expected => {
            return Err(GraphError::Length { what: "edge_weight", expected, actual: weight.len() });
        }
        Some(weight) => {
            for (&i, &w) in edges.destination().iter().zip(weight) {
                sums[i as usize] += f64::from(w);
            }
        }
        None => edges.destination().iter().for_each(|&i| sums[i as usize] += 1.0),
    }
    Ok(sums)
}
