//! The text files of Pei et al. (2020), *Geom-GCN: geometric graph convolutional networks*: Cornell, Texas, Wisconsin and
//! Actor (there `film`).
//!
//! `out1_node_feature_label.txt` has, below a header, `<node>\t<features>\t<label>` in any order of the nodes. The features are
//! zeros and ones, or, where the header says `feature(feature_amount:…)`, the numbers of those that are 1. (The amount there
//! is not to be trusted: film's is one short. The greatest number counts.) `out1_graph_edges.txt` has directed edges. Ten
//! splits are `.npz` files of three masks. As in PyG, edges stay directed and self-loops stay; duplicates are merged.

use candle_core::{Device, Tensor};
use candle_geometric_graph::{EdgeIndex, transforms};

use crate::numpy::{Archive, Dense};
use crate::text::{Line, lines};
use crate::{Error, Graph, NodeDataset, Result, Split};

/// Assembles the data set, with all its splits, from the contents of the files. The classes are named by their numbers.
///
/// # Errors
/// If a line makes no sense, a node comes twice or is left out, or a split does not fit.
pub fn parse(name: &str, nodes: &[u8], edges: &[u8], splits: &[&[u8]]) -> Result<NodeDataset> {
    let (x, y) = read_nodes(nodes)?;
    let n = y.len();
    let classes = y.iter().max().map_or(0, |&last| last as usize + 1);
    let mut pairs = Vec::new();
    for line in lines("out1_graph_edges", edges).skip(1) {
        let line = line?;
        let [source, destination] = line.fields('\t', "two nodes, separated by a tab")?;
        pairs.push((node(&line, source, n)?, node(&line, destination, n)?));
    }
    let edges = transforms::coalesce(&EdgeIndex::from_pairs(pairs, n)?)?.edges;
    let graph = Graph::new(x, edges)?.with_labels(Tensor::from_vec(y, n, &Device::Cpu)?)?;
    let splits =
        splits.iter().enumerate().map(|(i, bytes)| read_split(i, bytes, n)).collect::<Result<_>>()?;
    NodeDataset::new(name, graph, (0..classes).map(|class| class.to_string()).collect())?.with_splits(splits)
}

/// The features and the class of every node.
fn read_nodes(bytes: &[u8]) -> Result<(Tensor, Vec<u32>)> {
    const FILE: &str = "out1_node_feature_label";
    let mut rows = lines(FILE, bytes);
    let header = rows.next().ok_or_else(|| Error::format(FILE, "the file is empty"))??;
    let [_, features, _] = header.fields('\t', "a header of three columns, separated by tabs")?;
    let listed = features.contains("feature_amount");
    let rows = rows.collect::<Result<Vec<_>>>()?;
    let n = rows.len();
    let mut y = vec![u32::MAX; n];
    // (node, feature), and how many features there are.
    let (mut ones, mut width) = (Vec::new(), None);
    for line in &rows {
        let [id, features, label] =
            line.fields('\t', "a node, its features and its label, separated by tabs")?;
        let id = node(line, id, n)?;
        let class: u32 = line.number("a class", label)?;
        if class as usize >= n {
            return Err(line.error(format!("class {class} in a graph of {n} nodes")));
        }
        match y.get_mut(id as usize) {
            Some(label) if *label == u32::MAX => *label = class,
            _ => return Err(line.error(format!("node {id} comes twice"))),
        }
        if listed {
            for feature in features.split(',').filter(|text| !text.is_empty()) {
                ones.push((id as usize, line.number::<u32>("the number of a feature", feature)? as usize));
            }
            continue;
        }
        let mut count = 0;
        for (column, feature) in features.split(',').enumerate() {
            match feature {
                "0" => {}
                "1" => ones.push((id as usize, column)),
                other => return Err(line.error(format!("expected features of 0 and 1, got {other:?}"))),
            }
            count += 1;
        }
        if *width.get_or_insert(count) != count {
            return Err(
                line.error(format!("{count} features, but the first node has {}", width.unwrap_or(0)))
            );
        }
    }
    let listed_width = || ones.iter().map(|(_, feature)| feature + 1).max().unwrap_or(0);
    let mut x = Dense::zeros(FILE, n, width.unwrap_or_else(listed_width))?;
    ones.iter().for_each(|&(node, feature)| x.set(node, feature, 1.));
    Ok((x.into_tensor()?, y))
}

fn node(line: &Line<'_>, text: &str, n: usize) -> Result<u32> {
    let node: u32 = line.number("a node", text)?;
    if (node as usize) < n { Ok(node) } else { Err(line.error(format!("node {node} of {n}"))) }
}

fn read_split(i: usize, bytes: &[u8], n: usize) -> Result<Split> {
    let mut archive = Archive::open(bytes)?;
    let mut mask = |part: &str| {
        let name = format!("{part}_mask");
        let mut masks = archive.array(&name)?.masks(n)?;
        match masks.len() {
            1 => Ok(masks.remove(0)),
            rows => {
                Err(Error::format(format!("split {i}: {name}"), format!("expected one mask, got {rows}")))
            }
        }
    };
    Ok(Split { train: mask("train")?, val: mask("val")?, test: mask("test")? })
}
