//! A pretrained model together with the data it was made for.

use std::path::Path;

use anyhow::{Context, Result, anyhow, ensure};
use candle_geometric::data::registry::Format;
use candle_geometric::data::{Dataset, NodeDataset, Source};
use candle_geometric::models::zoo::Family;
use candle_geometric::models::{self, Configuration, Level, Pretrained, TaskKind};
use candle_geometric::nn::Mode;
use candle_geometric::train::task::node_split;
use candle_geometric::train::{Recipe, Task as TrainTask, Trainable, features, metrics};
use candle_geometric::{DType, Device, Tensor};

use super::error::OrHint;
use super::texts;

/// Loads a model of one family by its name, folder or repository.
pub(crate) fn load_model<C: Configuration>(spec: &str, device: &Device) -> Result<Pretrained<C>> {
    advised(spec, models::from_pretrained_as(spec, device))
}

/// The family of a model.
pub(crate) fn family(spec: &str) -> Result<Family> {
    advised(spec, Family::of_pretrained(spec))
}

/// The error with what would help.
fn advised<T>(spec: &str, loaded: models::Result<T>) -> Result<T> {
    let hint = match &loaded {
        Err(models::Error::UnknownModel { .. }) => {
            "`candle-geometric list` shows the models of the zoo".into()
        }
        Err(models::Error::NoWeights { name }) => {
            format!(
                "`candle-geometric train models/{name}/train.toml --data DIR` makes them, where the data is"
            )
        }
        Err(models::Error::Sha256 { .. } | models::Error::Weights { .. }) => {
            "get the files of the model again".into()
        }
        Err(models::Error::Download { .. }) => {
            format!("there is no folder {spec} here, so the Hub was asked: check the name and the network")
        }
        Err(models::Error::Io { path, .. }) if path.ends_with("config.json") => {
            "a model is a folder that holds config.json and the weights".into()
        }
        _ => return Ok(loaded?),
    };
    loaded.hint(hint)
}

/// Loads a data set from a folder, or from the cache (which is filled over the network when it lacks the files). One in a
/// `format` that the registry need not know is always in a folder.
pub(crate) fn load_data(name: &str, format: Option<Format>, folder: Option<&Path>) -> Result<Dataset> {
    if let Some(folder) = folder {
        ensure!(folder.is_dir(), "--data {}: there is no such folder", folder.display());
    }
    let dataset = match (format, folder) {
        (Some(format), Some(folder)) => Dataset::open(format, name, folder)?,
        (Some(format), None) => {
            return Err(anyhow!("the files of {name}, in the format {format}, are nowhere published"))
                .hint("--data DIR names the folder that holds them");
        }
        (None, Some(folder)) => Dataset::load(name, &Source::Folder(folder.to_path_buf()))?,
        (None, None) => Dataset::load(name, &Source::Cache)?,
    };
    tell_what_is_left_out(name, &dataset);
    Ok(dataset)
}

/// Rows that are no molecules are no error, and not nothing.
#[cfg(feature = "smiles")]
fn tell_what_is_left_out(name: &str, dataset: &Dataset) {
    use std::io::Write;
    if let Dataset::Molecules(molecules) = dataset
        && let Some(first) = molecules.rejected.first()
    {
        let n = molecules.rejected.len();
        let text = format!(
            "note: {n} rows of {name} are no molecules and left out, the first in line {} (`data stats` lists them)",
            first.line
        );
        // Nobody is left to be told when standard error is closed.
        let _ = writeln!(std::io::stderr(), "{text}");
    }
}

#[cfg(not(feature = "smiles"))]
fn tell_what_is_left_out(_: &str, _: &Dataset) {}

/// The data that a model was trained on; texts as the vectors that it takes.
pub(crate) fn data_of<C: Configuration>(model: &Pretrained<C>, folder: Option<&Path>) -> Result<Dataset> {
    let entry = &model.entry;
    let format = entry.data.format.as_deref().map(str::parse).transpose()?;
    let dataset = load_data(&entry.data.name, format, folder)?;
    match &entry.preprocessing.encoder {
        Some(encoder) => texts::encoded(dataset, encoder, Some(&model.folder)),
        None => Ok(dataset),
    }
}

/// A pretrained model of any family, and what it was trained for, on the data of its run.
pub(crate) struct Prepared<C: Configuration> {
    pub(crate) pretrained: Pretrained<C>,
    pub(crate) task: Box<dyn TrainTask<C::Model>>,
}

/// Loads both.
pub(crate) fn prepare<C: Configuration>(
    spec: &str,
    folder: Option<&Path>,
    device: &Device,
) -> Result<Prepared<C>>
where
    Dataset: Trainable<C>,
{
    let pretrained = load_model::<C>(spec, device)?;
    let (name, entry) = (&pretrained.name, &pretrained.entry);
    let data = data_of(&pretrained, folder)?;
    let tasks = data
        .tasks(&entry.model, &Recipe::of_entry(entry), device)
        .with_context(|| format!("the model {name} does not suit the data set {}", entry.data.name))?;
    let task = tasks.of_seed(entry.data.seed)?;
    Ok(Prepared { pretrained, task })
}

/// A classifier of nodes on its graph.
pub(crate) struct Task {
    pub(crate) model: Pretrained,
    pub(crate) dataset: NodeDataset,
    /// The class of every node.
    pub(crate) truth: Vec<u32>,
    /// The model's outputs, `[N, num_classes]`.
    pub(crate) logits: Tensor,
}

impl Task {
    /// Loads both and runs the model once; none unless the model classifies the nodes of one graph.
    pub(crate) fn load(spec: &str, folder: Option<&Path>, device: &Device) -> Result<Option<Self>> {
        let model: Pretrained = load_model(spec, device)?;
        let entry = &model.entry;
        if entry.task.kind != TaskKind::NodeClassification || model.model.level() != Level::Node {
            return Ok(None);
        }
        let mut dataset = match data_of(&model, folder)? {
            Dataset::Graphs(_) => return Ok(None),
            other => other.into_nodes()?,
        };
        let split = node_split(&dataset, entry.data.protocol, entry.data.seed)?;
        dataset.graph.train_mask = split.train;
        dataset.graph.val_mask = split.val;
        dataset.graph.test_mask = split.test;
        if entry.preprocessing.drop_edge_attr {
            dataset.graph.edge_attr = None;
        }
        dataset.graph.x = features(&dataset, &entry.preprocessing)?;
        let graph = &dataset.graph;
        ensure!(
            graph.num_features() == entry.model.in_channels(),
            "the model {} takes {} features for each node, the data set {} has {}",
            model.name,
            entry.model.in_channels(),
            dataset.name,
            graph.num_features()
        );
        ensure!(
            dataset.num_classes == entry.task.num_classes,
            "the model {} knows {} classes, the data set {} has {}",
            model.name,
            entry.task.num_classes,
            dataset.name,
            dataset.num_classes
        );
        let truth = dataset.labels()?;
        let dataset = dataset.to_device(device)?;
        let graph = &dataset.graph;
        let logits =
            model.model.forward_t(&graph.x, &graph.edge_index, graph.edge_attr.as_ref(), Mode::Eval)?;
        Ok(Some(Self { model, dataset, truth, logits }))
    }

    /// The predicted class of every node.
    pub(crate) fn predictions(&self) -> Result<Vec<u32>> {
        Ok(self.logits.argmax(1)?.to_dtype(DType::U32)?.to_vec1()?)
    }

    /// The nodes of a part of the data: `train`, `val` or `test`.
    pub(crate) fn part(&self, name: &str) -> Result<Vec<u32>> {
        let graph = &self.dataset.graph;
        let mask = match name {
            "train" => &graph.train_mask,
            "val" => &graph.val_mask,
            "test" => &graph.test_mask,
            _ => return Err(anyhow!("expected the part `train`, `val` or `test` of the data, got `{name}`")),
        };
        Ok((0..).zip(mask).filter_map(|(node, &inside)| inside.then_some(node)).collect())
    }

    /// The share of the nodes of a part that are predicted right.
    ///
    /// # Errors
    /// If the data set has no such part.
    pub(crate) fn accuracy(&self, part: &str) -> Result<f64> {
        let nodes = self.part(part)?;
        ensure!(!nodes.is_empty(), "the data set {} has no {part} nodes", self.dataset.name);
        Ok(metrics::accuracy(&self.logits, &self.truth, &nodes)?)
    }
}
