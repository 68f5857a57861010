//! Graphs whose nodes are texts: `NAME.json` of GraphMaster (Du et al. 2025) and `NAME.csv` of the TAG benchmark (Yan et al. 2023).
//!
//! The JSON is a list of nodes, each with `node_id`, `label`, `text`, its `neighbors` and perhaps `mask`, one of `Train`,
//! `Validation` and `Test`. The table has the columns `node_id`, `label`, `raw_text` or `text`, `neighbor_ids` or `neighbour` (a list in
//! brackets), and perhaps `category`, the name of the class. An edge leads from a node to each of its neighbours, in the order
//! of the file.
//!
//! The nodes have texts ([`NodeDataset::texts`]) and no features, `x` of shape `[N, 0]`: those are made of the texts
//! (module `text_encoder`, feature `text`; [`NodeDataset::with_features`]).
//!
//! ```
//! # fn main() -> candle_geometric_data::Result<()> {
//! use candle_geometric_data::text_graph::parse_csv;
//! let table = b"node_id,label,text,neighbour\n0,1,\"graphs, and more\",[1]\n1,0,attention,[]\n";
//! let dataset = parse_csv("two", table)?;
//! assert_eq!(dataset.texts, ["graphs, and more", "attention"]);
//! assert_eq!(dataset.labels()?, [1, 0]);
//! # Ok(()) }
//! ```

use std::collections::{BTreeMap, HashMap};

use candle_core::{DType, Device, Tensor};
use candle_geometric_graph::EdgeIndex;
use serde::Deserialize;

use crate::csv_graph::CsvTable;
use crate::tables::{Row, Table};
use crate::text::{shown, without_mark};
use crate::{Error, Graph, NodeDataset, Result};

/// A node, as both forms have it.
#[derive(Deserialize)]
struct Node {
    node_id: i64,
    label: u32,
    text: String,
    neighbors: Vec<i64>,
    mask: Option<Mask>,
}

#[derive(Deserialize, Clone, Copy, PartialEq, Eq)]
enum Mask {
    Train,
    Validation,
    Test,
}

/// Assembles the data set from the contents of the JSON. The classes are named by their numbers.
///
/// # Errors
/// If it is not such a list, two nodes have one `node_id`, a neighbour is no node, or a label is not below the number of nodes.
pub fn parse_json(name: &str, json: &[u8]) -> Result<NodeDataset> {
    let file = "the JSON of nodes";
    let nodes = serde_json::from_slice(without_mark(json)).map_err(|e| Error::format(file, e.to_string()))?;
    assemble(name, file, nodes, &BTreeMap::new())
}

/// Assembles the data set from the contents of the table.
///
/// # Errors
/// As [`parse_json`], and if a class has two categories.
pub fn parse_csv(name: &str, table: &[u8]) -> Result<NodeDataset> {
    let file = "the table of nodes";
    let mut table = CsvTable::open(file, table, b',')?;
    let (id, label) = (table.column("node_id")?, table.column("label")?);
    let text = table.column("raw_text").or_else(|_| table.column("text"))?;
    let neighbors = table.column("neighbor_ids").or_else(|_| table.column("neighbour"))?;
    let category = table.column("category").ok();
    let (mut nodes, mut categories) = (Vec::new(), BTreeMap::new());
    while let Some(row) = table.next()? {
        let number = |what: &str, text: &str| {
            let number = text.trim().trim_matches('\'').parse::<i64>();
            number.map_err(|_| row.error(format!("{what}: expected a number, got {:?}", shown(text))))
        };
        let class = number("label", &row.text(label)?)?;
        let class =
            u32::try_from(class).map_err(|_| row.error(format!("label: expected a class, got {class}")))?;
        if let Some(category) = category {
            let name = &*row.text(category)?;
            let known: &String = categories.entry(class).or_insert_with(|| name.to_string());
            if known != name {
                return Err(row.error(format!("class {class} is {:?} and {:?}", shown(known), shown(name))));
            }
        }
        let list = row.text(neighbors)?;
        let list = list.trim();
        let inner = list.strip_prefix('[').and_then(|list| list.strip_suffix(']'));
        let inner = inner.ok_or_else(|| {
            row.error(format!("expected a list of neighbours in brackets, got {:?}", shown(list)))
        })?;
        let neighbors = match inner.trim() {
            "" => Ok(Vec::new()),
            inner => inner.split(',').map(|text| number("neighbours", text)).collect(),
        };
        nodes.push(Node {
            node_id: number("node_id", &row.text(id)?)?,
            label: class,
            text: row.text(text)?.to_string(),
            neighbors: neighbors?,
            mask: None,
        });
    }
    assemble(name, file, nodes, &categories)
}

fn assemble(
    name: &str,
    file: &str,
    nodes: Vec<Node>,
    categories: &BTreeMap<u32, String>,
) -> Result<NodeDataset> {
    let bad = |problem: String| Error::format(file, problem);
    let n = nodes.len();
    let mut numbers = HashMap::new();
    for (node, number) in nodes.iter().zip(0u32..) {
        if numbers.insert(node.node_id, number).is_some() {
            return Err(bad(format!("node {} comes twice", node.node_id)));
        }
        if node.label as usize >= n {
            let id = node.node_id;
            return Err(bad(format!(
                "node {id}: label: expected a class below {n}, the nodes, got {}",
                node.label
            )));
        }
    }
    let mut pairs = Vec::new();
    for (node, source) in nodes.iter().zip(0u32..) {
        for id in &node.neighbors {
            let destination = numbers.get(id);
            let destination = destination
                .ok_or_else(|| bad(format!("node {}: its neighbour {id} is no node", node.node_id)))?;
            pairs.push((source, *destination));
        }
    }
    let y: Vec<u32> = nodes.iter().map(|node| node.label).collect();
    let classes = y.iter().max().map_or(0, |largest| largest + 1);
    let class_names = (0..classes).map(|c| categories.get(&c).cloned().unwrap_or_else(|| c.to_string()));
    let mask = |wanted: Mask| nodes.iter().map(|node| node.mask == Some(wanted)).collect();
    let x = Tensor::zeros((n, 0), DType::F32, &Device::Cpu)?;
    let graph = Graph::new(x, EdgeIndex::from_pairs(pairs, n)?)?
        .with_labels(Tensor::from_vec(y, n, &Device::Cpu)?)?
        .with_split(mask(Mask::Train), mask(Mask::Validation), mask(Mask::Test))?;
    let dataset = NodeDataset::new(name, graph, class_names.collect())?;
    dataset.with_texts(nodes.into_iter().map(|node| node.text).collect())
}
