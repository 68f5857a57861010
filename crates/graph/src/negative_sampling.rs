use std::collections::HashSet;

use crate::rng::{Sequence, Stream};
use crate::validate::check_size;
use crate::{EdgeIndex, GraphError, Result};

/// What a negative edge must not be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Forbidden {
    /// An edge.
    Edges,
    /// An edge, or the reverse of one.
    EdgesAndReverses,
}

/// Pairs of different nodes without an edge, each at most once: `num_neg_samples` of them, or all where there are
/// fewer. In a bipartite graph a pair is a source and a destination, which always are different nodes.
///
/// The same stream gives the same pairs.
///
/// # Errors
/// If the graph is bipartite and reverses are forbidden, or so many edges exceed 32 bits.
///
/// ```
/// use candle_geometric_graph::rng::Stream;
/// use candle_geometric_graph::{EdgeIndex, Forbidden, negative_sampling};
/// # fn main() -> Result<(), candle_geometric_graph::GraphError> {
/// let edges = EdgeIndex::new(vec![0, 1], vec![1, 2], 3)?;
/// let negative = negative_sampling(&edges, 9, Forbidden::EdgesAndReverses, Stream::new(0, 0))?;
/// let mut pairs: Vec<_> = negative.iter().collect();
/// pairs.sort_unstable();
/// assert_eq!(pairs, [(0, 2), (2, 0)]);
/// # Ok(()) }
/// ```
pub fn negative_sampling(
    edges: &EdgeIndex,
    num_neg_samples: usize,
    forbidden: Forbidden,
    stream: Stream,
) -> Result<EdgeIndex> {
    if forbidden == Forbidden::EdgesAndReverses {
        checked(edges)?;
    }
    let kind = if edges.is_bipartite() { Kind::Bipartite } else { Kind::Different };
    let (num_src, num_dst) = (edges.num_src(), edges.num_dst());
    let free = negative_pairs(edges, forbidden, kind, num_neg_samples, stream)?;
    let (source, destination) = free.into_iter().unzip();
    Ok(EdgeIndex::trusted(source, destination, num_src, num_dst, edges.is_bipartite()))
}

/// As [`negative_sampling`], of pairs without direction: no pair is the reverse of another one, an edge, or the reverse of
/// an edge. Each goes from the smaller node to the greater one.
pub(crate) fn undirected_negative_pairs(
    edges: &EdgeIndex,
    wanted: usize,
    stream: Stream,
) -> Result<Vec<(u32, u32)>> {
    checked(edges)?;
    negative_pairs(edges, Forbidden::EdgesAndReverses, Kind::Unordered, wanted, stream)
}

fn negative_pairs(
    edges: &EdgeIndex,
    forbidden: Forbidden,
    kind: Kind,
    wanted: usize,
    stream: Stream,
) -> Result<Vec<(u32, u32)>> {
    let sources: Vec<u32> = (0..edges.num_src() as u32).collect();
    let destinations: Vec<u32> = (0..edges.num_dst() as u32).collect();
    let candidates = Candidates { sources: &sources, destinations: &destinations, kind };
    let taken = pairs_of(edges, forbidden, kind);
    candidates.sample(&taken, taken.len(), wanted, &mut stream.sequence())
}

/// As [`negative_sampling`], both nodes of a pair in the same graph of a batch: for every graph `ratio` times the
/// number of its edges, rounded down, or all pairs where there are fewer. `batch` is [`EdgeIndex::from_batch`].
///
/// PyTorch Geometric takes a number instead, so many for every graph, whatever its size.
///
/// # Errors
/// As [`negative_sampling`], and if `batch` has not one edge per node or `ratio` is negative or not finite.
pub fn batched_negative_sampling(
    edges: &EdgeIndex,
    batch: &EdgeIndex,
    ratio: f64,
    forbidden: Forbidden,
    stream: Stream,
) -> Result<EdgeIndex> {
    let num_nodes = checked(edges)?;
    let invalid =
        |argument, expected: String, actual| Err(GraphError::Invalid { argument, expected, actual });
    if batch.num_edges() != num_nodes {
        let expected = format!("the graph of each of {num_nodes} nodes");
        return invalid("batch", expected, batch.num_edges().to_string());
    }
    if !(ratio >= 0.0 && ratio.is_finite()) {
        return invalid("ratio", "a number, at least 0".into(), ratio.to_string());
    }
    let (taken, graph_of) = (pairs_of(edges, forbidden, Kind::Different), batch.destination());
    let (mut num_edges, mut num_taken) = (vec![0usize; batch.num_dst()], vec![0usize; batch.num_dst()]);
    for (j, _) in edges.iter() {
        num_edges[graph_of[j as usize] as usize] += 1;
    }
    for pair in &taken {
        num_taken[graph_of[(pair >> 32) as usize] as usize] += 1;
    }
    let (mut random, mut all) = (stream.sequence(), Vec::new());
    for graph in 0..batch.num_dst() {
        let wanted = (ratio * num_edges[graph] as f64) as usize;
        let nodes = batch.by_destination().edges(graph);
        let candidates = Candidates { sources: nodes, destinations: nodes, kind: Kind::Different };
        all.extend(candidates.sample(&taken, num_taken[graph], wanted, &mut random)?);
    }
    EdgeIndex::from_pairs(all, num_nodes)
}

fn checked(edges: &EdgeIndex) -> Result<usize> {
    if !edges.is_bipartite() {
        return edges.num_nodes();
    }
    let (num_src, num_dst) = (edges.num_src(), edges.num_dst());
    Err(GraphError::Bipartite { operation: "negative_sampling", num_src, num_dst })
}

/// A pair as a number.
fn pair(j: u32, i: u32) -> u64 {
    u64::from(j) << 32 | u64::from(i)
}

/// Which pairs there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Any source and any destination.
    Bipartite,
    /// Two different nodes.
    Different,
    /// Two different nodes without order, the smaller one first.
    Unordered,
}

impl Kind {
    /// The pair of two nodes, if they are one.
    fn pair(self, j: u32, i: u32) -> Option<(u32, u32)> {
        match self {
            Self::Bipartite => Some((j, i)),
            Self::Different | Self::Unordered if j == i => None,
            Self::Different => Some((j, i)),
            Self::Unordered => Some((j.min(i), j.max(i))),
        }
    }
}

/// The pairs that are forbidden.
fn pairs_of(edges: &EdgeIndex, forbidden: Forbidden, kind: Kind) -> HashSet<u64> {
    let both = forbidden == Forbidden::EdgesAndReverses;
    let pairs = edges.iter().filter_map(|(j, i)| kind.pair(j, i));
    pairs
        .flat_map(|(j, i)| [Some(pair(j, i)), (both && kind != Kind::Unordered).then(|| pair(i, j))])
        .flatten()
        .collect()
}

/// The nodes that make pairs. On one set of nodes, both lists are the same.
struct Candidates<'a> {
    sources: &'a [u32],
    destinations: &'a [u32],
    kind: Kind,
}

impl Candidates<'_> {
    /// So many pairs, of which `num_taken` are `taken`.
    fn sample(
        &self,
        taken: &HashSet<u64>,
        num_taken: usize,
        wanted: usize,
        random: &mut Sequence,
    ) -> Result<Vec<(u32, u32)>> {
        let (n, m) = (self.sources.len(), self.destinations.len());
        let population = match self.kind {
            Kind::Bipartite => n.saturating_mul(m),
            Kind::Different => n.saturating_mul(n.saturating_sub(1)),
            Kind::Unordered => n.saturating_mul(n.saturating_sub(1)) / 2,
        };
        let wanted = wanted.min(population.saturating_sub(num_taken));
        check_size("num_edges", wanted)?;
        if wanted == 0 {
            return Ok(vec![]);
        }
        // Where most pairs are taken or wanted, there are few enough to be listed.
        if num_taken.saturating_add(wanted) > population / 2 {
            let is_listed = |&(j, i): &(u32, u32)| self.kind.pair(j, i) == Some((j, i));
            let all = self.sources.iter().flat_map(|&j| self.destinations.iter().map(move |&i| (j, i)));
            let mut free: Vec<(u32, u32)> =
                all.filter(is_listed).filter(|&(j, i)| !taken.contains(&pair(j, i))).collect();
            random.shuffle(&mut free);
            free.truncate(wanted);
            return Ok(free);
        }
        // Else about every other try finds a free one.
        let (mut found, mut pairs) = (HashSet::with_capacity(wanted), Vec::with_capacity(wanted));
        while pairs.len() < wanted {
            let j = self.sources[random.below(n as u32) as usize];
            let i = self.destinations[random.below(m as u32) as usize];
            let Some((j, i)) = self.kind.pair(j, i) else { continue };
            if !taken.contains(&pair(j, i)) && found.insert(pair(j, i)) {
                pairs.push((j, i));
            }
        }
        Ok(pairs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generators::erdos_renyi;

    fn pairs(edges: &EdgeIndex) -> HashSet<(u32, u32)> {
        edges.iter().collect()
    }

    #[test]
    fn no_negative_edge_is_an_edge_a_loop_or_twice_there() {
        for probability in [0.0, 0.05, 0.9, 1.0] {
            let edges = erdos_renyi(20, probability, 1).unwrap();
            let positive = pairs(&edges);
            for wanted in [0, 1, 30, 1000] {
                let of = |id| {
                    negative_sampling(&edges, wanted, Forbidden::EdgesAndReverses, Stream::new(5, id))
                        .unwrap()
                };
                let negative = of(0);
                let free = (0..20)
                    .flat_map(|j| (0..20).map(move |i| (j, i)))
                    .filter(|&(j, i)| j != i && !positive.contains(&(j, i)) && !positive.contains(&(i, j)));
                assert_eq!(negative.num_edges(), wanted.min(free.count()));
                assert_eq!(pairs(&negative).len(), negative.num_edges());
                assert!(negative.iter().all(|(j, i)| j != i));
                assert!(
                    negative.iter().all(|(j, i)| !positive.contains(&(j, i)) && !positive.contains(&(i, j)))
                );
                assert_eq!(negative, of(0));
            }
        }
    }

    #[test]
    fn reverses_are_allowed_where_only_edges_are_forbidden() {
        let edges = EdgeIndex::new(vec![0], vec![1], 2).unwrap();
        let negative = negative_sampling(&edges, 5, Forbidden::Edges, Stream::new(0, 0)).unwrap();
        assert_eq!(pairs(&negative), HashSet::from([(1, 0)]));
    }

    #[test]
    fn a_bipartite_graph_has_pairs_of_equal_numbers_too() {
        let edges = EdgeIndex::bipartite(vec![0, 1, 1], vec![1, 0, 2], 2, 3).unwrap();
        let all = |forbidden| negative_sampling(&edges, 9, forbidden, Stream::new(0, 0));
        let negative = all(Forbidden::Edges).unwrap();
        assert!(negative.is_bipartite());
        assert_eq!(pairs(&negative), HashSet::from([(0, 0), (0, 2), (1, 1)]));
        assert!(all(Forbidden::EdgesAndReverses).is_err());
    }

    #[test]
    fn pairs_without_direction_are_found_once() {
        let edges = EdgeIndex::new(vec![2, 3, 1], vec![0, 3, 0], 4).unwrap();
        for wanted in 0..6 {
            let free = undirected_negative_pairs(&edges, wanted, Stream::new(3, 0)).unwrap();
            assert_eq!(free.len(), wanted.min(4));
            let distinct: HashSet<_> = free.into_iter().collect();
            assert_eq!(distinct.len(), wanted.min(4));
            assert!(distinct.is_subset(&HashSet::from([(0, 3), (1, 2), (1, 3), (2, 3)])));
        }
    }

    #[test]
    fn pairs_stay_within_their_graphs() {
        let edges = EdgeIndex::new(vec![0, 1, 4, 5, 6], vec![1, 2, 5, 6, 7], 9).unwrap();
        let batch = EdgeIndex::from_batch(&[0, 0, 0, 0, 2, 2, 2, 2, 3], 4).unwrap();
        let of =
            |ratio| batched_negative_sampling(&edges, &batch, ratio, Forbidden::Edges, Stream::new(1, 0));
        let negative = of(1.0).unwrap();
        assert_eq!(negative.num_edges(), 2 + 3);
        assert!(
            negative.iter().all(|(j, i)| batch.destination()[j as usize] == batch.destination()[i as usize])
        );
        assert_eq!(of(100.0).unwrap().num_edges(), (12 - 2) + (12 - 3));
        assert!(of(-1.0).is_err());
    }
}
