//! Node classification of the Heterogeneous Graph Benchmark (Lv et al. 2021, *Are we really making much progress?*): ACM, DBLP,
//! IMDB.
//!
//! Text, separated by tabs: `node.dat` has `id, name, type[, features]`, `link.dat` has `source, destination, type, weight`,
//! `label.dat` (training and validation) and `label.dat.test` (test) have `id, name, type, label`. A label is a class, or
//! several, separated by commas. `info.dat` is JSON that names the types. As in PyG, nodes are counted within their type in the
//! order of the file, and a relation is what its meaning has in the middle (`cite` of `paper-cite-paper`), or `to`.
//!
//! The copies that are in use also have a `label.dat.test_full`, with twice as many nodes for testing. Its labels are not theirs:
//! of the papers of ACM (authors of DBLP) that share an author (a paper) with training nodes, the majority of these has the label
//! in `label.dat` for 89 % (83 %), in `label.dat.test` for 89 % (86 %), and in `label.dat.test_full` for 31 % (23 %), no more than by
//! chance. So it is read only where the other file is not there; PyG never reads it. There is no validation split; the paper draws
//! one from the training nodes: see [`HeteroDataset::with_validation`].

use std::collections::BTreeMap;
use std::io::{Cursor, Read};

use candle_core::{Device, Tensor};
use candle_geometric_graph::{EdgeIndex, EdgeType, HeteroGraph};
use serde_json::Value;
use zip::ZipArchive;

use crate::text::{Line, lines, shown, without_mark};
use crate::{Error, HeteroDataset, Result, inflate};

/// The labels for testing, and what stands in for them where they are missing.
pub(crate) const TEST: &str = "label.dat.test";
pub(crate) const TEST_FULL: &str = "label.dat.test_full";

/// The contents of the files.
#[derive(Debug, Clone, Copy)]
pub struct Hgb<'a> {
    /// `info.dat`.
    pub info: &'a [u8],
    /// `node.dat`.
    pub node: &'a [u8],
    /// `link.dat`.
    pub link: &'a [u8],
    /// `label.dat`.
    pub label: &'a [u8],
    /// `label.dat.test`.
    pub label_test: &'a [u8],
}

/// Assembles the data set from the ZIP archive that holds its files, in whatever folder.
///
/// # Errors
/// As [`parse`]; and if the archive is damaged, lacks a file, or unpacks to much more than its size justifies.
pub fn parse_zip(name: &str, bytes: &[u8]) -> Result<HeteroDataset> {
    let damaged = |e: &dyn std::fmt::Display| Error::format("the zip archive", e.to_string());
    let mut zip = ZipArchive::new(Cursor::new(bytes)).map_err(|e| damaged(&e))?;
    let mut left = inflate::limit(bytes.len() as u64);
    let mut read = |file: &str| {
        let folder = format!("/{file}");
        let mut names = zip.file_names().filter_map(|name| name.ok()).map(|name| name.into_owned());
        let entry = names.find(|name| name == file || name.ends_with(&folder));
        drop(names);
        let entry = entry.ok_or_else(|| damaged(&format!("it has no {file}")))?;
        let mut contents = Vec::new();
        let entry = zip.by_name(&entry).map_err(|e| damaged(&e))?;
        let length = entry.take(left).read_to_end(&mut contents).map_err(|e| damaged(&e))? as u64;
        left -= length;
        if left == 0 {
            Err(damaged(&"it unpacks to much more than a file of its size should"))
        } else {
            Ok(contents)
        }
    };
    let [info, node, link, label] = ["info.dat", "node.dat", "link.dat", "label.dat"].map(&mut read);
    let (info, node, link, label) = (info?, node?, link?, label?);
    let label_test = read(TEST).or_else(|missing| read(TEST_FULL).map_err(|_| missing))?;
    let files = Hgb { info: &info, node: &node, link: &link, label: &label, label_test: &label_test };
    parse(name, files)
}

/// Assembles the data set.
///
/// # Errors
/// If a line makes no sense, a type is not in `info.dat`, or a node is not there or of another type than it should be.
pub fn parse(name: &str, files: Hgb<'_>) -> Result<HeteroDataset> {
    let info = Info::read(files.info)?;
    let (nodes, x) = read_nodes(files.node, &info)?;
    let (edges, edge_weight) = read_links(files.link, &info, &nodes)?;
    let counts = info.node_types.iter().zip(&nodes.counts).map(|(name, &count)| (name.clone(), count));
    let graph = HeteroGraph::new(counts, edges)?;

    let (train, test) =
        (read_labels("label.dat", files.label, &nodes)?, read_labels(TEST, files.label_test, &nodes)?);
    let target = train.first().or(test.first()).map_or(0, |label| label.node_type);
    let n = nodes.counts.get(target).copied().unwrap_or(0);
    let all = || train.iter().chain(&test);
    if let Some(label) = all().find(|label| label.node_type != target) {
        let problem = format!("labels of nodes of type {target} and of type {}", label.node_type);
        return Err(Error::format("label.dat", problem));
    }
    let k = all().flat_map(|label| &label.classes).max().map_or(0, |&last| last as usize + 1);
    if k > n {
        return Err(Error::format("label.dat", format!("class {} of {n} nodes", k - 1)));
    }
    let (mut train_mask, mut test_mask) = (vec![false; n], vec![false; n]);
    for (labels, mask, file) in [(&train, &mut train_mask, "label.dat"), (&test, &mut test_mask, TEST)] {
        for label in labels {
            match mask.get_mut(label.node) {
                Some(place) if !*place => *place = true,
                _ => return Err(Error::format(file, format!("node {} has two labels", label.node))),
            }
        }
    }
    let several = all().any(|label| label.classes.len() != 1);
    let y = if several {
        let mut y = crate::numpy::Dense::zeros("label.dat", n, k)?;
        all().for_each(|label| label.classes.iter().for_each(|&class| y.set(label.node, class as usize, 1.)));
        y.into_tensor()?
    } else {
        let mut y = vec![0u32; n];
        for label in all() {
            if let (Some(place), Some(&class)) = (y.get_mut(label.node), label.classes.first()) {
                *place = class;
            }
        }
        Tensor::from_vec(y, n, &Device::Cpu)?
    };
    let names = info.classes.get(target).filter(|names| names.len() == k).cloned();
    let dataset = HeteroDataset {
        name: name.into(),
        graph,
        x,
        edge_weight,
        target: info.node_types.get(target).cloned().unwrap_or_default(),
        y,
        class_names: names.unwrap_or_else(|| (0..k).map(|class| class.to_string()).collect()),
        val_mask: vec![false; n],
        train_mask,
        test_mask,
    };
    dataset.validate()?;
    Ok(dataset)
}

/// What `info.dat` says.
struct Info {
    node_types: Vec<String>,
    link_types: Vec<EdgeType>,
    /// By type of nodes.
    classes: Vec<Vec<String>>,
}

impl Info {
    fn read(bytes: &[u8]) -> Result<Self> {
        const FILE: &str = "info.dat";
        let json: Value = serde_json::from_slice(without_mark(bytes))
            .map_err(|e| Error::line(FILE, e.line(), e.to_string()))?;
        let part = |file: &str, what: &str| json.get(file).and_then(|part| part.get(what));
        // `{"0": …, "1": …}`
        let list = |value: &'_ Value| -> Option<Vec<Value>> {
            let object = value.as_object()?;
            (0..object.len()).map(|i| object.get(&i.to_string()).cloned()).collect()
        };
        let text = |value: &Value| value.as_str().map(str::to_string);
        let texts = |value: &Value| list(value)?.iter().map(text).collect::<Option<Vec<String>>>();
        let lacks = |what: &str| Error::format(FILE, format!("expected {what}, numbered from 0"));
        let node_types = part("node.dat", "node type").and_then(texts);
        let node_types = node_types.ok_or_else(|| lacks("node.dat: node type: names"))?;
        let number = |value: &Value| match value {
            Value::String(text) => text.parse::<usize>().ok(),
            other => usize::try_from(other.as_u64()?).ok(),
        };
        let link_type = |value: Value| {
            let end = |key: &str| node_types.get(number(value.get(key)?)?);
            let (source, destination) = (end("start")?, end("end")?);
            let middle = value.get("meaning")?.as_str()?.split('-').nth(1)?;
            let named = middle == destination || middle.get(1..) == Some(destination.as_str());
            let relation = if named { "to" } else { middle };
            Some(EdgeType::new(source.as_str(), relation, destination.as_str()))
        };
        let link_types = part("link.dat", "link type").and_then(list);
        let link_types =
            link_types.and_then(|types| types.into_iter().map(link_type).collect::<Option<Vec<_>>>());
        let link_types = link_types.ok_or_else(|| lacks("link.dat: link type: start, end and meaning"))?;
        let of_type = |i: usize| part("label.dat", "node type")?.get(i.to_string()).and_then(texts);
        let classes = (0..node_types.len()).map(|i| of_type(i).unwrap_or_default()).collect();
        Ok(Self { node_types, link_types, classes })
    }
}

/// The nodes by their numbers in the files: type, and place within the type.
struct Nodes {
    places: Vec<(usize, u32)>,
    counts: Vec<usize>,
}

impl Nodes {
    fn find(&self, line: &Line<'_>, text: &str) -> Result<(usize, u32)> {
        let id: usize = line.number("a node", text)?;
        let place = self.places.get(id).copied();
        place.ok_or_else(|| line.error(format!("expected a node below {}, got {id}", self.places.len())))
    }
}

fn read_nodes(bytes: &[u8], info: &Info) -> Result<(Nodes, BTreeMap<String, Tensor>)> {
    const FILE: &str = "node.dat";
    let types = info.node_types.len();
    let mut nodes = Nodes { places: Vec::new(), counts: vec![0; types] };
    let mut features: Vec<(Vec<f32>, Option<usize>)> = vec![(Vec::new(), None); types];
    for line in lines(FILE, bytes) {
        let line = line?;
        // A name may hold anything but line ends: what follows it is found from the back.
        let fields: Vec<&str> = line.text.split('\t').collect();
        let (id, node_type, values) = match *fields.as_slice() {
            [id, _, node_type] => (id, node_type, ""),
            [id, _, .., node_type, values] => (id, node_type, values),
            _ => {
                return Err(line.error(format!(
                    "expected id, name, type and perhaps features, got {:?}",
                    shown(line.text)
                )));
            }
        };
        let id: usize = line.number("a node", id)?;
        if id != nodes.places.len() {
            return Err(line.error(format!(
                "expected node {}, as nodes follow each other, got {id}",
                nodes.places.len()
            )));
        }
        let node_type: usize = line.number("a type of nodes", node_type)?;
        let (Some(count), Some((x, width))) = (nodes.counts.get_mut(node_type), features.get_mut(node_type))
        else {
            return Err(line.error(format!("type {node_type} of {types}")));
        };
        nodes.places.push((node_type, u32::try_from(*count).map_err(|_| line.error("too many nodes"))?));
        *count += 1;
        let before = x.len();
        for value in values.split(',').filter(|_| !values.is_empty()) {
            x.push(line.finite("a finite number", value)?);
        }
        let found = x.len() - before;
        if *width.get_or_insert(found) != found {
            let expected = width.unwrap_or(0);
            return Err(
                line.error(format!("{found} features, but the first node of its type has {expected}"))
            );
        }
    }
    let mut x = BTreeMap::new();
    for ((name, (values, width)), &n) in info.node_types.iter().zip(features).zip(&nodes.counts) {
        if let Some(width) = width.filter(|&width| width > 0) {
            x.insert(name.clone(), Tensor::from_vec(values, (n, width), &Device::Cpu)?);
        }
    }
    Ok((nodes, x))
}

type Edges = Vec<(EdgeType, EdgeIndex)>;

fn read_links(bytes: &[u8], info: &Info, nodes: &Nodes) -> Result<(Edges, BTreeMap<EdgeType, Tensor>)> {
    let types = info.link_types.len();
    let mut links: Vec<(Vec<u32>, Vec<u32>, Vec<f32>)> = vec![Default::default(); types];
    let type_of = |name: &str| info.node_types.iter().position(|other| other == name).unwrap_or(0);
    let ends: Vec<[usize; 2]> =
        info.link_types.iter().map(|t| [type_of(&t.source), type_of(&t.destination)]).collect();
    for line in lines("link.dat", bytes) {
        let line = line?;
        let [from, to, link_type, weight] =
            line.fields('\t', "source, destination, type and weight, separated by tabs")?;
        let link_type: usize = line.number("a type of links", link_type)?;
        let ((from_type, from), (to_type, to)) = (nodes.find(&line, from)?, nodes.find(&line, to)?);
        let (Some((source, destination, weights)), Some(ends)) =
            (links.get_mut(link_type), ends.get(link_type))
        else {
            return Err(line.error(format!("type {link_type} of {types}")));
        };
        if *ends != [from_type, to_type] {
            let expected = info.link_types.get(link_type).map(EdgeType::to_string).unwrap_or_default();
            return Err(line.error(format!("nodes of types {from_type} and {to_type} in a link {expected}")));
        }
        source.push(from);
        destination.push(to);
        weights.push(line.finite("a finite weight", weight)?);
    }
    let (mut edges, mut edge_weight) = (Vec::new(), BTreeMap::new());
    for ((edge_type, (source, destination, weights)), [from, to]) in
        info.link_types.iter().zip(links).zip(ends)
    {
        let count = |node_type: usize| nodes.counts.get(node_type).copied().unwrap_or(0);
        let index = match from == to {
            true => EdgeIndex::new(source, destination, count(from))?,
            false => EdgeIndex::bipartite(source, destination, count(from), count(to))?,
        };
        edges.push((edge_type.clone(), index));
        if weights.iter().any(|&weight| weight != 1.) {
            let e = weights.len();
            edge_weight.insert(edge_type.clone(), Tensor::from_vec(weights, e, &Device::Cpu)?);
        }
    }
    Ok((edges, edge_weight))
}

/// The label of a node.
struct Label {
    node_type: usize,
    /// Its place within the type.
    node: usize,
    classes: Vec<u32>,
}

fn read_labels(file: &str, bytes: &[u8], nodes: &Nodes) -> Result<Vec<Label>> {
    let label = |line: Result<Line<'_>>| {
        let line = line?;
        let fields: Vec<&str> = line.text.split('\t').collect();
        let [id, _, .., node_type, classes] = *fields.as_slice() else {
            return Err(line.error(format!("expected id, name, type and label, got {:?}", shown(line.text))));
        };
        let (found, node) = nodes.find(&line, id)?;
        let node_type: usize = line.number("a type of nodes", node_type)?;
        if node_type != found {
            return Err(line.error(format!("type {node_type}, but node.dat says {found}")));
        }
        let classes = classes.split(',').map(|class| line.number("a class", class)).collect::<Result<_>>()?;
        Ok(Label { node_type, node: node as usize, classes })
    };
    lines(file, bytes).map(label).collect()
}
