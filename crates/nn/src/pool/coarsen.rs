//! The graph of clusters: products of sparse matrices whose entries carry gradients.

use candle_core::Tensor;
use candle_geometric_graph::EdgeIndex;
use candle_geometric_ops::{self as ops, Reduce};

use crate::Result;

/// Sᵀ A S, where A has an entry for every edge (its weight, at (source, destination)) and S those of the edges that end
/// in a cluster's node (`share` `[E]`); cluster c is node `perm[c]`. Gives the edges between clusters, sorted by source
/// and destination, one wherever a product could be other than 0; with their weights if there is a weight.
pub(super) fn coarsen(
    edges: &EdgeIndex,
    weight: Option<&Tensor>,
    share: &Tensor,
    perm: &[u32],
) -> Result<(EdgeIndex, Option<Tensor>)> {
    let mut cluster = vec![None; edges.num_src()];
    for (c, &node) in (0u32..).zip(perm) {
        cluster[node as usize] = Some(c);
    }
    // The entries (cluster, edge) of each row of S.
    let mut rows = vec![Vec::new(); edges.num_src()];
    for (e, (j, i)) in (0u32..).zip(edges.iter()) {
        if let Some(c) = cluster[i as usize] {
            rows[j as usize].push((c, e));
        }
    }
    // A S, of entries (node, cluster).
    let by_edge = (0u32..).zip(edges.iter());
    let first = Product::new(by_edge.flat_map(|(e, (j, k))| {
        rows[k as usize].iter().map(move |&(c, share)| Term { at: (j, c), left: e, right: share })
    }));
    // Sᵀ (A S).
    let by_entry = (0u32..).zip(&first.entries);
    let second = Product::new(by_entry.flat_map(|(t, &(j, c))| {
        rows[j as usize].iter().map(move |&(r, share)| Term { at: (r, c), left: share, right: t })
    }));
    let (source, destination) = second.entries.iter().copied().unzip();
    let coarse = EdgeIndex::new(source, destination, perm.len())?;
    let weight = weight.map(|w| second.values(share, &first.values(w, share)?)).transpose()?;
    Ok((coarse, weight))
}

/// A product of an entry of one matrix and one of another, which adds to the entry `at` of the result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Term {
    at: (u32, u32),
    left: u32,
    right: u32,
}

/// A product of sparse matrices.
struct Product {
    /// Row and column of each entry, sorted.
    entries: Vec<(u32, u32)>,
    left: Vec<u32>,
    right: Vec<u32>,
    /// The entry that each term adds to.
    entry: Vec<u32>,
}

impl Product {
    fn new(terms: impl Iterator<Item = Term>) -> Self {
        let mut terms: Vec<Term> = terms.collect();
        terms.sort_unstable();
        let mut entries: Vec<(u32, u32)> = Vec::new();
        let mut entry = Vec::with_capacity(terms.len());
        for term in &terms {
            if entries.last() != Some(&term.at) {
                entries.push(term.at);
            }
            entry.push(entries.len() as u32 - 1);
        }
        let (left, right) = terms.iter().map(|t| (t.left, t.right)).unzip();
        Self { entries, left, right, entry }
    }

    /// The numbers at the entries, from those of the two matrices.
    fn values(&self, left: &Tensor, right: &Tensor) -> Result<Tensor> {
        let terms = |ids: &[u32], of: &Tensor| -> Result<_> {
            let at = EdgeIndex::bipartite(ids.to_vec(), self.entry.clone(), of.dim(0)?, self.entries.len())?;
            Ok((ops::gather_src(of, &at)?, at))
        };
        let ((left, at), (right, _)) = (terms(&self.left, left)?, terms(&self.right, right)?);
        Ok(ops::scatter(&(left * right)?, &at, Reduce::Sum)?)
    }
}
