//! What a pretrained model attends to on the data of its card.

use std::path::Path;

use anyhow::{Result, anyhow, ensure};
use candle_geometric::data::Dataset;
use candle_geometric::explain::{Bond, Weights};
use candle_geometric::graph::EdgeIndex;
use candle_geometric::models::zoo::Family;
use candle_geometric::models::{Configuration, HeteroModelConfig, KnowledgeModelConfig, Level, Pretrained};
use candle_geometric::nn::conv::Attention;
use candle_geometric::train::{AttendedLayer, EdgeKinds, Trainable, features, preprocess};
use candle_geometric::{DType, Device, Tensor};

use super::error::OrHint;
use super::task::{Prepared, Task, data_of, family, load_model, prepare};

/// A graph, and the attention of a model over it.
pub(crate) struct Seen {
    pub(crate) model: String,
    /// The data, and which of its graphs.
    pub(crate) data: String,
    /// Of every layer over the edges.
    pub(crate) layers: Vec<Weights>,
    /// Of every look of the graph at its nodes: a weight for each node.
    pub(crate) readout: Vec<Vec<f64>>,
    /// The class of every node, if the model tells it.
    pub(crate) predicted: Option<Vec<u32>>,
    pub(crate) truth: Option<Vec<u32>>,
    pub(crate) class_names: Vec<String>,
    /// The name of every node, or none.
    pub(crate) node_names: Vec<String>,
    /// Of every layer that is one of several types of edges: how much of the result it makes.
    pub(crate) shares: Vec<Option<f64>>,
    /// What kinds of edges all layers attend over.
    pub(crate) kinds: Option<EdgeKinds>,
    pub(crate) molecule: Option<Atoms>,
    /// The edges of a graph that is one of many.
    pub(crate) graph: Option<EdgeIndex>,
}

/// The atoms and bonds of a graph that is a molecule.
pub(crate) struct Atoms {
    pub(crate) numbers: Vec<u32>,
    pub(crate) bonds: EdgeIndex,
    pub(crate) kinds: Vec<Bond>,
    pub(crate) smiles: String,
}

impl Seen {
    /// Runs the model `spec` on the graph of its data, or on graph `graph` of many.
    pub(crate) fn load(
        spec: &str,
        folder: Option<&Path>,
        graph: Option<usize>,
        device: &Device,
    ) -> Result<Self> {
        let of_types = match family(spec)? {
            Family::Graph => None,
            Family::Hetero => Some(Self::of_types::<HeteroModelConfig>(spec, folder, device)?),
            Family::Knowledge => Some(Self::of_types::<KnowledgeModelConfig>(spec, folder, device)?),
        };
        if let Some(seen) = of_types {
            ensure!(graph.is_none(), "--graph: {spec} is a model of one graph");
            return seen.with_attention();
        }
        let model: Pretrained = load_model(spec, device)?;
        let task = match model.model.level() {
            Level::Graph => None,
            _ => Task::load(spec, folder, device)?,
        };
        let seen = match task {
            Some(task) => Self::of_task(&task)?,
            None => {
                let data = data_of(&model, folder)?;
                if model.model.level() == Level::Graph || matches!(data, Dataset::Graphs(_)) {
                    return Self::of_many(model, data, graph.unwrap_or(0), device)?.with_attention();
                }
                Self::of_nodes(model, data, device)?
            }
        };
        ensure!(graph.is_none(), "--graph: {spec} is a model of the nodes of one graph");
        seen.with_attention()
    }

    /// What a node is called.
    pub(crate) fn node(&self, node: u32) -> String {
        self.node_names.get(node as usize).cloned().unwrap_or_else(|| format!("node {node}"))
    }

    /// The weight of every node as the mean over all looks of the graph at them, if there are any.
    pub(crate) fn mean_readout(&self) -> Option<Vec<f64>> {
        let looks = self.readout.len() as f64;
        let nodes = self.readout.first()?.len();
        Some((0..nodes).map(|i| self.readout.iter().map(|look| look[i]).sum::<f64>() / looks).collect())
    }

    /// Checks that there is anything to see.
    fn with_attention(self) -> Result<Self> {
        if self.layers.is_empty() && self.readout.is_empty() {
            return Err(anyhow!("the model {} has no attention that could be shown", self.model))
                .hint("`candle-geometric list` shows models with attention, such as gat-cora");
        }
        Ok(self)
    }

    /// A model of one graph with types of edges.
    fn of_types<C: Configuration>(spec: &str, folder: Option<&Path>, device: &Device) -> Result<Self>
    where
        Dataset: Trainable<C>,
    {
        let Prepared { pretrained, task } = prepare::<C>(spec, folder, device)?;
        let labels = &pretrained.entry.task.labels;
        let mut seen = Self::new(&pretrained.name, pretrained.entry.data.name.clone(), &[])?;
        let Some(attended) = task.attended(&pretrained.model, labels)? else { return Ok(seen) };
        let several = attended.layers.last().is_some_and(|last| last.layer > 0);
        for AttendedLayer { layer, edges, share, attention, kinds } in attended.layers {
            let weights = Weights::from_tensor(&attention.edges, &attention.alpha)?;
            seen.layers.push(match edges {
                Some(edges) if several => weights.named(format!("layer {layer}, {edges}")),
                Some(edges) => weights.named(edges),
                None => weights,
            });
            seen.shares.push(share);
            seen.kinds = kinds;
        }
        // Where nothing is classified, the labels are the nodes.
        let class_names = if attended.predicted.is_some() { labels.clone() } else { Vec::new() };
        Ok(Self {
            predicted: attended.predicted,
            truth: attended.truth,
            node_names: attended.node_names,
            class_names,
            ..seen
        })
    }

    /// A classifier of nodes.
    fn of_task(task: &Task) -> Result<Self> {
        let graph = &task.dataset.graph;
        let attention =
            task.model.model.attention(&graph.x, &graph.edge_index, graph.edge_attr.as_ref(), None)?;
        Ok(Self {
            predicted: Some(task.predictions()?),
            truth: Some(task.truth.clone()),
            class_names: task.model.entry.task.labels.clone(),
            ..Self::new(&task.model.name, task.dataset.name.clone(), &attention)?
        })
    }

    /// Another model of the nodes of one graph: of its links or groups.
    fn of_nodes(model: Pretrained, data: Dataset, device: &Device) -> Result<Self> {
        let entry = &model.entry;
        let dataset = data.into_nodes()?.to_device(device)?;
        let x = features(&dataset, &entry.preprocessing)?;
        let edge_attr = dataset.graph.edge_attr.as_ref().filter(|_| !entry.preprocessing.drop_edge_attr);
        let attention = model.model.attention(&x, &dataset.graph.edge_index, edge_attr, None)?;
        Ok(Self {
            truth: dataset.labels().ok(),
            class_names: dataset.class_names.clone(),
            ..Self::new(&model.name, dataset.name.clone(), &attention)?
        })
    }

    /// A model of graphs, or of the nodes of many, on one of them.
    fn of_many(model: Pretrained, data: Dataset, index: usize, device: &Device) -> Result<Self> {
        let entry = &model.entry;
        let molecule = molecule(&data, index)?;
        let dataset = data.into_graphs()?;
        if index >= dataset.len() {
            let expected =
                format!("--graph: expected a number below {} (graphs are counted from 0)", dataset.len());
            return Err(anyhow!("{expected}, got {index}"))
                .hint(format!("`candle-geometric data stats {}` shows how many there are", entry.data.name));
        }
        let batch = dataset.batch(&[index])?;
        let float = |t: &Tensor| t.to_dtype(DType::F32)?.to_device(device);
        let x = float(&preprocess(&batch.x, entry.preprocessing.normalize_features)?)?;
        let edge_attr = batch.edge_attr.as_ref().filter(|_| !entry.preprocessing.drop_edge_attr);
        let edge_attr = edge_attr.map(float).transpose()?;
        let (edges, readout) = (batch.structure.edges(), batch.structure.readout());
        let attention = model.model.attention(&x, edges, edge_attr.as_ref(), Some(readout))?;
        let name = format!("{}, graph {index}", dataset.name);
        Ok(Self { molecule, graph: Some(edges.clone()), ..Self::new(&model.name, name, &attention)? })
    }

    fn new(model: &str, data: String, attention: &[Attention]) -> Result<Self> {
        let (mut layers, mut readout) = (Vec::new(), Vec::new());
        for a in attention {
            let weights = Weights::from_tensor(&a.edges, &a.alpha)?;
            if a.edges.is_bipartite() {
                let mut of_node = vec![0.0; a.edges.num_src()];
                for ((node, _), weight) in a.edges.iter().zip(weights.mean()) {
                    of_node[node as usize] += weight;
                }
                readout.push(of_node);
            } else {
                layers.push(weights);
            }
        }
        Ok(Self {
            model: model.into(),
            data,
            shares: vec![None; layers.len()],
            kinds: None,
            layers,
            readout,
            predicted: None,
            truth: None,
            class_names: Vec::new(),
            node_names: Vec::new(),
            molecule: None,
            graph: None,
        })
    }
}

/// The atoms of the molecules of a data set of molecules, read from their SMILES: the features of a model need not tell the
/// element.
#[cfg(feature = "smiles")]
fn molecule(dataset: &Dataset, index: usize) -> Result<Option<Atoms>> {
    use candle_geometric::data::molecules::{BondKind, Chematic, SmilesReader};

    let Dataset::Molecules(molecules) = dataset else { return Ok(None) };
    let Some(smiles) = molecules.smiles.get(index) else { return Ok(None) };
    let molecule = Chematic.molecule(smiles).map_err(|e| anyhow!("{smiles}: {e}"))?;
    let kind = |kind| match kind {
        BondKind::Double => Bond::Double,
        BondKind::Triple => Bond::Triple,
        BondKind::Aromatic => Bond::Aromatic,
        _ => Bond::Single,
    };
    let pairs = molecule.bonds.iter().map(|bond| (bond.atoms[0], bond.atoms[1]));
    Ok(Some(Atoms {
        bonds: EdgeIndex::from_pairs(pairs, molecule.atoms.len())?,
        kinds: molecule.bonds.iter().map(|bond| kind(bond.kind)).collect(),
        numbers: molecule.atoms.iter().map(|atom| atom.atomic_number.into()).collect(),
        smiles: smiles.clone(),
    }))
}

#[cfg(not(feature = "smiles"))]
fn molecule(_: &Dataset, _: usize) -> Result<Option<Atoms>> {
    Ok(None)
}
