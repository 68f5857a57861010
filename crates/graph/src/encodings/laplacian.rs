use super::eigen;
use crate::transforms::{coalesce, remove_self_loops};
use crate::validate::check_size;
use crate::{EdgeIndex, GraphError, Result};

/// The most nodes of a connected component: its Laplacian is a dense matrix here.
const MOST_NODES: usize = 10_000;

/// The eigenvectors of the normalised Laplacian `I − D^(−1/2) A D^(−1/2)` with the `k` smallest eigenvalues but the first
/// (Dwivedi et al., *Benchmarking Graph Neural Networks*, JMLR 2023, section 4.3): `N · k` numbers, node by node.
///
/// PyTorch Geometric's `AddLaplacianEigenvectorPE`, with fixed signs instead of random ones: the entry of a vector with
/// the largest absolute value is positive, and of several equally large ones (to 10⁻⁹) that of the first node. To train
/// with random signs, flip columns. Eigenvectors are computed for each connected component and are 0 outside of it; equal
/// eigenvalues (to 10⁻⁹) stand in the order of the first nodes of their components. Within an eigenspace of more
/// dimensions the choice of the vectors depends on the order of the nodes, as it must.
///
/// Self-loops do not count, an edge that stands twice counts twice, and an isolated node has the eigenvalue 1. Where
/// there are fewer than k + 1 nodes the last columns are 0. The work is cubic in the size of a component.
///
/// # Errors
/// If the graph is bipartite or not undirected ([`to_undirected`](crate::transforms::to_undirected) makes it so), a
/// connected component has more than 10 000 nodes, or the result more than 2³² numbers.
///
/// ```
/// use candle_geometric_graph::{EdgeIndex, encodings::laplacian_eigenvector_pe};
/// # fn main() -> Result<(), candle_geometric_graph::GraphError> {
/// let path = EdgeIndex::new(vec![0, 1, 1, 2], vec![1, 0, 2, 1], 3)?;
/// let pe = laplacian_eigenvector_pe(&path, 1)?;
/// let expected = [0.5f64.sqrt(), 0.0, -0.5f64.sqrt()];
/// assert!(pe.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-12));
/// # Ok(()) }
/// ```
pub fn laplacian_eigenvector_pe(edges: &EdgeIndex, k: usize) -> Result<Vec<f64>> {
    let n = edges.num_nodes()?;
    check_size("k", n.saturating_mul(k))?;
    let merged = coalesce(&remove_self_loops(edges)?.edges)?;
    let weights: Vec<f64> = merged.origin.in_degrees().into_iter().map(f64::from).collect();
    let adjacency = Adjacency::new(&merged.edges, &weights)?;
    let (components, most) = (adjacency.components(), k.saturating_add(1));
    let mut found = Vec::new();
    for (c, component) in components.iter().enumerate() {
        let size = component.len();
        if size > MOST_NODES {
            return Err(GraphError::Invalid {
                argument: "edges",
                expected: format!("connected components of at most {MOST_NODES} nodes"),
                actual: format!("one of {size}"),
            });
        }
        let (values, vectors) = eigen::symmetric(adjacency.laplacian(component), size);
        for (j, value) in values.into_iter().enumerate().take(most) {
            // In steps of 10⁻⁹, so that equal eigenvalues are not in the order of their rounding errors.
            let order = ((value * 1e9).round() as i64, c, j);
            found.push((order, vectors[j * size..(j + 1) * size].to_vec()));
        }
        // Only these can be among the k + 1 smallest of all.
        found.sort_by_key(|(order, _)| *order);
        found.truncate(most);
    }
    let mut out = vec![0.0; n * k];
    for (column, ((_, c, _), vector)) in found.into_iter().skip(1).enumerate() {
        let sign = sign(&vector);
        for (&i, v) in components[c].iter().zip(vector) {
            out[i as usize * k + column] = sign * v;
        }
    }
    Ok(out)
}

/// What makes the first of the largest entries positive.
fn sign(vector: &[f64]) -> f64 {
    let largest = vector.iter().fold(0.0f64, |m, v| m.max(v.abs()));
    let first = vector.iter().find(|v| v.abs() >= largest * (1.0 - 1e-9));
    first.map_or(1.0, |v| v.signum())
}

/// An undirected graph without self-loops and duplicates, with weights.
struct Adjacency<'a> {
    edges: &'a EdgeIndex,
    weights: &'a [f64],
    /// 1 / √d of each node, 0 where it has no edges.
    inverse_root: Vec<f64>,
}

impl<'a> Adjacency<'a> {
    fn new(edges: &'a EdgeIndex, weights: &'a [f64]) -> Result<Self> {
        // Sorted by source, then by destination: the edges turned around must be the same.
        let order = edges.by_destination();
        let turned = (0..edges.num_dst()).flat_map(|i| order.edges(i).iter().map(move |&e| (i as u32, e)));
        for ((e, (s, d)), (i, back)) in (0u32..).zip(edges.iter()).zip(turned) {
            let same = i == s && edges.source()[back as usize] == d;
            if !same || weights[e as usize] != weights[back as usize] {
                return Err(GraphError::Invalid {
                    argument: "edges",
                    expected: "an undirected graph, with every edge as often as its reverse".into(),
                    actual: format!("{s} → {d} among the edges without it"),
                });
            }
        }
        let mut degree = vec![0.0; edges.num_src()];
        edges.source().iter().zip(weights).for_each(|(&s, w)| degree[s as usize] += w);
        let inverse_root = degree.iter().map(|d: &f64| if *d > 0.0 { d.sqrt().recip() } else { 0.0 });
        Ok(Self { edges, weights, inverse_root: inverse_root.collect() })
    }

    /// The nodes of each connected component, ascending; components in the order of their first nodes.
    fn components(&self) -> Vec<Vec<u32>> {
        let csr = self.edges.by_source();
        let mut seen = vec![false; self.edges.num_src()];
        let mut components = Vec::new();
        for start in 0..seen.len() {
            if std::mem::replace(&mut seen[start], true) {
                continue;
            }
            let mut component = vec![start as u32];
            let mut next = 0;
            while let Some(&i) = component.get(next) {
                next += 1;
                for &j in csr.neighbors(i as usize) {
                    if !std::mem::replace(&mut seen[j as usize], true) {
                        component.push(j);
                    }
                }
            }
            component.sort_unstable();
            components.push(component);
        }
        components
    }

    /// The normalised Laplacian of a component, row by row.
    fn laplacian(&self, component: &[u32]) -> Vec<f64> {
        let (n, csr) = (component.len(), self.edges.by_source());
        let mut matrix = vec![0.0; n * n];
        for (r, &i) in component.iter().enumerate() {
            matrix[r * n + r] = 1.0;
            for &e in csr.edges(i as usize) {
                let j = self.edges.destination()[e as usize];
                // The neighbours of a node are in its component.
                if let Ok(c) = component.binary_search(&j) {
                    let scale = self.inverse_root[i as usize] * self.inverse_root[j as usize];
                    matrix[r * n + c] -= self.weights[e as usize] * scale;
                }
            }
        }
        matrix
    }
}
