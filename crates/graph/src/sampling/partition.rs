use crate::{EdgeIndex, GraphError, Result};

/// The nodes of a graph in parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Partition {
    /// The part of every node.
    pub part: Vec<u32>,
    /// The number of parts, some of which may be empty.
    pub num_parts: usize,
}

impl Partition {
    /// Parts that the caller has.
    ///
    /// # Errors
    /// If a part is not below their number.
    pub fn new(part: Vec<u32>, num_parts: usize) -> Result<Self> {
        if let Some(i) = part.iter().position(|&p| p as usize >= num_parts) {
            return Err(GraphError::Invalid {
                argument: "part",
                expected: format!("parts below {num_parts}"),
                actual: format!("{} at node {i}", part[i]),
            });
        }
        Ok(Self { part, num_parts })
    }

    /// The number of edges between different parts.
    ///
    /// # Errors
    /// If the partition is not of the nodes of this graph.
    pub fn edge_cut(&self, edges: &EdgeIndex) -> Result<usize> {
        let (expected, actual) = (edges.num_nodes()?, self.part.len());
        if expected != actual {
            return Err(GraphError::Length { what: "part", expected, actual });
        }
        Ok(edges.iter().filter(|(j, i)| self.part[*j as usize] != self.part[*i as usize]).count())
    }

    /// The nodes of each part, ascending.
    pub fn nodes(&self) -> Vec<Vec<u32>> {
        let mut nodes = vec![Vec::new(); self.num_parts];
        (0u32..).zip(&self.part).for_each(|(i, &p)| nodes[p as usize].push(i));
        nodes
    }
}

/// A partition in which few edges join different parts: a plain one, for where METIS (feature `metis`) is not at hand.
///
/// Breadth-first search puts nodes that are near each other side by side, and equally long pieces of this order are the parts.
/// Then nodes move, one after the other and a few times over, to the part where most of their neighbours are, if it is not
/// full: no part grows beyond 1.05 times the mean. Directions of edges do not matter. Deterministic, O(N + E).
///
/// # Errors
/// If the graph is bipartite, or `num_parts` is 0 or greater than the number of nodes, unless both are 0.
///
/// ```
/// use candle_geometric_graph::{generators::grid, sampling::partition};
/// # fn main() -> Result<(), candle_geometric_graph::GraphError> {
/// let graph = grid(16, 16, false)?;
/// let parts = partition(&graph, 4)?;
/// assert!(parts.edge_cut(&graph)? < graph.num_edges() / 5); // a random one cuts three quarters
/// # Ok(()) }
/// ```
pub fn partition(edges: &EdgeIndex, num_parts: usize) -> Result<Partition> {
    const PASSES: usize = 8;
    let n = check(edges, num_parts)?;
    let order = breadth_first(edges, n);
    let (starts, near) = neighbors_in_order(edges, &order);
    // From here on a node is called by its place in the order.
    let mut part: Vec<u32> = (0..n as u64).map(|k| (k * num_parts as u64 / n as u64) as u32).collect();
    let mut sizes = vec![0usize; num_parts];
    part.iter().for_each(|&p| sizes[p as usize] += 1);
    let most = (n as f64 / num_parts as f64 * 1.05).ceil() as usize;
    let mut of_parts = vec![0u32; num_parts];
    for _ in 0..PASSES {
        let mut moved = false;
        for (node, row) in starts.windows(2).enumerate() {
            let near = &near[row[0]..row[1]];
            let own = part[node];
            near.iter().for_each(|&j| of_parts[part[j as usize] as usize] += 1);
            // The greatest number, then the smallest part: the order of the neighbours does not matter.
            let (mut best, mut greatest) = (own, of_parts[own as usize]);
            for &j in near {
                let p = part[j as usize];
                let count = of_parts[p as usize];
                let room = sizes[p as usize] < most;
                if p != own && room && (count > greatest || count == greatest && best != own && p < best) {
                    (best, greatest) = (p, count);
                }
            }
            near.iter().for_each(|&j| of_parts[part[j as usize] as usize] = 0);
            if best != own && sizes[own as usize] > 1 {
                part[node] = best;
                sizes[own as usize] -= 1;
                sizes[best as usize] += 1;
                moved = true;
            }
        }
        if !moved {
            break;
        }
    }
    let mut of_nodes = vec![0; n];
    order.iter().zip(part).for_each(|(&node, p)| of_nodes[node as usize] = p);
    Ok(Partition { part: of_nodes, num_parts })
}

/// A partition by METIS (Karypis and Kumar 1998), of the graph without directions and self-loops, whose weights are the numbers
/// of edges between two nodes: recursive bisection for up to 8 parts, k-way else, as in PyG's `ClusterData`.
///
/// # Errors
/// As [`partition`]; if METIS, whose numbers have 31 bits, fails.
#[cfg(feature = "metis")]
pub fn partition_metis(edges: &EdgeIndex, num_parts: usize, seed: i32) -> Result<Partition> {
    use metis::option::Seed;

    let n = check(edges, num_parts)?;
    if num_parts <= 1 {
        return Partition::new(vec![0; n], num_parts);
    }
    let failed = |why: String| GraphError::Invalid {
        argument: "edges",
        expected: "a graph that METIS can take apart".into(),
        actual: why,
    };
    let number = |size: usize| metis::Idx::try_from(size).map_err(|_| failed(format!("a size of {size}")));
    number(edges.num_edges().saturating_mul(2))?;
    let (mut starts, mut columns, mut weights) = (vec![0], Vec::new(), Vec::new());
    for node in 0..n as u32 {
        let mut row: Vec<u32> = neighbors(edges, node).filter(|&j| j != node).collect();
        row.sort_unstable();
        for same in row.chunk_by(|a, b| a == b) {
            columns.push(number(same[0] as usize)?);
            weights.push(number(same.len())?);
        }
        starts.push(number(columns.len())?);
    }
    let mut part = vec![0; n];
    let graph = metis::Graph::new(1, number(num_parts)?, &starts, &columns)
        .map_err(|e| failed(e.to_string()))?
        .set_adjwgt(&weights)
        .set_option(Seed(seed));
    let done = if num_parts <= 8 { graph.part_recursive(&mut part) } else { graph.part_kway(&mut part) };
    done.map_err(|e| failed(e.to_string()))?;
    Partition::new(part.into_iter().map(|p| p as u32).collect(), num_parts)
}

fn check(edges: &EdgeIndex, num_parts: usize) -> Result<usize> {
    let n = edges.num_nodes()?;
    if num_parts > n || num_parts == 0 && n > 0 {
        return Err(GraphError::Invalid {
            argument: "num_parts",
            expected: format!("from 1 to the number of nodes, {n}"),
            actual: num_parts.to_string(),
        });
    }
    Ok(n)
}

/// Both ends of the edges at a node, but for itself.
fn neighbors(edges: &EdgeIndex, node: u32) -> impl Iterator<Item = u32> + '_ {
    let (into, out) = (edges.by_destination(), edges.by_source());
    into.neighbors(node as usize).iter().chain(out.neighbors(node as usize)).copied()
}

/// For every node in the order, one after the other, the places of its neighbours in the order; and where those of each node
/// begin. The passes read this from front to back, and neighbours are near each other.
fn neighbors_in_order(edges: &EdgeIndex, order: &[u32]) -> (Vec<usize>, Vec<u32>) {
    let mut place = vec![0u32; order.len()];
    (0u32..).zip(order).for_each(|(k, &node)| place[node as usize] = k);
    let mut starts = Vec::with_capacity(order.len() + 1);
    let mut near = Vec::with_capacity(2 * edges.num_edges());
    starts.push(0);
    for &node in order {
        near.extend(neighbors(edges, node).filter(|&j| j != node).map(|j| place[j as usize]));
        starts.push(near.len());
    }
    (starts, near)
}

/// All nodes, each component from its first node on.
fn breadth_first(edges: &EdgeIndex, num_nodes: usize) -> Vec<u32> {
    let mut is_seen = vec![false; num_nodes];
    let mut order: Vec<u32> = Vec::with_capacity(num_nodes);
    for start in 0..num_nodes as u32 {
        let mut next = order.len();
        if !std::mem::replace(&mut is_seen[start as usize], true) {
            order.push(start);
        }
        while let Some(&node) = order.get(next) {
            next += 1;
            order.extend(
                neighbors(edges, node).filter(|&j| !std::mem::replace(&mut is_seen[j as usize], true)),
            );
        }
    }
    order
}
