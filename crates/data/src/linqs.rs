//! The older form of Cora (Sen et al. 2008), plain text: `<paper>\t<0/1>…\t<class>` in `.content`, `<cited>\t<citing>`
//! in `.cites`.
//!
//! The nodes are numbered by their order in `.content`, the classes by the alphabet. Citations count in both
//! directions. No split is distributed; this one is that of pygcn and pyGAT, in file order: 140 for training, 200 to
//! 499 for validation, 500 to 1499 for testing. Its results do not compare with those on Planetoid's split.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Range;

use candle_core::{Device, Tensor};
use candle_geometric_graph::{EdgeIndex, transforms};

use crate::text::lines;
use crate::{Graph, NodeDataset, Result};

const TRAIN: Range<usize> = 0..140;
const VAL: Range<usize> = 200..500;
const TEST: Range<usize> = 500..1500;

/// Assembles the data set from the contents of the two files.
///
/// # Errors
/// If a line is not of the form above, a paper occurs twice, or a citation names a paper that `.content` lacks.
pub fn parse(name: &str, content: &[u8], cites: &[u8]) -> Result<NodeDataset> {
    let (mut nodes, mut classes) = (HashMap::new(), Vec::new());
    let mut x: Vec<f32> = Vec::with_capacity(content.len() / 2);
    let mut width = None;
    for line in lines("content", content) {
        let line = line?;
        let bad = |problem: String| line.error(problem);
        let parts = line.text.split_once('\t').and_then(|(id, rest)| Some((id, rest.rsplit_once('\t')?)));
        let Some((id, (words, class))) = parts else {
            return Err(bad("expected a paper, its words and its class, separated by tabs".into()));
        };
        if nodes.insert(id, nodes.len() as u32).is_some() {
            return Err(bad(format!("paper {id:?} occurs twice")));
        }
        classes.push(class);
        let before = x.len();
        for word in words.split('\t') {
            x.push(match word {
                "0" => 0.,
                "1" => 1.,
                other => return Err(bad(format!("expected 0 or 1, got {other:?}"))),
            });
        }
        let words = x.len() - before;
        if *width.get_or_insert(words) != words {
            return Err(bad(format!("{words} words, but the first paper has {}", width.unwrap_or(0))));
        }
    }
    let n = nodes.len();

    let mut pairs = Vec::new();
    for line in lines("cites", cites) {
        let line = line?;
        let bad = |problem: String| line.error(problem);
        let [cited, citing] = line.fields('\t', "two papers, separated by a tab")?;
        let node =
            |id: &str| nodes.get(id).copied().ok_or_else(|| bad(format!("paper {id:?} is not in content")));
        pairs.push((node(citing)?, node(cited)?));
    }
    let edges = transforms::remove_self_loops(&EdgeIndex::from_pairs(pairs, n)?)?.edges;

    let names: BTreeSet<&str> = classes.iter().copied().collect();
    let numbers: BTreeMap<&str, u32> = names.iter().copied().zip(0..).collect();
    let y: Vec<u32> = classes.iter().filter_map(|class| numbers.get(class).copied()).collect();
    let mask = |range: Range<usize>| (0..n).map(|node| range.contains(&node)).collect();
    let x = Tensor::from_vec(x, (n, width.unwrap_or(0)), &Device::Cpu)?;
    let graph = Graph::new(x, transforms::to_undirected(&edges)?.edges)?
        .with_labels(Tensor::from_vec(y, n, &Device::Cpu)?)?
        .with_split(mask(TRAIN), mask(VAL), mask(TEST))?;
    NodeDataset::new(name, graph, names.into_iter().map(str::to_string).collect())
}
