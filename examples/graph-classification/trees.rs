//! Coloured trees. Each has one red node and one blue one; its class says whether an edge joins them.

use candle_geometric::data::{GraphDataset, Level};
use candle_geometric::graph::rng::Stream;
use candle_geometric::prelude::*;

const NODES: u32 = 12;
const COLOURS: usize = 6;
const RED: usize = 0;
const BLUE: usize = 1;

/// Trees, and the edge between red and blue of those that have one, its smaller end first.
pub(crate) struct Trees {
    pub(crate) data: GraphDataset,
    pub(crate) deciding: Vec<Option<[u32; 2]>>,
}

/// So many random trees; every other one has the edge.
pub(crate) fn generate(count: usize) -> anyhow::Result<Trees> {
    let (mut graphs, mut x, mut labels, mut deciding) = (vec![], vec![], vec![], vec![]);
    for tree in 0..count {
        let mut random = Stream::named(0, "trees").split(tree as u64).sequence();
        // Each node but the first hangs on one before it.
        let parents: Vec<u32> = (1..NODES).map(|node| random.below(node)).collect();
        let joined = |a: u32, b: u32| a.max(b) > 0 && parents[a.max(b) as usize - 1] == a.min(b);
        let wanted = tree % 2 == 0;
        let (red, blue) = loop {
            let (red, blue) = (random.below(NODES), random.below(NODES));
            if red != blue && joined(red, blue) == wanted {
                break (red, blue);
            }
        };
        for node in 0..NODES {
            let colour = match node {
                node if node == red => RED,
                node if node == blue => BLUE,
                _ => 2 + random.below(COLOURS as u32 - 2) as usize,
            };
            x.extend((0..COLOURS).map(|c| f32::from(u8::from(c == colour))));
        }
        let edges = parents.iter().zip(1..).flat_map(|(&parent, node)| [(parent, node), (node, parent)]);
        graphs.push(EdgeIndex::from_pairs(edges, NODES as usize)?);
        labels.push(u32::from(wanted));
        deciding.push(wanted.then_some([red.min(blue), red.max(blue)]));
    }
    let x = Tensor::from_vec(x, (count * NODES as usize, COLOURS), &Device::Cpu)?;
    let y = Tensor::new(labels.as_slice(), &Device::Cpu)?;
    let names = vec!["apart".into(), "joined".into()];
    let data = GraphDataset::new("trees", graphs, x)?.with_labels(y, Level::Graph, names)?;
    Ok(Trees { data, deciding })
}
