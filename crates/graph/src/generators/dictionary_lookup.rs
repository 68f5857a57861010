use std::collections::HashSet;

use crate::rng::Stream;
use crate::validate::check_size;
use crate::{EdgeIndex, GraphError, Result};

/// Dictionaries as graphs (Brody, Alon, Yahav, *How Attentive are Graph Attention Networks?*, ICLR 2022, section 4.1): k entries,
/// a key with a value each, and k queries, a key alone, every entry with an edge to every query. The answer to a query is the
/// value of the entry that has its key: each query has to attend to another entry.
///
/// Several dictionaries stand side by side: entry and query `g·k + key` belong to dictionary `g`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DictionaryLookup {
    /// k, the number of keys and of values.
    pub k: usize,
    /// From entries to queries, query after query.
    pub edges: EdgeIndex,
    /// The value of every entry, which is the answer to the query of the same number.
    pub values: Vec<u32>,
}

impl DictionaryLookup {
    /// The graph of dictionaries, where `dictionaries[g][key]` is a value.
    ///
    /// # Errors
    /// If the dictionaries differ in length, have a value that is not below it, or the number of edges exceeds 32 bits.
    ///
    /// ```
    /// # use candle_geometric_graph::generators::{DictionaryLookup, random_dictionaries};
    /// # fn main() -> Result<(), candle_geometric_graph::GraphError> {
    /// let lookup = DictionaryLookup::new(&[vec![1, 0], vec![0, 1]])?;
    /// assert_eq!(lookup.edges.source(), [0, 1, 0, 1, 2, 3, 2, 3]);
    /// assert_eq!(lookup.edges.destination(), [0, 0, 1, 1, 2, 2, 3, 3]);
    /// assert_eq!(lookup.values, [1, 0, 0, 1]);
    /// assert_eq!(random_dictionaries(3, 100, 0).len(), 6); // there are no more
    /// # Ok(()) }
    /// ```
    pub fn new(dictionaries: &[Vec<u32>]) -> Result<Self> {
        let k = dictionaries.first().map_or(0, Vec::len);
        for values in dictionaries {
            if values.len() != k {
                return Err(GraphError::Length { what: "dictionaries", expected: k, actual: values.len() });
            }
            if let Some(value) = values.iter().find(|&&value| value as usize >= k) {
                let expected = format!("values below the number of keys, {k}");
                return Err(GraphError::Invalid {
                    argument: "dictionaries",
                    expected,
                    actual: value.to_string(),
                });
            }
        }
        let rows = dictionaries.len().saturating_mul(k);
        check_size("num_edges", rows.saturating_mul(k))?;
        let of_graph = |graph: usize| (graph * k) as u32..((graph + 1) * k) as u32;
        let pairs = (0..dictionaries.len())
            .flat_map(|graph| of_graph(graph).flat_map(move |i| of_graph(graph).map(move |j| (j, i))));
        let (source, destination) = pairs.unzip();
        let edges = EdgeIndex::bipartite(source, destination, rows, rows)?;
        Ok(Self { k, edges, values: dictionaries.concat() })
    }
}

/// `count` different dictionaries in which each of k keys has another one of k values, in random order: all where there are
/// fewer, k! of them.
pub fn random_dictionaries(k: usize, count: usize, seed: u64) -> Vec<Vec<u32>> {
    let mut random = Stream::new(seed, k as u64).sequence();
    let (mut seen, mut all) = (HashSet::new(), Vec::new());
    let most = (1..=k).fold(1, usize::saturating_mul).min(count);
    while all.len() < most {
        let mut values: Vec<u32> = (0..k as u32).collect();
        random.shuffle(&mut values);
        if seen.insert(values.clone()) {
            all.push(values);
        }
    }
    all
}
