use crate::Result;
use crate::validate::check_size;

/// How many in-edges of a node are taken in a hop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fanout {
    /// All.
    All,
    /// So many; without replacement all, where there are fewer.
    Most(usize),
}

impl From<i64> for Fanout {
    /// As in PyG: a negative number is for all.
    fn from(number: i64) -> Self {
        usize::try_from(number).map_or(Self::All, Self::Most)
    }
}

/// Which edges of the past a temporal sampler prefers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TemporalStrategy {
    /// None: all are equally likely.
    #[default]
    Uniform,
    /// The last ones; of those at one time the last in the order of the edges.
    Last,
}

/// When things came to be.
#[derive(Debug, Clone, Copy)]
pub enum Times<'a> {
    /// The time of every node: an edge is there since its source is.
    Nodes(&'a [i64]),
    /// The time of every edge.
    Edges(&'a [i64]),
}

/// How neighbours are sampled. Names and defaults are those of PyG's `NeighborLoader`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NeighborSamplerConfig {
    /// For each hop.
    pub num_neighbors: Vec<Fanout>,
    /// Whether an edge may be taken several times: no.
    pub replace: bool,
    /// Whether each seed has a sample of its own, in which nodes stand that other seeds have as well: no. Samplers with times
    /// always do so, as what is past differs between seeds.
    pub disjoint: bool,
    /// What a sampler with times prefers: nothing.
    pub temporal_strategy: TemporalStrategy,
}

impl NeighborSamplerConfig {
    /// With these fan-outs, one for each hop; a negative number is for all in-edges.
    pub fn new(num_neighbors: impl IntoIterator<Item = i64>) -> Self {
        let num_neighbors = num_neighbors.into_iter().map(Fanout::from).collect();
        Self {
            num_neighbors,
            replace: false,
            disjoint: false,
            temporal_strategy: TemporalStrategy::default(),
        }
    }

    pub(super) fn check(&self) -> Result<()> {
        let number = |fanout: &Fanout| if let Fanout::Most(most) = fanout { *most } else { 0 };
        self.num_neighbors.iter().try_for_each(|fanout| check_size("num_neighbors", number(fanout)))
    }
}
