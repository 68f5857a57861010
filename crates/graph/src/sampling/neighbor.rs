use super::expand::{Expander, Reached, Relation, Seeds, Taken};
use super::links::{NegativeLinks, both_ends, check_links};
use super::picks::Picks;
use super::{NeighborSamplerConfig, TemporalStrategy, Times};
use crate::rng::Stream;
use crate::transforms::check_nodes;
use crate::{EdgeIndex, GraphError, Result};

/// Samples the neighbourhoods of seeds (Hamilton, Ying, Leskovec, *Inductive Representation Learning on Large Graphs*,
/// NeurIPS 2017): in each hop some in-edges of the nodes that the hop before has reached first. PyG's `NeighborLoader`.
///
/// Threads may share it. Memory for as many tables as samples are drawn at a time, of 4 bytes per node, is kept.
pub struct NeighborSampler {
    expander: Expander,
    config: NeighborSamplerConfig,
    node_times: Option<Vec<i64>>,
}

/// Nodes around seeds, and edges between them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NeighborSample {
    /// Node `k` of the sample is node `nodes[k]` of the graph. The different seeds come first, in their order, then what each
    /// hop has reached.
    pub nodes: Vec<u32>,
    /// The edges, hop after hop, grouped by destination.
    pub edges: EdgeIndex,
    /// For every edge its number in the graph.
    pub edge_ids: Vec<u32>,
    /// Where each seed stands among the nodes: equal seeds stand at one place, unless the sample is disjoint.
    pub seeds: Vec<u32>,
    /// For every node the seed to whose sample it belongs, PyG's `batch`. Empty unless the sample is disjoint.
    pub batch: Vec<u32>,
    /// The number of nodes that each hop has reached, after that of the seeds; PyG's `num_sampled_nodes`.
    pub nodes_per_hop: Vec<usize>,
    /// The number of edges of each hop; PyG's `num_sampled_edges`.
    pub edges_per_hop: Vec<usize>,
}

/// A sample around links, and where these stand in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkSample {
    /// The neighbourhoods of both ends of all links.
    pub sample: NeighborSample,
    /// Where the source of every link stands among the nodes: first those of the links that were given, then of negative ones.
    pub source: Vec<u32>,
    /// Where the destination of every link stands.
    pub destination: Vec<u32>,
    /// The number of links that were given.
    pub num_positives: usize,
}

impl NeighborSampler {
    /// A sampler in which all in-edges of a node are equally likely.
    ///
    /// # Errors
    /// If the graph is bipartite or a fan-out exceeds 32 bits.
    ///
    /// ```
    /// use candle_geometric_graph::{EdgeIndex, rng::Stream};
    /// use candle_geometric_graph::sampling::{NeighborSampler, NeighborSamplerConfig};
    /// # fn main() -> Result<(), candle_geometric_graph::GraphError> {
    /// let star = EdgeIndex::new(vec![1, 2, 3, 4, 1], vec![0, 0, 0, 0, 4], 5)?;
    /// let sampler = NeighborSampler::new(&star, NeighborSamplerConfig::new([2, -1]))?;
    /// let sample = sampler.sample(&[0], Stream::new(0, 0))?;
    /// assert_eq!((sample.nodes[0], sample.nodes_per_hop[1]), (0, 2));
    /// for ((j, i), &e) in sample.edges.iter().zip(&sample.edge_ids) {
    ///     assert_eq!(sample.nodes[j as usize], star.source()[e as usize]);
    ///     assert_eq!(sample.nodes[i as usize], star.destination()[e as usize]);
    /// }
    /// # Ok(()) }
    /// ```
    pub fn new(edges: &EdgeIndex, config: NeighborSamplerConfig) -> Result<Self> {
        config.check()?;
        let num_nodes = edges.num_nodes()?;
        let (edges, fanouts) = (edges.clone(), config.num_neighbors.clone());
        let relation = Relation { src: 0, dst: 0, edges, picks: Picks::Uniform, fanouts };
        let expander = Expander::new(vec![num_nodes], vec![relation], config.replace, config.disjoint);
        Ok(Self { expander, config, node_times: None })
    }

    /// A sampler in which in-edges are taken in proportion to their weights, without replacement one after the other. Edges of
    /// weight 0 are never taken.
    ///
    /// # Errors
    /// As [`new`](Self::new), and if there is not one finite weight, at least 0, for each edge.
    pub fn weighted(edges: &EdgeIndex, config: NeighborSamplerConfig, edge_weight: &[f32]) -> Result<Self> {
        let mut sampler = Self::new(edges, config)?;
        sampler.expander.relations[0].picks = Picks::weighted(edges, edge_weight)?;
        Ok(sampler)
    }

    /// A sampler that takes only edges from strictly before the time of the seed, in all hops. (PyG takes those of the same
    /// time, too.) Each seed has a sample of its own.
    ///
    /// # Errors
    /// As [`new`](Self::new), and if there is not one time for each node or edge.
    ///
    /// ```
    /// use candle_geometric_graph::{EdgeIndex, rng::Stream};
    /// use candle_geometric_graph::sampling::{NeighborSampler, NeighborSamplerConfig, Times};
    /// # fn main() -> Result<(), candle_geometric_graph::GraphError> {
    /// let edges = EdgeIndex::new(vec![1, 2, 3], vec![0, 0, 0], 4)?;
    /// let config = NeighborSamplerConfig::new([-1]);
    /// let sampler = NeighborSampler::temporal(&edges, config, Times::Edges(&[10, 20, 30]))?;
    /// let sample = sampler.sample_before(&[0, 0], &[20, 31], Stream::new(0, 0))?;
    /// assert_eq!(sample.nodes, [0, 0, 1, 1, 2, 3]);
    /// assert_eq!(sample.batch, [0, 1, 0, 1, 1, 1]);
    /// # Ok(()) }
    /// ```
    pub fn temporal(edges: &EdgeIndex, config: NeighborSamplerConfig, times: Times<'_>) -> Result<Self> {
        let mut sampler = Self::new(edges, config)?;
        sampler.expander.disjoint = true;
        sampler.expander.relations[0].picks = timed(edges, times, sampler.config.temporal_strategy)?;
        if let Times::Nodes(times) = times {
            sampler.node_times = Some(times.to_vec());
        }
        Ok(sampler)
    }

    /// The neighbourhoods of these nodes; in a sampler with times of nodes, from before the time of each.
    ///
    /// # Errors
    /// If a seed does not exist, the sampler has times of edges, which do not tell those of the seeds, or a size exceeds 32 bits.
    pub fn sample(&self, seeds: &[u32], stream: Stream) -> Result<NeighborSample> {
        self.check_seeds(seeds)?;
        match (&self.node_times, self.is_temporal()) {
            (_, false) => self.expand(Seeds { nodes: seeds, times: None }, stream),
            (Some(times), true) => {
                let times: Vec<i64> = seeds.iter().map(|&node| times[node as usize]).collect();
                self.expand(Seeds { nodes: seeds, times: Some(&times) }, stream)
            }
            (None, true) => Err(GraphError::Invalid {
                argument: "times",
                expected: "a time for each seed (sample_before), as only edges have times".into(),
                actual: "none".into(),
            }),
        }
    }

    /// The neighbourhoods of these nodes, each from strictly before a time.
    ///
    /// # Errors
    /// As [`sample`](Self::sample), and if there is not one time for each seed, or the sampler has no times.
    pub fn sample_before(&self, seeds: &[u32], times: &[i64], stream: Stream) -> Result<NeighborSample> {
        self.check_seeds(seeds)?;
        self.check_times(seeds.len(), times)?;
        self.expand(Seeds { nodes: seeds, times: Some(times) }, stream)
    }

    /// The neighbourhoods of both ends of links from `source` to `destination`, and of negative links. PyG's
    /// `LinkNeighborLoader`. The links themselves, if they are edges, may be taken.
    ///
    /// # Errors
    /// If the lists differ in length, a node does not exist, there are no negative links, the sampler has times
    /// ([`sample_links_before`](Self::sample_links_before)), or a size exceeds 32 bits.
    ///
    /// ```
    /// use candle_geometric_graph::{EdgeIndex, rng::Stream};
    /// use candle_geometric_graph::sampling::{NegativeLinks, NeighborSampler, NeighborSamplerConfig};
    /// # fn main() -> Result<(), candle_geometric_graph::GraphError> {
    /// let path = EdgeIndex::new(vec![0, 1, 2], vec![1, 2, 3], 4)?;
    /// let sampler = NeighborSampler::new(&path, NeighborSamplerConfig::new([-1]))?;
    /// let links = sampler.sample_links(&[0, 1], &[1, 2], NegativeLinks::Binary { ratio: 1.0 }, Stream::new(0, 0))?;
    /// assert_eq!((links.source.len(), links.num_positives), (4, 2));
    /// assert_eq!(links.sample.nodes[links.destination[1] as usize], 2);
    /// # Ok(()) }
    /// ```
    pub fn sample_links(
        &self,
        source: &[u32],
        destination: &[u32],
        negatives: NegativeLinks,
        stream: Stream,
    ) -> Result<LinkSample> {
        if self.is_temporal() {
            return Err(GraphError::Invalid {
                argument: "times",
                expected: "a time for each link (sample_links_before)".into(),
                actual: "none".into(),
            });
        }
        self.links(source, destination, None, negatives, stream)
    }

    /// As [`sample_links`](Self::sample_links), from strictly before the time of each link. A negative link has the time of the
    /// positive one at its place, which begins anew where there are more.
    ///
    /// # Errors
    /// As [`sample_links`](Self::sample_links), and if there is not one time for each link, or the sampler has no times.
    pub fn sample_links_before(
        &self,
        source: &[u32],
        destination: &[u32],
        times: &[i64],
        negatives: NegativeLinks,
        stream: Stream,
    ) -> Result<LinkSample> {
        self.check_times(source.len(), times)?;
        self.links(source, destination, Some(times), negatives, stream)
    }

    fn links(
        &self,
        source: &[u32],
        destination: &[u32],
        times: Option<&[i64]>,
        negatives: NegativeLinks,
        stream: Stream,
    ) -> Result<LinkSample> {
        let edges = &self.expander.relations[0].edges;
        check_links(edges, source, destination)?;
        let links = negatives.append(edges, source, destination, times, stream.split(0))?;
        let (seeds, times) = both_ends(&links);
        let sample = self.expand(Seeds { nodes: &seeds, times: times.as_deref() }, stream.split(1))?;
        let (source_places, destination_places) = sample.seeds.split_at(links.source.len());
        Ok(LinkSample {
            source: source_places.to_vec(),
            destination: destination_places.to_vec(),
            num_positives: source.len(),
            sample,
        })
    }

    fn is_temporal(&self) -> bool {
        matches!(self.expander.relations[0].picks, Picks::Timed(_))
    }

    fn check_seeds(&self, seeds: &[u32]) -> Result<()> {
        check_nodes(seeds, self.expander.relations[0].edges.num_src())
    }

    fn check_times(&self, expected: usize, times: &[i64]) -> Result<()> {
        if times.len() != expected {
            return Err(GraphError::Length { what: "times", expected, actual: times.len() });
        }
        if self.is_temporal() {
            return Ok(());
        }
        let (expected, actual) = ("none, as the sampler was made without".into(), format!("{expected}"));
        Err(GraphError::Invalid { argument: "times", expected, actual })
    }

    fn expand(&self, seeds: Seeds<'_>, stream: Stream) -> Result<NeighborSample> {
        let (mut reached, mut taken) = self.expander.expand(&[seeds], stream)?;
        let (Reached { nodes, trees, per_hop, seeds }, taken) = (reached.remove(0), taken.remove(0));
        let Taken { source, destination, edge_ids, per_hop: edges_per_hop } = taken;
        let edges = EdgeIndex::trusted(source, destination, nodes.len(), nodes.len(), false);
        Ok(NeighborSample {
            nodes,
            edges,
            edge_ids,
            seeds,
            batch: trees,
            nodes_per_hop: per_hop,
            edges_per_hop,
        })
    }
}

/// What is taken where edges have times.
pub(super) fn timed(edges: &EdgeIndex, times: Times<'_>, strategy: TemporalStrategy) -> Result<Picks> {
    let csr = edges.by_destination();
    let check = |what, times: &[i64], expected: usize| {
        if times.len() == expected {
            return Ok(());
        }
        Err(GraphError::Length { what, expected, actual: times.len() })
    };
    match times {
        Times::Nodes(times) => {
            check("times of nodes", times, edges.num_src())?;
            Ok(Picks::timed(csr, |entry| times[csr.columns()[entry] as usize], strategy))
        }
        Times::Edges(times) => {
            check("times of edges", times, edges.num_edges())?;
            Ok(Picks::timed(csr, |entry| times[csr.edge_ids()[entry] as usize], strategy))
        }
    }
}
