//! The nodes of one type of a graph with types, all at once.

use std::collections::BTreeMap;
use std::sync::Arc;

use candle_core::{DType, Device, Tensor};
use candle_geometric_data::HeteroDataset;
use candle_geometric_graph::rng::Generator;
use candle_geometric_graph::{EdgeType, HeteroGraph};
use candle_geometric_models::{
    Configuration, HeteroModel, HeteroModelConfig, Metapaths, MetricKind, Protocol, TaskKind, TypedAttention,
};
use candle_geometric_nn::Mode;

use super::{
    Answer, Attended, AttendedLayer, Measured, Recipe, Task, Tasks, Trainable, answers, check_widths,
};
use crate::config::LossKind;
use crate::metrics::macro_f1;
use crate::{MaskedLoss, Result, Targets, preprocess};

type Model = Box<dyn HeteroModel>;

impl Trainable<HeteroModelConfig> for HeteroDataset {
    fn tasks(&self, model: &HeteroModelConfig, recipe: &Recipe, device: &Device) -> Result<Tasks<Model>> {
        recipe.require_task(&[TaskKind::NodeClassification], "one graph with types of nodes and edges")?;
        recipe.require_no_texts("a graph with types")?;
        let (classes, outputs) = (self.class_names.len(), model.num_classes());
        check_widths(&self.name, &[("model.out_channels", classes, outputs)])?;
        if !matches!(recipe.protocol, Protocol::Own | Protocol::Validation { .. }) {
            return Err(recipe.unsuited("the nodes of one type"));
        }
        let graph = along_metapaths(self, &recipe.preprocessing.metapaths)?;
        let prepare = |(name, x): (&String, &Tensor)| -> Result<(String, Tensor)> {
            let x = if x.dtype().is_float() {
                preprocess(x, recipe.preprocessing.normalize_features)?
            } else {
                x.clone()
            };
            Ok((name.clone(), x.to_dtype(DType::F32)?.to_device(device)?))
        };
        let of_graph = self.x.iter().filter(|(name, _)| graph.num_nodes(name).is_some());
        let x: BTreeMap<String, Tensor> = of_graph.map(prepare).collect::<Result<_>>()?;
        let one_class = self.y.rank() == 1;
        let (losses, metrics) = if one_class {
            ([LossKind::CrossEntropy], [MetricKind::Accuracy, MetricKind::MicroF1])
        } else {
            ([LossKind::BceWithLogits], [MetricKind::MicroF1, MetricKind::MicroF1])
        };
        recipe.loss(&losses, "the labels of these nodes")?;
        let metric = recipe.metric(&metrics, "the labels of these nodes")?;
        let targets = if one_class {
            Targets::classes(&known_classes(self)?, classes)?
        } else {
            Targets::labels(&self.y.to_dtype(DType::F32)?.flatten_all()?.to_vec1::<f32>()?, classes)?
        };
        let inputs =
            Arc::new(Inputs { graph, x, target: self.target.clone(), all_known: known(self).all(|k| k) });
        let (data, protocol) = (self.clone(), recipe.protocol);
        Ok(Tasks::new(self.class_names.clone(), move |seed| {
            let data = match protocol {
                Protocol::Validation { share } => &data.clone().with_validation(share, seed)?,
                _ => &data,
            };
            let loss = |mask: &[bool], name| MaskedLoss::new(&targets, mask, name);
            let tested = data.test_mask.contains(&true);
            Ok(Box::new(Nodes {
                inputs: inputs.clone(),
                metric,
                train: loss(&data.train_mask, "train_mask")?,
                val: loss(&data.val_mask, "val_mask")?,
                test: tested.then(|| loss(&data.test_mask, "test_mask")).transpose()?,
            }))
        }))
    }
}

/// The graph that the model sees: the target's nodes, joined along metapaths, if there are any.
fn along_metapaths(data: &HeteroDataset, metapaths: &Metapaths) -> Result<HeteroGraph> {
    if metapaths.is_empty() {
        return Ok(data.graph.clone());
    }
    let target = data.target.as_str();
    let edges = metapaths.iter().map(|(name, path)| {
        let path: Vec<EdgeType> = path.iter().cloned().map(EdgeType::from).collect();
        Ok(((target, name.as_str(), target), data.metapath(&path)?))
    });
    let nodes = data.graph.num_nodes(target).unwrap_or(0);
    Ok(HeteroGraph::new([(target, nodes)], edges.collect::<Result<Vec<_>>>()?)?)
}

/// Of every node, whether it is in a mask: else its label means nothing.
fn known(data: &HeteroDataset) -> impl Iterator<Item = bool> {
    let masks = data.train_mask.iter().zip(&data.val_mask).zip(&data.test_mask);
    masks.map(|((a, b), c)| *a || *b || *c)
}

/// The classes, with 0 where they are not known.
fn known_classes(data: &HeteroDataset) -> Result<Vec<u32>> {
    let labels = data.y.to_dtype(DType::U32)?.to_vec1::<u32>()?.into_iter();
    Ok(labels.zip(known(data)).map(|(label, known)| if known { label } else { 0 }).collect())
}

/// What a model is given.
struct Inputs {
    graph: HeteroGraph,
    /// The type of the nodes that have classes.
    target: String,
    /// Whether the class of every one of them is known.
    all_known: bool,
    x: BTreeMap<String, Tensor>,
}

impl Inputs {
    fn run(&self, model: &Model, mode: Mode<'_>) -> Result<Tensor> {
        Ok(model.forward(&self.x, &self.graph, mode)?)
    }
}

struct Nodes {
    inputs: Arc<Inputs>,
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
        let logits = self.inputs.run(model, Mode::Train(generator))?;
        step(&self.train.forward(&logits)?)
    }

    fn evaluate(&self, model: &Model) -> Result<Measured> {
        let logits = self.inputs.run(model, Mode::Eval)?;
        Ok(Measured {
            train: self.train.evaluate(&logits)?,
            val: self.val.evaluate(&logits)?,
            test: self.test.as_ref().map(|test| test.evaluate(&logits)).transpose()?,
        })
    }

    fn answers(&self, model: &Model, names: &[String]) -> Result<Vec<Answer>> {
        let part = self.test.as_ref().unwrap_or(&self.val);
        answers::of_targets(&self.inputs.run(model, Mode::Eval)?, part.targets(), part.rows(), names)
    }

    fn attended(&self, model: &Model, _: &[String]) -> Result<Option<Attended>> {
        let of_type = |seen: TypedAttention| AttendedLayer {
            layer: seen.layer,
            edges: Some(seen.edge_type.relation),
            share: Some(seen.share),
            attention: seen.attention,
            kinds: None,
        };
        // Between the nodes that the model tells the classes of.
        let target = self.inputs.target.as_str();
        let among =
            |seen: &TypedAttention| [&seen.edge_type.source, &seen.edge_type.destination] == [target; 2];
        let seen = model.attention(&self.inputs.x, &self.inputs.graph)?.into_iter().filter(among);
        let layers: Vec<_> = seen.map(of_type).collect();
        let Targets::Classes { labels, .. } = self.train.targets() else { return Ok(None) };
        if layers.is_empty() {
            return Ok(None);
        }
        let predicted = self.inputs.run(model, Mode::Eval)?.argmax(1)?.to_dtype(DType::U32)?.to_vec1()?;
        Ok(Some(Attended {
            layers,
            predicted: Some(predicted),
            truth: self.inputs.all_known.then(|| labels.to_vec()),
            node_names: Vec::new(),
        }))
    }

    fn more(&self, model: &Model) -> Result<Vec<(MetricKind, f64)>> {
        let (Some(test), Targets::Classes { labels, .. }) = (&self.test, self.train.targets()) else {
            return Ok(Vec::new());
        };
        let logits = self.inputs.run(model, Mode::Eval)?;
        Ok(vec![(MetricKind::MacroF1, macro_f1(&logits, labels, test.rows())?)])
    }
}
