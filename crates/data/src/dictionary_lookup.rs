//! Dictionaries to look things up in (Brody, Alon, Yahav, *How Attentive are Graph Attention Networks?*, ICLR 2022, section 4.1),
//! as one graph with a split: what graph attention cannot do, because it ranks its neighbours in the same order for every node.

use candle_core::{DType, Device, Tensor};
use candle_geometric_graph::EdgeIndex;
use candle_geometric_graph::generators::{DictionaryLookup, random_dictionaries};

use crate::{Error, Graph, NodeDataset, Result};

/// Different random dictionaries of `k` entries, so many for training, validation and testing in `counts`.
///
/// Node `g·k + key` is an entry of dictionary g, with its key and its value as features (one-hot, `[N, 2k]`); as many queries
/// follow, with a key alone. Every entry of a dictionary has an edge to every query of it. The class of a query is the value of
/// its key, that of an entry is its own; only queries are in the split.
///
/// # Errors
/// If there are not so many dictionaries, k! of them, or the edges exceed 32 bits.
///
/// ```
/// # fn main() -> candle_geometric_data::Result<()> {
/// let lookup = candle_geometric_data::dictionary_lookup(3, [4, 1, 1], 0)?;
/// assert_eq!((lookup.graph.num_nodes(), lookup.graph.num_edges()), (2 * 6 * 3, 6 * 9));
/// assert_eq!(lookup.graph.x.dims(), [36, 6]);
/// assert_eq!(lookup.graph.train_mask.iter().filter(|&&train| train).count(), 4 * 3);
/// # Ok(()) }
/// ```
pub fn dictionary_lookup(k: usize, counts: [usize; 3], seed: u64) -> Result<NodeDataset> {
    let wanted = counts.iter().fold(0usize, |sum, &count| sum.saturating_add(count));
    let dictionaries = random_dictionaries(k, wanted, seed);
    if dictionaries.len() != wanted {
        let most = format!("at most {}, the dictionaries of {k} keys", dictionaries.len());
        return Err(Error::invalid("counts", most, wanted));
    }
    let lookup = DictionaryLookup::new(&dictionaries)?;
    let rows = lookup.values.len();
    let mut x = vec![0f32; 2 * rows * 2 * k];
    for (row, features) in x.chunks_mut((2 * k).max(1)).enumerate() {
        let key = features.get_mut(row % k);
        key.into_iter().for_each(|feature| *feature = 1.0);
        let value = lookup.values.get(row).and_then(|&value| features.get_mut(k + value as usize));
        value.into_iter().for_each(|feature| *feature = 1.0);
    }
    let x = Tensor::from_vec(x, (2 * rows, 2 * k), &Device::Cpu)?;
    let edges = EdgeIndex::from_pairs(lookup.edges.iter().map(|(j, i)| (j, i + rows as u32)), 2 * rows)?;
    let y = Tensor::new([lookup.values.as_slice(), &lookup.values].concat(), &Device::Cpu)?
        .to_dtype(DType::U32)?;
    let mut first = rows;
    let [train, val, test] = counts.map(|count| {
        let queries = first..first + count * k;
        first = queries.end;
        (0..2 * rows).map(|node| queries.contains(&node)).collect()
    });
    let graph = Graph::new(x, edges)?.with_labels(y)?.with_split(train, val, test)?;
    NodeDataset::new("dictionary-lookup", graph, (0..k).map(|value| value.to_string()).collect())
}
