//! The completion of a knowledge graph: questions (head, relation, ?), whose right answers are nodes.

use std::collections::BTreeMap;
use std::sync::Arc;

use candle_core::{DType, Device, Tensor};
use candle_geometric_data::KnowledgeGraph;
use candle_geometric_graph::Relations;
use candle_geometric_graph::rng::Generator;
use candle_geometric_models::{
    Configuration, KnowledgeModelConfig, MetricKind, Protocol, RelationalGat, TaskKind,
};
use candle_geometric_nn::Mode;

use super::{
    Answer, Attended, AttendedLayer, EdgeKinds, Measured, Recipe, Task, Tasks, Trainable, answers,
    check_widths,
};
use crate::ranking::{KnownTriples, Ranking, filtered_ranks};
use crate::{Error, Evaluation, Result};

/// How many questions are ranked at once.
const RANKED_AT_ONCE: usize = 512;

/// Training is 1-vs-all: every question is asked once an epoch, with all its right answers, both ways. Ranks are filtered by
/// all facts; the model sees those of training only.
impl Trainable<KnowledgeModelConfig> for KnowledgeGraph {
    fn tasks(
        &self,
        model: &KnowledgeModelConfig,
        recipe: &Recipe,
        _: &Device,
    ) -> Result<Tasks<RelationalGat>> {
        recipe.require_task(&[TaskKind::KnowledgeGraphCompletion], "a knowledge graph")?;
        recipe.require_no_texts("a knowledge graph")?;
        check_widths(&self.name, &[("model.num_nodes", self.entities.len(), model.num_classes())])?;
        if recipe.protocol != Protocol::Own {
            return Err(recipe.unsuited("facts (own)"));
        }
        recipe.no_loss("the completion of a knowledge graph")?;
        recipe.metric(&[MetricKind::Mrr], "the ranks of answers")?;
        let mut answers: BTreeMap<(u32, u32), Vec<u32>> = BTreeMap::new();
        for [head, relation, tail] in self.questions(&self.train, true) {
            answers.entry((head, relation)).or_default().push(tail);
        }
        let triples = Arc::new(Triples {
            graph: self.edges(true)?,
            relations: self
                .relations
                .iter()
                .cloned()
                .chain(self.relations.iter().map(|r| format!("{r}⁻¹")))
                .collect(),
            questions: answers.into_iter().collect(),
            train: some(&self.questions(&self.train, true), self.val.len().max(1000)),
            val: self.questions(&self.val, true),
            test: self.questions(&self.test, true),
            known: KnownTriples::new(self.known(true)),
            batch_size: if recipe.batch_size == 0 { usize::MAX } else { recipe.batch_size },
        });
        Ok(Tasks::new(self.entities.clone(), move |_| Ok(Box::new(triples.clone()))))
    }
}

/// At most `most` of the facts, evenly spaced: ranking all that was learnt would take longer than learning it.
fn some(facts: &[[u32; 3]], most: usize) -> Vec<[u32; 3]> {
    facts.iter().step_by(facts.len().div_ceil(most).max(1)).copied().collect()
}

struct Triples {
    graph: Relations,
    /// The names of the relations, and then of those backwards.
    relations: Vec<String>,
    /// (head, relation) and the right tails.
    questions: Vec<((u32, u32), Vec<u32>)>,
    /// Some of the training facts.
    train: Vec<[u32; 3]>,
    val: Vec<[u32; 3]>,
    test: Vec<[u32; 3]>,
    known: KnownTriples,
    batch_size: usize,
}

impl Triples {
    fn rank(&self, model: &RelationalGat, z: &Tensor, triples: &[[u32; 3]]) -> Result<Ranking> {
        Ranking::of(&self.ranks(model, z, triples)?)
    }

    fn ranks(&self, model: &RelationalGat, z: &Tensor, triples: &[[u32; 3]]) -> Result<Vec<f64>> {
        filtered_ranks(triples, &self.known, RANKED_AT_ONCE, |heads, relations| {
            model.score_tails(z, heads, relations, Mode::Eval)
        })
    }

    /// The loss of 1-vs-all training, as a number, of questions with one right answer each.
    fn measure(&self, model: &RelationalGat, z: &Tensor, triples: &[[u32; 3]]) -> Result<Evaluation> {
        let mut sum = 0.0;
        for batch in triples.chunks(RANKED_AT_ONCE) {
            let (heads, relations): (Vec<u32>, Vec<u32>) = batch.iter().map(|t| (t[0], t[1])).unzip();
            let tails: Vec<[u32; 1]> = batch.iter().map(|t| [t[2]]).collect();
            let loss = model.one_vs_all_loss(z, &heads, &relations, &tails, 0.0, Mode::Eval)?;
            sum += loss.to_dtype(DType::F64)?.to_scalar::<f64>()? * batch.len() as f64;
        }
        let metric = self.rank(model, z, triples)?.mrr;
        Ok(Evaluation { loss: sum / triples.len().max(1) as f64, metric })
    }
}

impl Task<RelationalGat> for Arc<Triples> {
    fn metric(&self) -> MetricKind {
        MetricKind::Mrr
    }

    fn epoch(
        &self,
        model: &RelationalGat,
        generator: &Generator,
        step: &mut dyn FnMut(&Tensor) -> Result<f64>,
    ) -> Result<f64> {
        let mut order: Vec<&((u32, u32), Vec<u32>)> = self.questions.iter().collect();
        generator.stream().sequence().shuffle(&mut order);
        let (mut sum, mut count) = (0.0, 0.0);
        for batch in order.chunks(self.batch_size.min(order.len().max(1))) {
            let mode = Mode::Train(generator);
            let z = model.encode(&self.graph, mode)?;
            let (heads, relations): (Vec<u32>, Vec<u32>) =
                batch.iter().map(|(question, _)| *question).unzip();
            let tails: Vec<&[u32]> = batch.iter().map(|(_, tails)| tails.as_slice()).collect();
            let loss = model.one_vs_all_loss(&z, &heads, &relations, &tails, 0.0, mode)?;
            sum += step(&loss)? * batch.len() as f64;
            count += batch.len() as f64;
        }
        if count == 0.0 {
            return Err(Error::invalid("data", "facts for training", "none"));
        }
        Ok(sum / count)
    }

    fn evaluate(&self, model: &RelationalGat) -> Result<Measured> {
        let z = model.encode(&self.graph, Mode::Eval)?;
        Ok(Measured {
            train: self.measure(model, &z, &self.train)?,
            val: self.measure(model, &z, &self.val)?,
            test: if self.test.is_empty() { None } else { Some(self.measure(model, &z, &self.test)?) },
        })
    }

    fn more(&self, model: &RelationalGat) -> Result<Vec<(MetricKind, f64)>> {
        if self.test.is_empty() {
            return Ok(Vec::new());
        }
        let z = model.encode(&self.graph, Mode::Eval)?;
        let r = self.rank(model, &z, &self.test)?;
        let hits = [r.hits_at_1, r.hits_at_3, r.hits_at_10];
        Ok([MetricKind::Hits1, MetricKind::Hits3, MetricKind::Hits10].into_iter().zip(hits).collect())
    }

    fn attended(&self, model: &RelationalGat, names: &[String]) -> Result<Option<Attended>> {
        let kinds = EdgeKinds { names: self.relations.clone(), of_edge: self.graph.edge_type().to_vec() };
        let of_layer = |(layer, attention)| AttendedLayer {
            layer,
            edges: None,
            share: None,
            attention,
            kinds: Some(kinds.clone()),
        };
        let layers = model.attention(&self.graph)?.into_iter().enumerate().map(of_layer).collect();
        let node_names = names.to_vec();
        Ok(Some(Attended { layers, predicted: None, truth: None, node_names }))
    }

    /// The best answer that is not already known to be another one, with the rank of the true one.
    fn answers(&self, model: &RelationalGat, names: &[String]) -> Result<Vec<Answer>> {
        let facts = if self.test.is_empty() { &self.val } else { &self.test };
        let z = model.encode(&self.graph, Mode::Eval)?;
        let ranks = self.ranks(model, &z, facts)?;
        let mut answers = Vec::new();
        for (batch, ranks) in facts.chunks(RANKED_AT_ONCE).zip(ranks.chunks(RANKED_AT_ONCE)) {
            let (heads, relations): (Vec<u32>, Vec<u32>) = batch.iter().map(|t| (t[0], t[1])).unzip();
            let scores = answers::host(&model.score_tails(&z, &heads, &relations, Mode::Eval)?)?;
            for ((&[head, relation, tail], mut scores), rank) in batch.iter().zip(scores).zip(ranks) {
                for other in self.known.tails(head, relation).filter(|&other| other != tail) {
                    if let Some(score) = scores.get_mut(other as usize) {
                        *score = f64::NEG_INFINITY;
                    }
                }
                let best = answers::largest(&scores);
                let entity = |entity: u32| answers::name(names, entity as usize);
                let relation = answers::name(&self.relations, relation as usize);
                answers.push(Answer {
                    item: format!("({}, {relation}, ?)", entity(head)),
                    predicted: answers::name(names, best),
                    truth: format!("{} (rank {rank})", entity(tail)),
                    right: Some(best == tail as usize),
                });
            }
        }
        Ok(answers)
    }
}
