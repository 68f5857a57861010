//! Dictionaries as graphs: k entries (a key with a value) and k queries (a key alone), every entry with an edge to every
//! query. The answer to a query is the value of the entry that has its key.

use std::collections::HashSet;

use candle_geometric::graph::rng::Stream;
use candle_geometric::prelude::*;
use candle_geometric::train::Targets;

/// The dictionaries of one batch.
const GRAPHS: usize = 50;

/// A batch of dictionaries of k entries.
pub(crate) struct Batch {
    /// One-hot keys beside one-hot values, `[graphs·k, 2·k]`.
    pub(crate) entries: Tensor,
    /// One-hot keys, `[graphs·k, 2·k]`.
    pub(crate) queries: Tensor,
    /// From entries to queries.
    pub(crate) edges: EdgeIndex,
    /// The value that each query asks for.
    pub(crate) labels: Vec<u32>,
    /// The same, for the loss.
    pub(crate) targets: Targets,
}

/// A training set and a test set that have no dictionary in common.
pub(crate) struct Dictionaries {
    pub(crate) k: usize,
    pub(crate) train: Vec<Batch>,
    pub(crate) test: Vec<Batch>,
}

impl Dictionaries {
    /// So many different random dictionaries for training and for testing, or all there are, four for training to one.
    pub(crate) fn generate(k: usize, train: usize, test: usize, seed: u64) -> anyhow::Result<Self> {
        let mut random = Stream::new(seed, k as u64).sequence();
        let (mut seen, mut all) = (HashSet::new(), Vec::new());
        let most = (1..=k).product::<usize>().min(train + test);
        while all.len() < most {
            let mut values: Vec<u32> = (0..k as u32).collect();
            random.shuffle(&mut values);
            if seen.insert(values.clone()) {
                all.push(values);
            }
        }
        let (train, test) = all.split_at((most * train).div_ceil(train + test));
        let batches = |all: &[Vec<u32>]| -> anyhow::Result<Vec<_>> {
            all.chunks(GRAPHS).map(|some| Batch::new(k, some)).collect()
        };
        Ok(Self { k, train: batches(train)?, test: batches(test)? })
    }
}

impl Batch {
    /// Of dictionaries given by the value of every key.
    fn new(k: usize, dictionaries: &[Vec<u32>]) -> anyhow::Result<Self> {
        let rows = dictionaries.len() * k;
        let labels = dictionaries.concat();
        let (mut entries, mut queries) = (vec![0f32; rows * 2 * k], vec![0f32; rows * 2 * k]);
        for (row, &value) in labels.iter().enumerate() {
            let (key, value) = (row * 2 * k + row % k, row * 2 * k + k + value as usize);
            entries[key] = 1.0;
            entries[value] = 1.0;
            queries[key] = 1.0;
        }
        let of_graph = |graph: usize| (graph * k) as u32..((graph + 1) * k) as u32;
        let pairs = (0..dictionaries.len())
            .flat_map(|graph| of_graph(graph).flat_map(move |i| of_graph(graph).map(move |j| (j, i))));
        let (source, destination) = pairs.unzip();
        Ok(Self {
            entries: Tensor::from_vec(entries, (rows, 2 * k), &Device::Cpu)?,
            queries: Tensor::from_vec(queries, (rows, 2 * k), &Device::Cpu)?,
            edges: EdgeIndex::bipartite(source, destination, rows, rows)?,
            targets: Targets::classes(&labels, k)?,
            labels,
        })
    }
}
