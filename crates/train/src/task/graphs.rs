//! Many graphs, a batch of them at a time: classes, labels or numbers of each, or of each of their nodes.

use std::sync::Arc;

use candle_core::{DType, Device, Tensor};
use candle_geometric_data::splits::{random_split, stratified_k_fold};
use candle_geometric_data::{GraphDataset, GraphSplit, Level as Labelled};
use candle_geometric_graph::EdgeIndex;
use candle_geometric_graph::rng::{Generator, Stream};
use candle_geometric_models::{GraphModel, Level, MetricKind, ModelConfig, Protocol, TaskKind};
use candle_geometric_nn::Mode;

use super::{Answer, Measured, Recipe, Task, Tasks, Trainable, answers, check_widths};
use crate::config::LossKind;
use crate::loss::Objective;
use crate::{Error, Evaluation, Result, preprocess};

type Model = Box<dyn GraphModel>;

impl Trainable<ModelConfig> for GraphDataset {
    fn tasks(&self, model: &ModelConfig, recipe: &Recipe, device: &Device) -> Result<Tasks<Model>> {
        let possible: &[TaskKind] = match self.level {
            Labelled::Node => &[TaskKind::NodeClassification],
            Labelled::Graph => &[TaskKind::GraphClassification, TaskKind::GraphRegression],
        };
        recipe.require_task(possible, "many graphs with such labels")?;
        recipe.require_no_texts("many graphs")?;
        check_widths(
            &self.name,
            &[
                ("model.in_channels", self.num_features(), model.in_channels()),
                ("model.out_channels", self.num_classes(), model.out_channels()),
            ],
        )?;
        let (losses, metrics): (&[LossKind], &[MetricKind]) = match (recipe.task, self.y.as_ref()) {
            (_, None) => return Err(Error::invalid("y", "labels", "none")),
            (TaskKind::GraphRegression, _) => {
                (&[LossKind::MeanSquaredError], &[MetricKind::Rmse, MetricKind::Mae])
            }
            (_, Some(y)) if y.rank() == 1 && self.num_classes() == 2 => {
                (&[LossKind::CrossEntropy], &[MetricKind::Accuracy, MetricKind::RocAuc])
            }
            (_, Some(y)) if y.rank() == 1 => (&[LossKind::CrossEntropy], &[MetricKind::Accuracy]),
            _ => (&[LossKind::BceWithLogits], &[MetricKind::MicroF1, MetricKind::RocAuc]),
        };
        let loss = recipe.loss(losses, "these labels")?;
        let metric = recipe.metric(metrics, "these labels")?;
        let mut data = self.clone();
        data.x = preprocess(&self.x, recipe.preprocessing.normalize_features)?;
        if recipe.preprocessing.drop_edge_attr {
            data.edge_attr = None;
        }
        let shared =
            Arc::new(Shared { data, device: device.clone(), loss, metric, batch_size: recipe.batch_size });
        let (protocol, recipe) = (recipe.protocol, recipe.clone());
        Ok(Tasks::new(self.class_names.clone(), move |seed| {
            let split = divide(&shared.data, protocol, seed, &recipe)?;
            let part = |graphs: &[usize], name| {
                if graphs.is_empty() {
                    return Err(Error::invalid("data.protocol", format!("{name} graphs"), "none"));
                }
                Part::new(&shared, graphs)
            };
            Ok(Box::new(Graphs {
                train: part(&split.train, "training")?,
                val: part(&split.val, "validation")?,
                test: if split.test.is_empty() { None } else { Some(part(&split.test, "test")?) },
                graphs: split.train,
                shared: shared.clone(),
            }))
        }))
    }
}

/// The graphs for each purpose.
fn divide(data: &GraphDataset, protocol: Protocol, seed: u64, recipe: &Recipe) -> Result<GraphSplit> {
    match protocol {
        Protocol::Own => data.split.clone().ok_or_else(|| {
            let expected = "another one: the data has no split of its own";
            Error::invalid("data.protocol", expected, "own")
        }),
        Protocol::Shares { train, val } => Ok(random_split(data.len(), train, val, seed)?),
        Protocol::Folds { folds, val } => {
            // What is no class is divided at random.
            let labels = data.labels().unwrap_or_else(|_| vec![0; data.len()]);
            let (draw, fold) = (seed / folds.max(1) as u64, seed % folds.max(1) as u64);
            let test = stratified_k_fold(&labels, folds, draw)?.swap_remove(fold as usize);
            let mut rest: Vec<usize> = (0..data.len()).filter(|g| test.binary_search(g).is_err()).collect();
            let chosen = random_split(rest.len(), 1.0 - val, val, seed)?;
            let take = |at: &[usize]| at.iter().filter_map(|&i| rest.get(i).copied()).collect::<Vec<_>>();
            let (train, mut validation) = (take(&chosen.train), take(&chosen.val));
            // Rounding may leave a graph over.
            validation.extend(take(&chosen.test));
            rest.clear();
            Ok(GraphSplit { train, val: validation, test })
        }
        _ => Err(recipe.unsuited("many graphs")),
    }
}

/// What all runs have in common.
struct Shared {
    data: GraphDataset,
    device: Device,
    loss: LossKind,
    metric: MetricKind,
    batch_size: usize,
}

impl Shared {
    fn batches<'a>(&self, graphs: &'a [usize]) -> std::slice::Chunks<'a, usize> {
        graphs.chunks(if self.batch_size == 0 { graphs.len().max(1) } else { self.batch_size })
    }
}

/// A batch as a model takes it.
struct Inputs {
    x: Tensor,
    edges: EdgeIndex,
    edge_attr: Option<Tensor>,
    readout: EdgeIndex,
}

impl Inputs {
    fn run(&self, model: &Model, mode: Mode<'_>) -> Result<Tensor> {
        let attr = self.edge_attr.as_ref();
        Ok(model.forward_batch(&self.x, &self.edges, attr, Some(&self.readout), mode)?)
    }
}

/// The inputs of some graphs, and what should come out.
fn prepare(shared: &Shared, graphs: &[usize]) -> Result<(Inputs, Objective)> {
    let batch = shared.data.batch(graphs)?;
    let float = |t: &Tensor| t.to_dtype(DType::F32)?.to_device(&shared.device);
    let inputs = Inputs {
        x: float(&batch.x)?,
        edges: batch.structure.edges().clone(),
        edge_attr: batch.edge_attr.as_ref().map(float).transpose()?,
        readout: batch.structure.readout().clone(),
    };
    Ok((inputs, objective(shared, batch.y.as_ref(), batch.y_mask.as_ref())?))
}

fn objective(shared: &Shared, y: Option<&Tensor>, known: Option<&Tensor>) -> Result<Objective> {
    let y = y.ok_or_else(|| Error::invalid("y", "labels", "none"))?;
    Objective::new(shared.loss, y, known, shared.data.num_classes())
}

/// Some graphs to be evaluated.
struct Part {
    graphs: Vec<usize>,
    batches: Vec<Inputs>,
    objective: Objective,
}

impl Part {
    fn new(shared: &Shared, graphs: &[usize]) -> Result<Self> {
        let whole = shared.data.batch(graphs)?;
        Ok(Self {
            graphs: graphs.to_vec(),
            batches: shared
                .batches(graphs)
                .map(|graphs| Ok(prepare(shared, graphs)?.0))
                .collect::<Result<_>>()?,
            objective: objective(shared, whole.y.as_ref(), whole.y_mask.as_ref())?,
        })
    }

    fn run(&self, model: &Model) -> Result<Tensor> {
        let outputs: Vec<Tensor> =
            self.batches.iter().map(|b| b.run(model, Mode::Eval)).collect::<Result<_>>()?;
        Ok(Tensor::cat(&outputs, 0)?)
    }

    fn evaluate(&self, model: &Model, metric: MetricKind) -> Result<Evaluation> {
        self.objective.evaluate(&self.run(model)?, metric)
    }
}

struct Graphs {
    shared: Arc<Shared>,
    /// Those for training.
    graphs: Vec<usize>,
    train: Part,
    val: Part,
    test: Option<Part>,
}

impl Task<Model> for Graphs {
    fn metric(&self) -> MetricKind {
        self.shared.metric
    }

    fn epoch(
        &self,
        model: &Model,
        generator: &Generator,
        step: &mut dyn FnMut(&Tensor) -> Result<f64>,
    ) -> Result<f64> {
        let level = match self.shared.data.level {
            Labelled::Graph => Level::Graph,
            Labelled::Node => Level::Node,
        };
        if model.level() != level {
            let name = |level| if level == Level::Graph { "a model of graphs" } else { "a model of nodes" };
            return Err(Error::invalid("model.architecture", name(level), name(model.level())));
        }
        let mut order = self.graphs.clone();
        let stream: Stream = generator.stream();
        stream.sequence().shuffle(&mut order);
        let (mut sum, mut count) = (0.0, 0.0);
        for graphs in self.shared.batches(&order) {
            let (inputs, objective) = prepare(&self.shared, graphs)?;
            let outputs = inputs.run(model, Mode::Train(generator))?;
            sum += step(&objective.forward(&outputs)?)? * graphs.len() as f64;
            count += graphs.len() as f64;
        }
        Ok(sum / count)
    }

    fn evaluate(&self, model: &Model) -> Result<Measured> {
        let metric = self.shared.metric;
        Ok(Measured {
            train: self.train.evaluate(model, metric)?,
            val: self.val.evaluate(model, metric)?,
            test: self.test.as_ref().map(|test| test.evaluate(model, metric)).transpose()?,
        })
    }

    fn answers(&self, model: &Model, names: &[String]) -> Result<Vec<Answer>> {
        let part = self.test.as_ref().unwrap_or(&self.val);
        answers::of_objective(&part.run(model)?, &part.objective, &part.graphs, names)
    }
}
