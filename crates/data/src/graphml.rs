//! GraphML (Brandes et al. 2002), the XML form that networkx, Gephi, igraph and others write.
//!
//! The nodes are called by their `id` and stand in the order of the file. Data of nodes and edges that its `key` declares as a
//! number or a truth value becomes a feature, in the order of the keys; where a node or edge lacks it, the key's default stands,
//! or else it is an error. Texts are left alone. An edge that is not directed (its own `directed`, or the graph's `edgedefault`)
//! counts in both directions, the reverse right behind it. Nested graphs, hyperedges and ports are not read.

use std::collections::HashMap;

use candle_core::{Device, Tensor};
use candle_geometric_graph::EdgeIndex;
use roxmltree::{Document, Node};

use crate::text::{shown, without_mark};
use crate::{Error, NodeIds, RawGraph, Result};

/// Reads the contents of a file, which messages call `file`.
///
/// # Errors
/// If it is not XML (with a document type it is not either: entities could fill the memory), has no graph or more than one, an
/// edge names a node that is not there, a node comes twice, or data is not what its key says.
///
/// ```
/// # fn main() -> candle_geometric_data::Result<()> {
/// let text = r#"<graphml><graph edgedefault="undirected">
///     <node id="a"/><node id="b"/><edge source="a" target="b"/></graph></graphml>"#;
/// let graph = candle_geometric_data::graphml::parse("pair.graphml", text.as_bytes())?;
/// assert_eq!(graph.edge_index.iter().collect::<Vec<_>>(), [(0, 1), (1, 0)]);
/// # Ok(()) }
/// ```
pub fn parse(file: &str, bytes: &[u8]) -> Result<RawGraph> {
    let text =
        std::str::from_utf8(without_mark(bytes)).map_err(|_| Error::format(file, "expected UTF-8 text"))?;
    let document =
        Document::parse(text).map_err(|e| Error::line(file, e.pos().row as usize, e.to_string()))?;
    let reader = Reader { file, document: &document };
    let root = document.root_element();
    let mut graphs = root.children().filter(|node| node.has_tag_name_local("graph"));
    let graph = graphs.next().ok_or_else(|| Error::format(file, "there is no graph"))?;
    if let Some(another) = graphs.next() {
        return Err(reader.error(another, "a second graph"));
    }
    let keys: Vec<Key> =
        root.children().filter(|node| node.has_tag_name_local("key")).filter_map(Key::new).collect();
    let of = |domain: &str| {
        keys.iter().filter(|key| key.domain == domain || key.domain == "all").collect::<Vec<_>>()
    };
    let (of_nodes, of_edges) = (of("node"), of("edge"));

    let (mut numbers, mut names, mut x) = (HashMap::new(), Vec::new(), Vec::new());
    for node in graph.children().filter(|node| node.has_tag_name_local("node")) {
        let id = reader.attribute(node, "id")?;
        if numbers.insert(id, names.len() as u32).is_some() {
            return Err(reader.error(node, format!("node {:?} comes twice", shown(id))));
        }
        names.push(id.to_string());
        reader.data(node, &of_nodes, &mut x)?;
    }
    let directed = graph.attribute("edgedefault") != Some("undirected");
    let (mut pairs, mut edge_attr, mut row) = (Vec::new(), Vec::new(), Vec::new());
    for edge in graph.children().filter(|node| node.has_tag_name_local("edge")) {
        let end = |attribute: &str| {
            let id = reader.attribute(edge, attribute)?;
            let number = numbers.get(id).copied();
            number.ok_or_else(|| reader.error(edge, format!("there is no node {:?}", shown(id))))
        };
        let (source, destination) = (end("source")?, end("target")?);
        row.clear();
        reader.data(edge, &of_edges, &mut row)?;
        pairs.push((source, destination));
        edge_attr.extend_from_slice(&row);
        if !edge.attribute("directed").map_or(directed, |directed| directed == "true")
            && source != destination
        {
            pairs.push((destination, source));
            edge_attr.extend_from_slice(&row);
        }
    }
    let (n, e) = (names.len(), pairs.len());
    let mut raw = RawGraph::new(EdgeIndex::from_pairs(pairs, n)?, NodeIds::Names(names))?;
    let matrix = |rows, columns: usize, values| {
        (columns > 0).then(|| Tensor::from_vec(values, (rows, columns), &Device::Cpu)).transpose()
    };
    raw.x = matrix(n, of_nodes.len(), x)?;
    raw.edge_attr = matrix(e, of_edges.len(), edge_attr)?;
    Ok(raw)
}

/// A declaration of data that is a number.
struct Key<'a> {
    id: &'a str,
    domain: &'a str,
    default: Option<&'a str>,
}

impl<'a> Key<'a> {
    /// `None` for texts.
    fn new(node: Node<'a, 'a>) -> Option<Self> {
        let numeric =
            matches!(node.attribute("attr.type"), Some("int" | "long" | "float" | "double" | "boolean"));
        let default =
            node.children().find(|child| child.has_tag_name_local("default")).and_then(|node| node.text());
        let domain = node.attribute("for").unwrap_or("all");
        numeric.then_some(Self { id: node.attribute("id")?, domain, default })
    }
}

struct Reader<'a> {
    file: &'a str,
    document: &'a Document<'a>,
}

impl<'a> Reader<'a> {
    fn error(&self, node: Node<'_, '_>, problem: impl Into<String>) -> Error {
        Error::line(self.file, self.document.text_pos_at(node.range().start).row as usize, problem)
    }

    fn attribute(&self, node: Node<'a, 'a>, name: &str) -> Result<&'a str> {
        node.attribute(name).ok_or_else(|| self.error(node, format!("there is no {name:?}")))
    }

    /// The value of every key.
    fn data(&self, node: Node<'a, 'a>, keys: &[&Key<'a>], values: &mut Vec<f32>) -> Result<()> {
        for key in keys {
            let data = node
                .children()
                .find(|child| child.has_tag_name_local("data") && child.attribute("key") == Some(key.id));
            let text = data.map(|data| data.text().unwrap_or_default()).or(key.default).map(str::trim);
            let value = match text {
                Some("true") => Some(1.),
                Some("false") => Some(0.),
                Some(text) => text.parse::<f32>().ok().filter(|value| value.is_finite()),
                None => None,
            };
            values.push(value.ok_or_else(|| {
                let got = text.map_or("none".into(), |text| format!("{:?}", shown(text)));
                self.error(node, format!("{}: expected a finite number, got {got}", key.id))
            })?);
        }
        Ok(())
    }
}

/// Tag names whatever their namespace: some writers leave it out.
trait LocalName {
    fn has_tag_name_local(&self, name: &str) -> bool;
}

impl LocalName for Node<'_, '_> {
    fn has_tag_name_local(&self, name: &str) -> bool {
        self.is_element() && self.tag_name().name() == name
    }
}
