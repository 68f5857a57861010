use candle_geometric_graph::EdgeIndex;

use crate::{Dataset, Result};

/// What there is to count in the structure of a data set.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Stats {
    /// The number of graphs.
    pub graphs: usize,
    /// The number of nodes of all graphs.
    pub nodes: usize,
    /// The number of edges of all graphs; both directions of an undirected edge count.
    pub edges: usize,
    /// Edges from a node to itself.
    pub self_loops: usize,
    /// Nodes without any edge.
    pub isolated: usize,
    /// The smallest number of edges that end in a node.
    pub min_degree: u32,
    /// The mean number of edges that end in a node.
    pub mean_degree: f64,
    /// The greatest number of edges that end in a node.
    pub max_degree: u32,
    /// How many nodes have how many edges that end in them: 0, 1, 2, 3 to 4, 5 to 8, and so on.
    pub histogram: Vec<DegreeBin>,
}

/// Nodes by the number of edges that end in them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DegreeBin {
    /// The smallest such number.
    pub from: u32,
    /// The greatest such number.
    pub to: u32,
    /// How many nodes have such a number.
    pub nodes: usize,
}

impl Dataset {
    /// Counts what there is to count in the structure.
    ///
    /// # Errors
    /// If the structure is not one: none of a data set that was loaded.
    ///
    /// ```
    /// # fn main() -> candle_geometric_data::Result<()> {
    /// use candle_geometric_data::{Dataset, Source};
    /// let stats = Dataset::load("karate", &Source::Cache)?.stats()?;
    /// assert_eq!((stats.nodes, stats.edges, stats.max_degree), (34, 156, 17));
    /// # Ok(()) }
    /// ```
    pub fn stats(&self) -> Result<Stats> {
        let mut degrees = Degrees::default();
        let mut graphs = 1;
        match self {
            Self::Nodes(dataset) => degrees.add(&dataset.graph.edge_index),
            Self::Edges(graph) => degrees.add(&graph.edge_index),
            Self::Triples(facts) => degrees.add(facts.edges(false)?.edges()),
            #[cfg(feature = "rdf")]
            Self::Entities(dataset) => degrees.add(dataset.facts.edges(false)?.edges()),
            Self::Hetero(dataset) => {
                let types: Vec<(&str, usize)> = dataset.graph.nodes().collect();
                let nodes: usize = types.iter().map(|(_, count)| count).sum();
                degrees.incoming.resize(nodes, 0);
                degrees.outgoing.resize(nodes, 0);
                let start = |name: &str| {
                    types
                        .iter()
                        .take_while(|(other, _)| *other != name)
                        .map(|(_, count)| count)
                        .sum::<usize>()
                };
                for (edge_type, edges) in dataset.graph.edges() {
                    degrees.count(edges, start(&edge_type.source), start(&edge_type.destination));
                }
            }
            #[cfg(feature = "smiles")]
            Self::Molecules(molecules) => {
                graphs = molecules.graphs.len();
                molecules.graphs.graphs.iter().for_each(|graph| degrees.add(graph));
            }
            Self::Graphs(dataset) => {
                graphs = dataset.len();
                dataset.graphs.iter().for_each(|graph| degrees.add(graph));
            }
        }
        Ok(degrees.stats(graphs))
    }
}

/// The degrees of all nodes, graph after graph.
#[derive(Default)]
struct Degrees {
    incoming: Vec<u32>,
    outgoing: Vec<u32>,
    self_loops: usize,
}

impl Degrees {
    /// Another graph. Of one between two sets of nodes, the sources come first.
    fn add(&mut self, edges: &EdgeIndex) {
        let from = self.incoming.len();
        let to = if edges.is_bipartite() { from + edges.num_src() } else { from };
        self.incoming.resize(to + edges.num_dst(), 0);
        self.outgoing.resize(to + edges.num_dst(), 0);
        self.count(edges, from, to);
    }

    /// Edges whose sources and destinations stand from these places on.
    fn count(&mut self, edges: &EdgeIndex, from: usize, to: usize) {
        for (source, destination) in edges.iter() {
            let (source, destination) = (from + source as usize, to + destination as usize);
            self.self_loops += usize::from(source == destination);
            for (degrees, node) in [(&mut self.outgoing, source), (&mut self.incoming, destination)] {
                if let Some(degree) = degrees.get_mut(node) {
                    *degree += 1;
                }
            }
        }
    }

    fn stats(&self, graphs: usize) -> Stats {
        let nodes = self.incoming.len();
        let edges: usize = self.incoming.iter().map(|&degree| degree as usize).sum();
        let max_degree = self.incoming.iter().max().copied().unwrap_or(0);
        let mut histogram: Vec<DegreeBin> = Vec::new();
        if nodes > 0 {
            histogram.push(DegreeBin { from: 0, to: 0, nodes: 0 });
        }
        while let Some(last) = histogram.last().filter(|bin| bin.to < max_degree) {
            let (from, to) = (last.to + 1, if last.to == 0 { 1 } else { last.to.saturating_mul(2) });
            histogram.push(DegreeBin { from, to, nodes: 0 });
        }
        for degree in &self.incoming {
            let bin = histogram.partition_point(|bin| bin.to < *degree);
            if let Some(bin) = histogram.get_mut(bin) {
                bin.nodes += 1;
            }
        }
        Stats {
            graphs,
            nodes,
            edges,
            self_loops: self.self_loops,
            isolated: self.incoming.iter().zip(&self.outgoing).filter(|(i, o)| **i == 0 && **o == 0).count(),
            min_degree: self.incoming.iter().min().copied().unwrap_or(0),
            mean_degree: if nodes == 0 { 0. } else { edges as f64 / nodes as f64 },
            max_degree,
            histogram,
        }
    }
}
