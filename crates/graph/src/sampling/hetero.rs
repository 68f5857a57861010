use super::expand::{Expander, Relation, Seeds};
use super::links::{NegativeLinks, both_ends, check_links};
use super::neighbor::timed;
use super::picks::Picks;
use super::{Fanout, NeighborSamplerConfig, Times};
use crate::rng::Stream;
use crate::transforms::check_nodes;
use crate::{EdgeIndex, EdgeType, GraphError, HeteroGraph, Result};

/// [`NeighborSampler`](super::NeighborSampler) for graphs with types: in each hop some in-edges of every type, of the nodes that
/// the hop before has reached first.
///
/// Every type of edges has the fan-outs of the configuration unless it is given others, and is sampled uniformly unless it is
/// given weights or times.
pub struct HeteroNeighborSampler {
    graph: HeteroGraph,
    expander: Expander,
    config: NeighborSamplerConfig,
}

/// Nodes of all types around seeds, and edges between them. Types stand in the order of the graph.
#[derive(Debug, Clone)]
pub struct HeteroNeighborSample {
    /// The sample as a graph.
    pub graph: HeteroGraph,
    /// For each type of nodes which ones of the graph they are, seeds first.
    pub nodes: Vec<Vec<u32>>,
    /// For each type of edges which ones of the graph they are.
    pub edge_ids: Vec<Vec<u32>>,
    /// For each type of nodes where each seed of this type stands.
    pub seeds: Vec<Vec<u32>>,
    /// For each type of nodes the seed to whose sample each belongs, numbered through all types. Empty unless the sample is
    /// disjoint.
    pub batch: Vec<Vec<u32>>,
    /// For each type of nodes the number that each hop has reached, after that of the seeds.
    pub nodes_per_hop: Vec<Vec<usize>>,
    /// For each type of edges the number of each hop.
    pub edges_per_hop: Vec<Vec<usize>>,
}

/// A sample around links of one type, and where these stand in it.
#[derive(Debug, Clone)]
pub struct HeteroLinkSample {
    /// The neighbourhoods of both ends of all links.
    pub sample: HeteroNeighborSample,
    /// Where the source of every link stands among the nodes of its type: first of the links that were given, then of negative
    /// ones.
    pub source: Vec<u32>,
    /// Where the destination of every link stands among the nodes of its type.
    pub destination: Vec<u32>,
    /// The number of links that were given.
    pub num_positives: usize,
}

impl HeteroNeighborSampler {
    /// A sampler in which all in-edges of one type are equally likely.
    ///
    /// # Errors
    /// If a fan-out exceeds 32 bits.
    ///
    /// ```
    /// use candle_geometric_graph::{EdgeIndex, HeteroGraph, rng::Stream};
    /// use candle_geometric_graph::sampling::{HeteroNeighborSampler, NeighborSamplerConfig};
    /// # fn main() -> Result<(), candle_geometric_graph::GraphError> {
    /// let writes = EdgeIndex::bipartite(vec![0, 1, 2], vec![0, 0, 1], 3, 2)?;
    /// let graph = HeteroGraph::new([("author", 3), ("paper", 2)], [(("author", "writes", "paper"), writes)])?;
    /// let sampler = HeteroNeighborSampler::new(&graph, NeighborSamplerConfig::new([-1]))?;
    /// let sample = sampler.sample("paper", &[0], Stream::new(0, 0))?;
    /// assert_eq!(sample.nodes, [vec![0, 1], vec![0]]);
    /// assert_eq!(sample.graph.num_nodes("author"), Some(2));
    /// # Ok(()) }
    /// ```
    pub fn new(graph: &HeteroGraph, config: NeighborSamplerConfig) -> Result<Self> {
        config.check()?;
        let types: Vec<&str> = graph.nodes().map(|(name, _)| name).collect();
        let position = |name: &str| types.iter().position(|other| *other == name).unwrap_or_default();
        let relation = |(edge_type, edges): (&EdgeType, &EdgeIndex)| Relation {
            src: position(&edge_type.source),
            dst: position(&edge_type.destination),
            edges: edges.clone(),
            picks: Picks::Uniform,
            fanouts: config.num_neighbors.clone(),
        };
        let relations = graph.edges().map(relation).collect();
        let num_nodes = graph.nodes().map(|(_, count)| count).collect();
        let expander = Expander::new(num_nodes, relations, config.replace, config.disjoint);
        Ok(Self { graph: graph.clone(), expander, config })
    }

    /// The same with other fan-outs for one type of edges.
    ///
    /// # Errors
    /// If there is no such type, there are not as many hops as in the configuration, or a fan-out exceeds 32 bits.
    pub fn with_num_neighbors(mut self, edge_type: &EdgeType, num_neighbors: &[Fanout]) -> Result<Self> {
        let (expected, actual) = (self.config.num_neighbors.len(), num_neighbors.len());
        if expected != actual {
            return Err(GraphError::Length { what: "num_neighbors", expected, actual });
        }
        NeighborSamplerConfig { num_neighbors: num_neighbors.to_vec(), ..self.config.clone() }.check()?;
        self.relation(edge_type)?.fanouts = num_neighbors.to_vec();
        Ok(self)
    }

    /// The same with weights for the edges of one type: [`NeighborSampler::weighted`](super::NeighborSampler::weighted).
    ///
    /// # Errors
    /// If there is no such type, or not one finite weight, at least 0, for each edge.
    pub fn with_weights(mut self, edge_type: &EdgeType, edge_weight: &[f32]) -> Result<Self> {
        let relation = self.relation(edge_type)?;
        relation.picks = Picks::weighted(&relation.edges, edge_weight)?;
        Ok(self)
    }

    /// The same with times for the edges of one type, or for their sources:
    /// [`NeighborSampler::temporal`](super::NeighborSampler::temporal). Edges of types without times are always there.
    ///
    /// # Errors
    /// If there is no such type, or not one time for each edge or source.
    pub fn with_times(mut self, edge_type: &EdgeType, times: Times<'_>) -> Result<Self> {
        let strategy = self.config.temporal_strategy;
        let relation = self.relation(edge_type)?;
        relation.picks = timed(&relation.edges, times, strategy)?;
        self.expander.disjoint = true;
        Ok(self)
    }

    /// The neighbourhoods of nodes of one type.
    ///
    /// # Errors
    /// If there is no such type or node, the sampler has times, or a size exceeds 32 bits.
    pub fn sample(&self, node_type: &str, seeds: &[u32], stream: Stream) -> Result<HeteroNeighborSample> {
        self.check_times(None, seeds.len())?;
        self.of_type(node_type, Seeds { nodes: seeds, times: None }, stream)
    }

    /// The neighbourhoods of nodes of one type, each from strictly before a time.
    ///
    /// # Errors
    /// As [`sample`](Self::sample), and if there is not one time for each seed, or the sampler has no times.
    pub fn sample_before(
        &self,
        node_type: &str,
        seeds: &[u32],
        times: &[i64],
        stream: Stream,
    ) -> Result<HeteroNeighborSample> {
        self.check_times(Some(times), seeds.len())?;
        self.of_type(node_type, Seeds { nodes: seeds, times: Some(times) }, stream)
    }

    /// The neighbourhoods of both ends of links `(source, destination)` of one type of the graph's edges, and of negative links.
    /// `times`, one for each link, go with a sampler that has times.
    ///
    /// # Errors
    /// If there is no such type, the lists differ in length, a node does not exist, there are no negative links, times are
    /// missing or not wanted, or a size exceeds 32 bits.
    pub fn sample_links(
        &self,
        edge_type: &EdgeType,
        (source, destination): (&[u32], &[u32]),
        times: Option<&[i64]>,
        negatives: NegativeLinks,
        stream: Stream,
    ) -> Result<HeteroLinkSample> {
        self.check_times(times, source.len())?;
        let relation = &self.expander.relations[self.position(edge_type)?];
        check_links(&relation.edges, source, destination)?;
        let links = negatives.append(&relation.edges, source, destination, times, stream.split(0))?;
        let mut seeds = vec![Seeds::default(); self.graph.nodes().len()];
        let both = both_ends(&links);
        let within = relation.src == relation.dst;
        if within {
            seeds[relation.src] = Seeds { nodes: &both.0, times: both.1.as_deref() };
        } else {
            let times = links.times.as_deref();
            seeds[relation.src] = Seeds { nodes: &links.source, times };
            seeds[relation.dst] = Seeds { nodes: &links.destination, times };
        }
        let sample = self.expand(&seeds, stream.split(1))?;
        let of_source = &sample.seeds[relation.src];
        let (of_source, of_destination) = match within {
            true => of_source.split_at(links.source.len()),
            false => (of_source.as_slice(), sample.seeds[relation.dst].as_slice()),
        };
        let (source_places, destination) = (of_source.to_vec(), of_destination.to_vec());
        Ok(HeteroLinkSample { source: source_places, destination, num_positives: source.len(), sample })
    }

    fn position(&self, edge_type: &EdgeType) -> Result<usize> {
        self.graph.edges().position(|(other, _)| other == edge_type).ok_or_else(|| GraphError::Invalid {
            argument: "edge type",
            expected: "one of the graph's".into(),
            actual: edge_type.to_string(),
        })
    }

    fn relation(&mut self, edge_type: &EdgeType) -> Result<&mut Relation> {
        let position = self.position(edge_type)?;
        Ok(&mut self.expander.relations[position])
    }

    fn check_times(&self, times: Option<&[i64]>, expected: usize) -> Result<()> {
        let is_temporal = self.expander.relations.iter().any(|r| matches!(r.picks, Picks::Timed(_)));
        match times {
            Some(times) if is_temporal && times.len() != expected => {
                Err(GraphError::Length { what: "times", expected, actual: times.len() })
            }
            _ if times.is_some() == is_temporal => Ok(()),
            _ => Err(GraphError::Invalid {
                argument: "times",
                expected: if is_temporal {
                    "one for each seed"
                } else {
                    "none, as the sampler was made without"
                }
                .into(),
                actual: times.map_or("none".into(), |times| times.len().to_string()),
            }),
        }
    }

    fn of_type(&self, node_type: &str, seeds: Seeds<'_>, stream: Stream) -> Result<HeteroNeighborSample> {
        let Some(position) = self.graph.nodes().position(|(name, _)| name == node_type) else {
            return Err(GraphError::Invalid {
                argument: "node type",
                expected: "one of the graph's".into(),
                actual: node_type.to_string(),
            });
        };
        check_nodes(seeds.nodes, self.graph.num_nodes(node_type).unwrap_or_default())?;
        let mut all = vec![Seeds::default(); self.graph.nodes().len()];
        all[position] = seeds;
        self.expand(&all, stream)
    }

    fn expand(&self, seeds: &[Seeds<'_>], stream: Stream) -> Result<HeteroNeighborSample> {
        let (reached, taken) = self.expander.expand(seeds, stream)?;
        let size = |position: usize| reached[position].nodes.len();
        let types: Vec<(&str, usize)> =
            self.graph.nodes().enumerate().map(|(position, (name, _))| (name, size(position))).collect();
        let mut edges = Vec::with_capacity(taken.len());
        let (mut edge_ids, mut edges_per_hop) = (vec![], vec![]);
        for (((edge_type, _), relation), taken) in self.graph.edges().zip(&self.expander.relations).zip(taken)
        {
            let (num_src, num_dst) = (size(relation.src), size(relation.dst));
            let bipartite = relation.edges.is_bipartite();
            let index = EdgeIndex::trusted(taken.source, taken.destination, num_src, num_dst, bipartite);
            edges.push((edge_type.clone(), index));
            edge_ids.push(taken.edge_ids);
            edges_per_hop.push(taken.per_hop);
        }
        let graph = HeteroGraph::new(types, edges)?;
        let (mut nodes, mut seeds, mut batch, mut nodes_per_hop) = (vec![], vec![], vec![], vec![]);
        for reached in reached {
            nodes.push(reached.nodes);
            seeds.push(reached.seeds);
            batch.push(reached.trees);
            nodes_per_hop.push(reached.per_hop);
        }
        Ok(HeteroNeighborSample { graph, nodes, edge_ids, seeds, batch, nodes_per_hop, edges_per_hop })
    }
}
