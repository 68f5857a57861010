//! Dictionaries as tensors.

use candle_geometric::graph::generators::{DictionaryLookup, random_dictionaries};
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
        let all = random_dictionaries(k, train + test, seed);
        let (train, test) = all.split_at((all.len() * train).div_ceil(train + test));
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
        let DictionaryLookup { edges, values: labels, .. } = DictionaryLookup::new(dictionaries)?;
        let (mut entries, mut queries) = (vec![0f32; rows * 2 * k], vec![0f32; rows * 2 * k]);
        for (row, &value) in labels.iter().enumerate() {
            let (key, value) = (row * 2 * k + row % k, row * 2 * k + k + value as usize);
            entries[key] = 1.0;
            entries[value] = 1.0;
            queries[key] = 1.0;
        }
        Ok(Self {
            entries: Tensor::from_vec(entries, (rows, 2 * k), &Device::Cpu)?,
            queries: Tensor::from_vec(queries, (rows, 2 * k), &Device::Cpu)?,
            edges,
            targets: Targets::classes(&labels, k)?,
            labels,
        })
    }
}
