use super::{Induced, subgraph};
use crate::{EdgeIndex, GraphError, Result};

/// Which nodes belong together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Connection {
    /// Those with a path between them, whatever the directions of its edges.
    #[default]
    Weak,
    /// Those with a directed path from each to the other.
    Strong,
}

/// The component of every node, numbered in the order of their first nodes, and the number of nodes of each component.
///
/// # Errors
/// If the graph is bipartite.
///
/// ```
/// # use candle_geometric_graph::{EdgeIndex, transforms::{Connection, connected_components}};
/// # fn main() -> Result<(), candle_geometric_graph::GraphError> {
/// let edges = EdgeIndex::new(vec![0, 1, 3], vec![1, 0, 1], 4)?; // 0 ⇄ 1 ← 3, and 2 alone
/// assert_eq!(connected_components(&edges, Connection::Weak)?, (vec![0, 0, 1, 0], vec![3, 1]));
/// assert_eq!(connected_components(&edges, Connection::Strong)?, (vec![0, 0, 1, 2], vec![2, 1, 1]));
/// # Ok(()) }
/// ```
pub fn connected_components(edges: &EdgeIndex, connection: Connection) -> Result<(Vec<u32>, Vec<u32>)> {
    let num_nodes = edges.num_nodes()?;
    let roots = match connection {
        Connection::Weak => weak(edges, num_nodes),
        Connection::Strong => strong(edges, num_nodes),
    };
    let mut number = vec![u32::MAX; num_nodes];
    let mut sizes = Vec::new();
    let component = roots.iter().map(|&root| {
        let number = &mut number[root as usize];
        if *number == u32::MAX {
            *number = sizes.len() as u32;
            sizes.push(0);
        }
        sizes[*number as usize] += 1;
        *number
    });
    Ok((component.collect(), sizes))
}

/// The `num_components` largest components as one graph, their nodes in ascending order: PyG's
/// `LargestConnectedComponents`. Of equally large ones that with the smallest node comes first.
///
/// # Errors
/// If the graph is bipartite, or there are fewer components.
///
/// ```
/// # use candle_geometric_graph::{EdgeIndex, transforms::{Connection, largest_connected_components}};
/// # fn main() -> Result<(), candle_geometric_graph::GraphError> {
/// let edges = EdgeIndex::new(vec![0, 2, 4], vec![1, 3, 3], 5)?;
/// let largest = largest_connected_components(&edges, 1, Connection::Weak)?;
/// assert_eq!(largest.nodes, [2, 3, 4]);
/// assert_eq!(largest.graph.edges, EdgeIndex::new(vec![0, 2], vec![1, 1], 3)?);
/// # Ok(()) }
/// ```
pub fn largest_connected_components(
    edges: &EdgeIndex,
    num_components: usize,
    connection: Connection,
) -> Result<Induced> {
    let (component, sizes) = connected_components(edges, connection)?;
    if num_components > sizes.len() {
        return Err(GraphError::Invalid {
            argument: "num_components",
            expected: format!("at most the number of components, {}", sizes.len()),
            actual: num_components.to_string(),
        });
    }
    let mut by_size: Vec<usize> = (0..sizes.len()).collect();
    by_size.sort_by_key(|&c| std::cmp::Reverse(sizes[c]));
    let mut is_kept = vec![false; sizes.len()];
    by_size[..num_components].iter().for_each(|&c| is_kept[c] = true);
    let nodes: Vec<u32> =
        (0u32..).zip(&component).filter(|(_, c)| is_kept[**c as usize]).map(|(i, _)| i).collect();
    let graph = subgraph(edges, &nodes)?;
    Ok(Induced { nodes, graph })
}

/// For every node the smallest of its component (union-find with path halving).
fn weak(edges: &EdgeIndex, num_nodes: usize) -> Vec<u32> {
    let mut parent: Vec<u32> = (0..num_nodes as u32).collect();
    let find = |parent: &mut [u32], mut i: u32| {
        while parent[i as usize] != i {
            let above = parent[parent[i as usize] as usize];
            parent[i as usize] = above;
            i = above;
        }
        i
    };
    for (j, i) in edges.iter() {
        let (a, b) = (find(&mut parent, j), find(&mut parent, i));
        parent[a.max(b) as usize] = a.min(b);
    }
    (0..num_nodes as u32).map(|i| find(&mut parent, i)).collect()
}

/// For every node one that stands for its component (Tarjan 1972, with a stack of its own: paths may be long).
fn strong(edges: &EdgeIndex, num_nodes: usize) -> Vec<u32> {
    const UNSEEN: u32 = u32::MAX;
    let csr = edges.by_source();
    let (mut order, mut low) = (vec![UNSEEN; num_nodes], vec![0u32; num_nodes]);
    let mut root = vec![UNSEEN; num_nodes];
    let (mut open, mut path) = (Vec::new(), Vec::new());
    let mut seen = 0;
    for start in 0..num_nodes as u32 {
        if order[start as usize] != UNSEEN {
            continue;
        }
        path.push((start, 0));
        while let Some((node, next)) = path.last_mut() {
            let i = *node as usize;
            if *next == 0 && order[i] == UNSEEN {
                (order[i], low[i]) = (seen, seen);
                seen += 1;
                open.push(*node);
            }
            if let Some(&j) = csr.neighbors(i).get(*next) {
                *next += 1;
                if order[j as usize] == UNSEEN {
                    path.push((j, 0));
                } else if root[j as usize] == UNSEEN {
                    low[i] = low[i].min(order[j as usize]);
                }
                continue;
            }
            path.pop();
            if let Some((above, _)) = path.last() {
                low[*above as usize] = low[*above as usize].min(low[i]);
            }
            if low[i] == order[i] {
                while let Some(member) = open.pop() {
                    root[member as usize] = i as u32;
                    if member as usize == i {
                        break;
                    }
                }
            }
        }
    }
    root
}
