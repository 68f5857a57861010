//! Latent features of the nodes of one graph, from which its edges can be told: link prediction with hidden edges, and
//! clustering, which hides none and looks at the labels only to say how well they were met.

use std::sync::Arc;

use candle_core::{DType, Device, Tensor};
use candle_geometric_data::NodeDataset;
use candle_geometric_graph::rng::{Generator, Stream};
use candle_geometric_graph::transforms::{LinkSplitConfig, random_link_split};
use candle_geometric_graph::{EdgeIndex, Forbidden, negative_sampling};
use candle_geometric_models::{GraphModel, Level, MetricKind, ModelConfig, Protocol, TaskKind, recon_loss};
use candle_geometric_nn::Mode;
use candle_geometric_nn::decoder::DotDecoder;

use super::nodes::Inputs;
use super::{Answer, Measured, Recipe, Task, Tasks, answers, check_widths};
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
    let inputs = Inputs::new(dataset, recipe, device)?;
    check_widths(&dataset.name, &[("model.in_channels", inputs.x.dim(1)?, model.in_channels())])?;
    recipe.no_loss("the reconstruction of edges")?;
    let inputs = Arc::new(inputs);
    if recipe.task == TaskKind::Clustering {
        if recipe.protocol != Protocol::Own {
            return Err(recipe.unsuited("a graph to be clustered (own)"));
        }
        recipe.metric(&[MetricKind::Nmi], "clusters")?;
        let (labels, clusters) = (dataset.labels()?, dataset.num_classes);
        let class_names = dataset.class_names.clone();
        return Ok(Tasks::new(Vec::new(), move |seed| {
            let edges = Links::of_all(&inputs.edges, seed)?;
            Ok(Box::new(Clustering {
                inputs: inputs.clone(),
                edges,
                labels: labels.clone(),
                class_names: class_names.clone(),
                clusters,
            }))
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
        Ok(loss.to_dtype(DType::F64)?.to_scalar()?)
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

    fn answers(&self, model: &Model, _: &[String]) -> Result<Vec<Answer>> {
        let z = self.test.encode(&self.inputs, model, Mode::Eval)?;
        let mut answers = Vec::new();
        for (pairs, truth) in [(&self.test.positive, true), (&self.test.negative, false)] {
            let scores =
                DotDecoder.forward(&z, pairs)?.to_dtype(DType::F64)?.flatten_all()?.to_vec1::<f64>()?;
            let probabilities = scores.into_iter().map(|score| 1.0 / (1.0 + (-score).exp()));
            answers.extend(pairs.iter().zip(probabilities).map(|((j, i), probability)| {
                answers::of_probability(format!("{j} – {i}"), probability, truth)
            }));
        }
        Ok(answers)
    }
}

/// Clustering.
struct Clustering {
    inputs: Arc<Inputs>,
    edges: Links,
    labels: Vec<u32>,
    class_names: Vec<String>,
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

    /// The cluster of every node beside its class: which cluster is which class is nowhere said.
    fn answers(&self, model: &Model, _: &[String]) -> Result<Vec<Answer>> {
        let clusters = self.clusters(&self.edges.encode(&self.inputs, model, Mode::Eval)?)?;
        let both = clusters.iter().zip(&self.labels).enumerate();
        Ok(both
            .map(|(node, (cluster, &class))| Answer {
                item: node.to_string(),
                predicted: format!("cluster {cluster}"),
                truth: answers::name(&self.class_names, class as usize),
                right: None,
            })
            .collect())
    }
}
