use crate::{Error, Result, Share, Weights};

/// How the attention of a layer, as the mean over heads, is divided among kinds of edges, such as the relations of a knowledge
/// graph: of each kind the share of all attention, beside the share that uniform attention over the in-edges would give it.
///
/// `kind` has the kind of every edge, below `num_kinds`. A graph without edges has shares of 0.
///
/// ```
/// use candle_geometric_explain::{Weights, kind_shares};
/// use candle_geometric_graph::EdgeIndex;
/// # fn main() -> Result<(), candle_geometric_explain::Error> {
/// // Node 0 is told by 1 in one way and by 2 in another, and listens to 1.
/// let weights = Weights::new(EdgeIndex::new(vec![1, 2], vec![0, 0], 3)?, vec![0.75, 0.25], 1)?;
/// let shares = kind_shares(&weights, &[0, 1], 2)?;
/// assert_eq!((shares[0].attention, shares[0].uniform), (0.75, 0.5));
/// # Ok(()) }
/// ```
///
/// # Errors
/// If there is not one kind for each edge, or one is not below `num_kinds`.
pub fn kind_shares(weights: &Weights, kind: &[u32], num_kinds: usize) -> Result<Vec<Share>> {
    let edges = weights.edges();
    let invalid = |expected: String, actual: String| Error::Invalid { argument: "kind", expected, actual };
    if kind.len() != edges.num_edges() {
        let expected = format!("one entry for each of {} edges", edges.num_edges());
        return Err(invalid(expected, format!("{} entries", kind.len())));
    }
    let degrees = edges.in_degrees();
    let mut shares = vec![Share { attention: 0.0, uniform: 0.0 }; num_kinds];
    let (mut attention, mut uniform) = (0.0, 0.0);
    for (((_, to), alpha), &k) in edges.iter().zip(weights.mean()).zip(kind) {
        let Some(share) = shares.get_mut(k as usize) else {
            return Err(invalid(format!("kinds below {num_kinds}"), k.to_string()));
        };
        let equal = 1.0 / f64::from(degrees[to as usize]);
        share.attention += alpha;
        share.uniform += equal;
        attention += alpha;
        uniform += equal;
    }
    for share in &mut shares {
        share.attention /= f64::max(attention, f64::MIN_POSITIVE);
        share.uniform /= f64::max(uniform, f64::MIN_POSITIVE);
    }
    Ok(shares)
}
