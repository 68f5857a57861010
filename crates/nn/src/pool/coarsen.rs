//! The graph of clusters: products of sparse matrices whose entries carry gradients.

use candle_core::Tensor;
use candle_geometric_graph::EdgeIndex;
use candle_geometric_ops::{self as ops, Reduce};

use crate::Result;

/// The entries of each row of a sparse matrix: a column, and the number of the value.
type Rows = Vec<Vec<(u32, u32)>>;

/// Sᵀ A S, where A has an entry for every edge (its weight, at (source, destination)) and S those of the edges that end
/// in a cluster's node (`share` `[E]`); cluster c is node `perm[c]`. Gives the edges between clusters, one wherever a
/// product could be other than 0, and their weights if there is a weight. They are sorted by source; those of a source
/// stand in the order in which the product meets them, which is the order of PyTorch.
pub(super) fn coarsen(
    edges: &EdgeIndex,
    weight: Option<&Tensor>,
    share: &Tensor,
    perm: &[u32],
) -> Result<(EdgeIndex, Option<Tensor>)> {
    let n = edges.num_src();
    let mut cluster = vec![None; n];
    for (c, &node) in (0u32..).zip(perm) {
        cluster[node as usize] = Some(c);
    }
    let (mut a, mut s): (Rows, Rows) = (vec![vec![]; n], vec![vec![]; n]);
    let mut transposed: Rows = vec![vec![]; perm.len()];
    for (e, (j, i)) in (0u32..).zip(edges.iter()) {
        a[j as usize].push((i, e));
        if let Some(c) = cluster[i as usize] {
            s[j as usize].push((c, e));
            transposed[c as usize].push((j, e));
        }
    }
    for row in a.iter_mut().chain(&mut s).chain(&mut transposed) {
        row.sort_unstable();
    }
    let first = Product::new(&a, &s, perm.len());
    let second = Product::new(&transposed, &first.rows, perm.len());
    let ends = (0u32..).zip(&second.rows).flat_map(|(r, row)| row.iter().map(move |&(c, _)| (r, c)));
    let coarse = EdgeIndex::from_pairs(ends, perm.len())?;
    let weight = weight.map(|w| second.values(share, &first.values(w, share)?)).transpose()?;
    Ok((coarse, weight))
}

/// A product of sparse matrices: its entries, and the products of numbers that add up to them.
struct Product {
    /// Entries are numbered row by row.
    rows: Rows,
    left: Vec<u32>,
    right: Vec<u32>,
    /// The entry that each product of two numbers adds to.
    entry: Vec<u32>,
}

impl Product {
    fn new(left: &Rows, right: &Rows, columns: usize) -> Self {
        let mut all =
            Self { rows: Vec::with_capacity(left.len()), left: vec![], right: vec![], entry: vec![] };
        let (mut entries, mut first) = (0u32, 0u32);
        // The entry of each column; one before `first` is that of an earlier row.
        let mut last = vec![None; columns];
        for row in left {
            let mut out = Vec::new();
            for &(k, l) in row {
                for &(column, r) in &right[k as usize] {
                    let slot = &mut last[column as usize];
                    let entry = slot.filter(|entry| *entry >= first).unwrap_or_else(|| {
                        out.push((column, entries));
                        entries += 1;
                        entries - 1
                    });
                    *slot = Some(entry);
                    all.left.push(l);
                    all.right.push(r);
                    all.entry.push(entry);
                }
            }
            all.rows.push(out);
            first = entries;
        }
        all
    }

    /// The numbers at the entries, from those of the two matrices.
    fn values(&self, left: &Tensor, right: &Tensor) -> Result<Tensor> {
        let entries = self.rows.iter().map(Vec::len).sum();
        let at = |ids: &[u32], of: &Tensor| -> Result<EdgeIndex> {
            Ok(EdgeIndex::bipartite(ids.to_vec(), self.entry.clone(), of.dim(0)?, entries)?)
        };
        let (from_left, from_right) = (at(&self.left, left)?, at(&self.right, right)?);
        let products = (ops::gather_src(left, &from_left)? * ops::gather_src(right, &from_right)?)?;
        Ok(ops::scatter(&products, &from_left, Reduce::Sum)?)
    }
}
