//! A pretrained model together with the data it was made for.

use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow, ensure};
use candle_geometric::data::{Dataset, NodeDataset, Source};
use candle_geometric::models::zoo::Family;
use candle_geometric::models::{self, Configuration, Level, Pretrained};
use candle_geometric::nn::Mode;
use candle_geometric::train::{metrics, preprocess};
use candle_geometric::{DType, Device, Tensor};

use super::error::OrHint;

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

/// Loads a data set from a folder, or from the cache (which is filled over the network when it lacks the files).
pub(crate) fn load_data(name: &str, folder: Option<&Path>) -> Result<Dataset> {
    if let Some(folder) = folder {
        ensure!(folder.is_dir(), "--data {}: there is no such folder", folder.display());
    }
    let source = folder.map_or(Source::Cache, |folder| Source::Folder(folder.to_path_buf()));
    Ok(Dataset::load(name, &source)?)
}

/// A model on its data.
pub(crate) struct Task {
    pub(crate) model: Pretrained,
    pub(crate) dataset: NodeDataset,
    /// The class of every node.
    pub(crate) truth: Vec<u32>,
    /// The model's outputs, `[N, num_classes]`.
    pub(crate) logits: Tensor,
}

impl Task {
    /// Loads both and runs the model once.
    pub(crate) fn load(spec: &str, folder: Option<&PathBuf>, device: &Device) -> Result<Self> {
        let model: Pretrained = load_model(spec, device)?;
        let entry = &model.entry;
        ensure!(
            model.model.level() == Level::Node,
            "the model {} ({}) classifies graphs, not nodes, which is all that this command can show",
            model.name,
            entry.model.architecture()
        );
        let mut dataset = load_data(&entry.data.name, folder.map(PathBuf::as_path))?.into_nodes()?;
        dataset.graph.x = preprocess(&dataset.graph.x, entry.preprocessing.normalize_features)?;
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
        Ok(Self { model, dataset, truth, logits })
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
