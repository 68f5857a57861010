//! The nodes of one graph, all at once.

use std::sync::Arc;

use candle_core::{DType, Device, Tensor};
use candle_geometric_data::{NodeDataset, Split, splits};
use candle_geometric_graph::EdgeIndex;
use candle_geometric_graph::rng::{Generator, Stream};
use candle_geometric_graph::transforms::{NodeSplitConfig, SplitKind, random_node_split};
use candle_geometric_models::{GraphModel, Level, MetricKind, ModelConfig, Protocol, TaskKind};
use candle_geometric_nn::Mode;

use super::{Answer, Measured, Recipe, Task, Tasks, Trainable, answers, check_widths, links, unsuited};
use crate::config::LossKind;
use crate::{Error, MaskedLoss, Result, Targets, features};

type Model = Box<dyn GraphModel>;

impl Trainable<ModelConfig> for NodeDataset {
    fn tasks(&self, model: &ModelConfig, recipe: &Recipe, device: &Device) -> Result<Tasks<Model>> {
        let possible = [TaskKind::NodeClassification, TaskKind::LinkPrediction, TaskKind::Clustering];
        recipe.require_task(&possible, "one graph with labelled nodes")?;
        if recipe.task != TaskKind::NodeClassification {
            return links::tasks(self, model, recipe, device);
        }
        let inputs = Inputs::new(self, recipe, device)?;
        check_widths(
            &self.name,
            &[
                ("model.in_channels", inputs.x.dim(1)?, model.in_channels()),
                ("model.out_channels", self.num_classes, model.out_channels()),
            ],
        )?;
        let graph = Arc::new(inputs);
        let targets = targets(recipe, self)?;
        let metrics: &[MetricKind] = match &targets {
            Targets::Classes { num_classes: 2, .. } => &[MetricKind::Accuracy, MetricKind::RocAuc],
            Targets::Classes { .. } => &[MetricKind::Accuracy, MetricKind::MicroF1],
            Targets::Labels { .. } => &[MetricKind::MicroF1],
        };
        let metric = recipe.metric(metrics, "the labels of these nodes")?;
        let division = Division::new(self, recipe.protocol)?;
        Ok(Tasks::new(self.class_names.clone(), move |seed| {
            let Split { train, val, test } = division.of_seed(seed)?;
            let tested = test.iter().any(|m| *m);
            Ok(Box::new(Nodes {
                graph: graph.clone(),
                metric,
                train: MaskedLoss::new(&targets, &train, "train_mask")?,
                val: MaskedLoss::new(&targets, &val, "val_mask")?,
                test: tested.then(|| MaskedLoss::new(&targets, &test, "test_mask")).transpose()?,
            }))
        }))
    }
}

/// What a model is given.
pub(super) struct Inputs {
    pub(super) x: Tensor,
    pub(super) edges: EdgeIndex,
    pub(super) edge_attr: Option<Tensor>,
}

impl Inputs {
    pub(super) fn new(dataset: &NodeDataset, recipe: &Recipe, device: &Device) -> Result<Self> {
        let graph = &dataset.graph;
        let x = features(dataset, &recipe.preprocessing)?;
        let edge_attr = graph.edge_attr.as_ref().filter(|_| !recipe.preprocessing.drop_edge_attr);
        Ok(Self {
            x: x.to_dtype(DType::F32)?.to_device(device)?,
            edges: graph.edge_index.clone(),
            edge_attr: edge_attr.map(|a| a.to_device(device)).transpose()?,
        })
    }

    fn run(&self, model: &Model, mode: Mode<'_>) -> Result<Tensor> {
        if model.level() != Level::Node {
            return Err(Error::invalid("model.architecture", "a model of nodes", "a model of graphs"));
        }
        Ok(model.forward_t(&self.x, &self.edges, self.edge_attr.as_ref(), mode)?)
    }
}

/// The nodes for training, validation and testing in the run with this seed.
///
/// # Errors
/// If the nodes of one graph cannot be divided so.
pub fn node_split(dataset: &NodeDataset, protocol: Protocol, seed: u64) -> Result<Split> {
    Division::new(dataset, protocol)?.of_seed(seed)
}

/// How the nodes are divided for each seed.
struct Division {
    protocol: Protocol,
    own: Split,
    published: Vec<Split>,
    labels: Vec<u32>,
}

impl Division {
    fn new(dataset: &NodeDataset, protocol: Protocol) -> Result<Self> {
        let graph = &dataset.graph;
        match protocol {
            Protocol::Each if dataset.splits.is_empty() => {
                let actual = format!("{}, which has one", dataset.name);
                return Err(Error::invalid(
                    "data.protocol: each",
                    "data with several published splits",
                    actual,
                ));
            }
            Protocol::Own | Protocol::Each | Protocol::PerClass { .. } | Protocol::Shares { .. } => {}
            _ => return Err(unsuited(protocol, "the nodes of one graph")),
        }
        let by_class = matches!(protocol, Protocol::PerClass { .. });
        Ok(Self {
            protocol,
            own: Split {
                train: graph.train_mask.clone(),
                val: graph.val_mask.clone(),
                test: graph.test_mask.clone(),
            },
            published: dataset.splits.clone(),
            labels: if by_class { dataset.labels()? } else { vec![0; graph.num_nodes()] },
        })
    }

    fn of_seed(&self, seed: u64) -> Result<Split> {
        Ok(match self.protocol {
            Protocol::Each => {
                let turn = seed.checked_rem(self.published.len() as u64).unwrap_or(0);
                self.published.get(turn as usize).unwrap_or(&self.own).clone()
            }
            Protocol::PerClass { train, val } => per_class(&self.labels, train, val, seed)?,
            Protocol::Shares { train, val } => {
                let n = self.labels.len();
                let split = splits::random_split(n, train, val, seed)?;
                let mask = |items: &[usize]| {
                    let mut mask = vec![false; n];
                    items.iter().for_each(|&i| mask[i] = true);
                    mask
                };
                Split { train: mask(&split.train), val: mask(&split.val), test: mask(&split.test) }
            }
            _ => self.own.clone(),
        })
    }
}

/// So many training and validation nodes of each class: the former of all nodes, the latter of those that are left.
fn per_class(labels: &[u32], train: usize, val: usize, seed: u64) -> Result<Split> {
    let draw = |labels: &[u32], count, name| {
        let config = NodeSplitConfig {
            split: SplitKind::Random { num_train_per_class: count },
            num_val: 0.into(),
            num_test: 0.into(),
        };
        random_node_split(labels, &config, Stream::named(seed, name)).map(|split| split.train)
    };
    let train = draw(labels, train, "per-class train")?;
    let rest: Vec<usize> = (0..labels.len()).filter(|&i| !train[i]).collect();
    let rest_labels: Vec<u32> = rest.iter().map(|&i| labels[i]).collect();
    let mut masks = [vec![false; labels.len()], vec![false; labels.len()]];
    for (&i, chosen) in rest.iter().zip(draw(&rest_labels, val, "per-class val")?) {
        masks[usize::from(!chosen)][i] = true;
    }
    let [val, test] = masks;
    Ok(Split { train, val, test })
}

/// The classification of the nodes of one graph.
struct Nodes {
    graph: Arc<Inputs>,
    metric: MetricKind,
    train: MaskedLoss,
    val: MaskedLoss,
    test: Option<MaskedLoss>,
}

impl Task<Model> for Nodes {
    fn metric(&self) -> MetricKind {
        self.metric
    }

    fn epoch(
        &self,
        model: &Model,
        generator: &Generator,
        step: &mut dyn FnMut(&Tensor) -> Result<f64>,
    ) -> Result<f64> {
        let logits = self.graph.run(model, Mode::Train(generator))?;
        step(&self.train.forward(&logits)?)
    }

    fn evaluate(&self, model: &Model) -> Result<Measured> {
        let logits = self.graph.run(model, Mode::Eval)?;
        Ok(Measured {
            train: self.train.evaluate_by(self.metric, &logits)?,
            val: self.val.evaluate_by(self.metric, &logits)?,
            test: self.test.as_ref().map(|test| test.evaluate_by(self.metric, &logits)).transpose()?,
        })
    }

    fn answers(&self, model: &Model, names: &[String]) -> Result<Vec<Answer>> {
        let part = self.test.as_ref().unwrap_or(&self.val);
        answers::of_targets(&self.graph.run(model, Mode::Eval)?, part.targets(), part.rows(), names)
    }
}

fn targets(recipe: &Recipe, dataset: &NodeDataset) -> Result<Targets> {
    let y = dataset.graph.y.as_ref().ok_or_else(|| Error::invalid("y", "labels", "none"))?;
    if y.rank() == 1 {
        recipe.loss(&[LossKind::CrossEntropy], "one class per node")?;
        return Targets::classes(&dataset.labels()?, dataset.num_classes);
    }
    recipe.loss(&[LossKind::BceWithLogits], "any number of labels per node")?;
    let values = y.to_dtype(DType::F32)?.flatten_all()?.to_vec1::<f32>()?;
    Targets::labels(&values, dataset.num_classes)
}
