//! Latent features of the nodes of one graph, from which its edges can be told: link prediction with hidden edges, and
//! clustering, which hides none and looks at the labels only to say how well they were met.

use std::sync::Arc;

use candle_core::{Device, Tensor};
use candle_geometric_data::NodeDataset;
use candle_geometric_graph::rng::{Generator, Stream};
use candle_geometric_graph::transforms::{LinkSplitConfig, random_link_split};
use candle_geometric_graph::{EdgeIndex, Forbidden, negative_sampling};
use candle_geometric_models::{GraphModel, Level, MetricKind, ModelConfig, Protocol, TaskKind, recon_loss};
use candle_geometric_nn::Mode;
use candle_geometric_nn::decoder::DotDecoder;

use super::nodes::Inputs;
use super::{Measured, Recipe, Task, Tasks, check_widths};
use crate::clustering::{adjusted_rand, k_means, normalized_mutual_info};
use crate::metrics::{average_precision, roc_auc};
use crate::{Error, Evaluation, Result};

type Model = Box<dyn GraphModel>;

/// The tasks of link prediction or of clustering on one graph.
pub(super) fn tasks(
    dataset: &NodeDataset,
    model: &ModelConfig,
    recipe: &Recipe,
    device: &Device,
) -> Result<Tasks<Model>> {
    let features = dataset.graph.num_features();
    check_widths(&dataset.name, &[("model.in_channels", features, model.in_channels())])?;
    recipe.no_loss("the reconstruction of edges")?;
    let inputs = Arc::new(Inputs::new(dataset, recipe, device)?);
    if recipe.task == TaskKind::Clustering {
        if recipe.protocol != Protocol::Own {
            return Err(recipe.unsuited("a graph to be clustered (own)"));
        }
        recipe.metric(&[MetricKind::Nmi], "clusters")?;
        let (labels, clusters) = (dataset.labels()?, dataset.num_classes);
        return Ok(Tasks::new(Vec::new(), move |seed| {
            let edges = Links::of_all(&inputs.edges, seed)?;
            Ok(Box::new(Clustering { inputs: inputs.clone(), edges, labels: labels.clone(), clusters }))
        }));
    }
    let metric = recipe.metric(&[MetricKind::RocAuc, MetricKind::AveragePrecision], "links")?;
    let Protocol::Links { val, test } = recipe.protocol else {
        return Err(recipe.unsuited("links"));
    };
    if dataset.graph.edge_attr.is_some() {
        return Err(Error::invalid("edge_attr", "none, as links are hidden", "features of edges"));
    }
    let config = LinkSplitConfig {
        num_val: val.into(),
        num_test: test.into(),
        is_undirected: true,
        add_negative_train_samples: false,
        ..LinkSplitConfig::default()
    };
    Ok(Tasks::new(Vec::new(), move |seed| {
        let split = random_link_split(&inputs.edges, &config, Stream::named(seed, "links"))?;
        let part = |subset: &candle_geometric_graph::transforms::LinkSubset| -> Result<Links> {
            let positives = subset.positives.len();
            let pairs = |from, to| {
                EdgeIndex::from_pairs(subset.links.iter().skip(from).take(to - from), subset.links.num_src())
            };
            Ok(Links {
                messages: subset.messages.edges.clone(),
                positive: pairs(0, positives)?,
                negative: pairs(positives, subset.links.num_edges())?,
            })
        };
        Ok(Box::new(HiddenLinks {
            metric,
            inputs: inputs.clone(),
            train: Links::of_all(&split.train.messages.edges, seed)?,
            val: part(&split.val)?,
            test: part(&split.test)?,
        }))
    }))
}

/// Pairs to tell apart, and the edges that the model sees meanwhile.
struct Links {
    messages: EdgeIndex,
    positive: EdgeIndex,
    negative: EdgeIndex,
}

impl Links {
    /// All edges of a graph, which the model sees, and as many pairs that are none.
    fn of_all(edges: &EdgeIndex, seed: u64) -> Result<Self> {
        let negative = negatives(edges, Stream::named(seed, "pairs"))?;
        Ok(Self { messages: edges.clone(), positive: edges.clone(), negative })
    }

    fn encode(&self, inputs: &Inputs, model: &Model, mode: Mode<'_>) -> Result<Tensor> {
        if model.level() != Level::Node {
            return Err(Error::invalid("model.architecture", "a model of nodes", "a model of graphs"));
        }
        Ok(model.forward_t(&inputs.x, &self.messages, inputs.edge_attr.as_ref(), mode)?)
    }

    fn step(
        &self,
        inputs: &Inputs,
        model: &Model,
        generator: &Generator,
        step: &mut dyn FnMut(&Tensor) -> Result<f64>,
    ) -> Result<f64> {
        let z = self.encode(inputs, model, Mode::Train(generator))?;
        // Of all pairs that are not seen as edges: which of them are hidden edges is not known here.
        let negative = negatives(&self.messages, generator.stream())?;
        step(&recon_loss(&z, &self.messages, &negative)?)
    }

    fn loss(&self, z: &Tensor) -> Result<f64> {
        let loss = recon_loss(z, &self.positive, &self.negative)?;
        Ok(loss.to_dtype(candle_core::DType::F64)?.to_scalar()?)
    }

    fn measure(&self, z: &Tensor, metric: MetricKind) -> Result<f64> {
        let score = |pairs| -> Result<Tensor> { Ok(DotDecoder.forward(z, pairs)?) };
        let scores = Tensor::cat(&[score(&self.positive)?, score(&self.negative)?], 0)?;
        let mut truth = vec![true; self.positive.num_edges()];
        truth.resize(truth.len() + self.negative.num_edges(), false);
        match metric {
            MetricKind::AveragePrecision => average_precision(&scores, &truth),
            _ => roc_auc(&scores, &truth),
        }
    }

    fn evaluate(&self, z: &Tensor, metric: MetricKind) -> Result<Evaluation> {
        Ok(Evaluation { loss: self.loss(z)?, metric: self.measure(z, metric)? })
    }
}

fn negatives(edges: &EdgeIndex, stream: Stream) -> Result<EdgeIndex> {
    Ok(negative_sampling(edges, edges.num_edges(), Forbidden::EdgesAndReverses, stream)?)
}

/// Link prediction.
struct HiddenLinks {
    metric: MetricKind,
    inputs: Arc<Inputs>,
    train: Links,
    val: Links,
    test: Links,
}

impl Task<Model> for HiddenLinks {
    fn metric(&self) -> MetricKind {
        self.metric
    }

    fn epoch(
        &self,
        model: &Model,
        generator: &Generator,
        step: &mut dyn FnMut(&Tensor) -> Result<f64>,
    ) -> Result<f64> {
        self.train.step(&self.inputs, model, generator, step)
    }

    fn evaluate(&self, model: &Model) -> Result<Measured> {
        // The model sees the same edges in training and in validation, and those of validation too when it is tested.
        let z = self.train.encode(&self.inputs, model, Mode::Eval)?;
        let tested = self.test.encode(&self.inputs, model, Mode::Eval)?;
        Ok(Measured {
            train: self.train.evaluate(&z, self.metric)?,
            val: self.val.evaluate(&z, self.metric)?,
            test: Some(self.test.evaluate(&tested, self.metric)?),
        })
    }

    fn more(&self, model: &Model) -> Result<Vec<(MetricKind, f64)>> {
        let z = self.test.encode(&self.inputs, model, Mode::Eval)?;
        let both = [MetricKind::RocAuc, MetricKind::AveragePrecision];
        both.into_iter().filter(|&m| m != self.metric).map(|m| Ok((m, self.test.measure(&z, m)?))).collect()
    }
}

/// Clustering.
struct Clustering {
    inputs: Arc<Inputs>,
    edges: Links,
    labels: Vec<u32>,
    clusters: usize,
}

impl Clustering {
    fn clusters(&self, z: &Tensor) -> Result<Vec<u32>> {
        k_means(z, self.clusters, Stream::named(0, "k-means"))
    }
}

impl Task<Model> for Clustering {
    fn metric(&self) -> MetricKind {
        MetricKind::Nmi
    }

    /// What chooses must not look at labels.
    fn val_metric(&self) -> MetricKind {
        MetricKind::RocAuc
    }

    fn epoch(
        &self,
        model: &Model,
        generator: &Generator,
        step: &mut dyn FnMut(&Tensor) -> Result<f64>,
    ) -> Result<f64> {
        self.edges.step(&self.inputs, model, generator, step)
    }

    fn evaluate(&self, model: &Model) -> Result<Measured> {
        let z = self.edges.encode(&self.inputs, model, Mode::Eval)?;
        let reconstruction = self.edges.evaluate(&z, MetricKind::RocAuc)?;
        let metric = normalized_mutual_info(&self.labels, &self.clusters(&z)?)?;
        let test = Evaluation { loss: reconstruction.loss, metric };
        Ok(Measured { train: reconstruction, val: reconstruction, test: Some(test) })
    }

    fn more(&self, model: &Model) -> Result<Vec<(MetricKind, f64)>> {
        let z = self.edges.encode(&self.inputs, model, Mode::Eval)?;
        Ok(vec![(MetricKind::Ari, adjusted_rand(&self.labels, &self.clusters(&z)?)?)])
    }
}
