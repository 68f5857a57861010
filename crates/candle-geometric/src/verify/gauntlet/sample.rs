//! Small random graphs with features, as layers of every kind take them, and what can be done to one without changing
//! what a layer says about it.

use std::collections::BTreeMap;

use anyhow::Result;
use candle_core::{DType, Device, Tensor};
use candle_geometric::graph::rng::{Sequence, Stream};

use super::Setting;

/// A graph as tensors under the names of PyTorch Geometric; one of each per type where it is heterogeneous.
#[derive(Clone)]
pub(super) struct Sample {
    pub(super) sets: Vec<NodeSet>,
    pub(super) relations: Vec<Relation>,
    /// The number of graphs, where the nodes say which one they belong to.
    pub(super) graphs: usize,
}

/// The nodes of one type.
#[derive(Clone)]
pub(super) struct NodeSet {
    /// What stands behind the `x` of their features: nothing, `_src`, `_dst` or a dot and a type.
    pub(super) suffix: &'static str,
    pub(super) nodes: usize,
    /// A row per node, by the name of the tensor.
    rows: BTreeMap<String, Rows>,
    /// The graph of each node.
    batch: Option<Vec<i64>>,
    /// The label of each node, where it is known.
    labels: Option<Vec<Option<u32>>>,
}

/// The edges of one type.
#[derive(Clone)]
pub(super) struct Relation {
    suffix: String,
    from: usize,
    to: usize,
    source: Vec<usize>,
    destination: Vec<usize>,
    rows: BTreeMap<String, Rows>,
    /// The relation of each edge, among so many.
    types: Option<(Vec<i64>, usize)>,
}

/// Rows of numbers.
#[derive(Clone)]
struct Rows {
    /// The shape of a row.
    shape: Vec<usize>,
    numbers: Vec<f64>,
}

impl Rows {
    fn width(&self) -> usize {
        self.shape.iter().product()
    }

    fn permuted(&self, order: &[usize]) -> Self {
        let w = self.width();
        let numbers = order.iter().flat_map(|&i| self.numbers[i * w..(i + 1) * w].iter().copied()).collect();
        Self { shape: self.shape.clone(), numbers }
    }

    fn tensor(&self, dtype: DType) -> Result<Tensor> {
        let width = self.width();
        let rows = self.numbers.len().checked_div(width).unwrap_or(0);
        let shape = [&[rows], self.shape.as_slice()].concat();
        Ok(Tensor::from_vec(self.numbers.clone(), shape, &Device::Cpu)?.to_dtype(dtype)?)
    }
}

/// What the edges of a sample look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// An isolated node, an edge that stands twice, a self-loop, and more.
    Odd,
    NoEdges,
    OneNode,
    /// One node with a self-loop.
    OneLoop,
    /// All edges end in node 0.
    Star,
    /// All edges begin in node 0.
    Source,
    /// 100 000 edges of 1000 nodes.
    #[cfg(test)]
    Many,
}

impl Kind {
    pub(super) const ALL: [Self; 6] =
        [Self::Odd, Self::NoEdges, Self::OneNode, Self::OneLoop, Self::Star, Self::Source];

    fn nodes(self) -> usize {
        match self {
            Self::Odd => 7,
            Self::NoEdges | Self::Star | Self::Source => 5,
            Self::OneNode | Self::OneLoop => 1,
            #[cfg(test)]
            Self::Many => 1000,
        }
    }

    /// Edges from `n` to `m` nodes.
    fn edges(self, n: usize, m: usize, random: &mut Sequence) -> (Vec<usize>, Vec<usize>) {
        let mut below = |n: usize| random.below(u32::try_from(n).unwrap_or(u32::MAX)) as usize;
        match self {
            // The last node of each side has no edges.
            Self::Odd => {
                let mut edges = vec![(0, 1), (0, 1), (2, 2), (1, 0)];
                edges.extend((0..9).map(|_| (below(n - 1), below(m - 1))));
                edges.into_iter().unzip()
            }
            Self::NoEdges | Self::OneNode => (vec![], vec![]),
            Self::OneLoop => (vec![0], vec![0]),
            Self::Star => (0..n).map(|i| (i, 0)).unzip(),
            Self::Source => (0..m).map(|i| (0, i)).unzip(),
            #[cfg(test)]
            Self::Many => (0..100_000).map(|_| (below(n), below(m))).unzip(),
        }
    }
}

impl Sample {
    /// A sample for a setting; another one for another seed.
    pub(super) fn new(setting: &Setting, kind: Kind, seed: u64) -> Self {
        let stream = Stream::new(seed, 0xA17);
        let mut random = stream.sequence();
        let mut number = 0;
        let mut rows = |count: usize, shape: &[usize], positive: bool| {
            let len = count * shape.iter().product::<usize>();
            let numbers = (0..len).map(|_| {
                number += 1;
                let v = stream.normal(1_000_000 + number);
                if positive { v.abs() + 0.1 } else { v }
            });
            Rows { shape: shape.to_vec(), numbers: numbers.collect() }
        };
        let sets = setting.sets.iter().enumerate().map(|(k, &(suffix, columns))| {
            // Sides of different sizes, so that they cannot be taken for each other.
            let nodes = kind.nodes() + if kind.nodes() > 1 { k } else { 0 };
            let mut of = BTreeMap::from([(format!("x{suffix}"), rows(nodes, &[columns], false))]);
            if let Some(dimensions) = setting.pos {
                of.insert(format!("pos{suffix}"), rows(nodes, &[dimensions], false));
            }
            for &(name, columns) in setting.node_rows {
                of.insert(name.to_string(), rows(nodes, &[columns], false));
            }
            // Every third node's label is unknown.
            let label = |classes: usize, i: usize| (i % 3 != 2).then(|| (i % classes) as u32);
            let labels = setting.classes.map(|classes| (0..nodes).map(|i| label(classes, i)).collect());
            NodeSet { suffix, nodes, rows: of, batch: setting.batch.then(|| vec![0; nodes]), labels }
        });
        let sets: Vec<_> = sets.collect();
        let relations = setting.relations.iter().map(|&(suffix, from, to)| {
            let (source, destination) = kind.edges(sets[from].nodes, sets[to].nodes, &mut random);
            let count = source.len();
            let mut of = BTreeMap::new();
            if let Some(columns) = setting.edge_attr {
                of.insert("edge_attr".to_string(), rows(count, &[columns], false));
            }
            if setting.edge_weight {
                of.insert("edge_weight".to_string(), rows(count, &[], true));
            }
            let types = setting.edge_types.map(|n| {
                let one = |_| i64::from(random.below(u32::try_from(n).unwrap_or(1)));
                ((0..count).map(one).collect(), n)
            });
            Relation { suffix: suffix.to_string(), from, to, source, destination, rows: of, types }
        });
        let relations = relations.collect();
        Self { sets, relations, graphs: 1 }
    }

    /// Both side by side, as a batch.
    pub(super) fn union(&self, other: &Self) -> Self {
        let mut all = self.clone();
        for (set, more) in all.sets.iter_mut().zip(&other.sets) {
            for (rows, more) in set.rows.values_mut().zip(more.rows.values()) {
                rows.numbers.extend(&more.numbers);
            }
            if let (Some(batch), Some(more)) = (&mut set.batch, &more.batch) {
                batch.extend(more.iter().map(|b| b + self.graphs as i64));
            }
            if let (Some(labels), Some(more)) = (&mut set.labels, &more.labels) {
                labels.extend(more);
            }
        }
        for (relation, more) in all.relations.iter_mut().zip(&other.relations) {
            let (first, second) = (all.sets[relation.from].nodes, all.sets[relation.to].nodes);
            relation.source.extend(more.source.iter().map(|i| i + first));
            relation.destination.extend(more.destination.iter().map(|i| i + second));
            for (rows, more) in relation.rows.values_mut().zip(more.rows.values()) {
                rows.numbers.extend(&more.numbers);
            }
            if let (Some((types, _)), Some((more, _))) = (&mut relation.types, &more.types) {
                types.extend(more);
            }
        }
        for (set, more) in all.sets.iter_mut().zip(&other.sets) {
            set.nodes += more.nodes;
        }
        all.graphs += other.graphs;
        all
    }

    /// The nodes of every type and the edges of every relation in another order; with it, for every type, where each
    /// of the new nodes stood, and for every relation where each of the new edges stood.
    pub(super) fn shuffled(&self, seed: u64) -> (Self, Vec<Vec<usize>>, Vec<Vec<usize>>) {
        let mut random = Stream::new(seed, 0x5F).sequence();
        let mut order = |n: usize, groups: Option<&Vec<i64>>| {
            let mut order: Vec<usize> = (0..n).collect();
            random.shuffle(&mut order);
            // The nodes of a graph stay together.
            if let Some(groups) = groups {
                order.sort_by_key(|&i| groups[i]);
            }
            order
        };
        let mut all = self.clone();
        let nodes: Vec<_> = self.sets.iter().map(|set| order(set.nodes, set.batch.as_ref())).collect();
        let edges: Vec<_> = self.relations.iter().map(|r| order(r.source.len(), None)).collect();
        for (set, order) in all.sets.iter_mut().zip(&nodes) {
            set.rows.values_mut().for_each(|rows| *rows = rows.permuted(order));
            if let Some(labels) = &mut set.labels {
                *labels = order.iter().map(|&i| labels[i]).collect();
            }
        }
        for (relation, order) in all.relations.iter_mut().zip(&edges) {
            let place = |order: &[usize]| {
                let mut place = vec![0; order.len()];
                order.iter().enumerate().for_each(|(new, &old)| place[old] = new);
                place
            };
            let (from, to) = (place(&nodes[relation.from]), place(&nodes[relation.to]));
            relation.source = order.iter().map(|&e| from[relation.source[e]]).collect();
            relation.destination = order.iter().map(|&e| to[relation.destination[e]]).collect();
            relation.rows.values_mut().for_each(|rows| *rows = rows.permuted(order));
            if let Some((types, _)) = &mut relation.types {
                *types = order.iter().map(|&e| types[e]).collect();
            }
        }
        (all, nodes, edges)
    }

    /// Features of nodes `factor` times as large.
    pub(super) fn scaled(&self, factor: f64) -> Self {
        let mut all = self.clone();
        for (name, rows) in all.sets.iter_mut().flat_map(|set| &mut set.rows) {
            if name.starts_with('x') {
                rows.numbers.iter_mut().for_each(|v| *v *= factor);
            }
        }
        all
    }

    /// The tensors under their names.
    pub(super) fn tensors(&self, dtype: DType) -> Result<BTreeMap<String, Tensor>> {
        let ids = |ids: Vec<i64>, shape: &[usize]| Tensor::from_vec(ids, shape, &Device::Cpu);
        let mut all = BTreeMap::new();
        for set in &self.sets {
            for (name, rows) in &set.rows {
                all.insert(name.clone(), rows.tensor(dtype)?);
            }
            if let Some(batch) = &set.batch {
                all.insert(format!("batch{}", set.suffix), ids(batch.clone(), &[set.nodes])?);
            }
            if let Some(labels) = &set.labels {
                let y = labels.iter().map(|label| label.map_or(-1, i64::from)).collect();
                let mask = labels.iter().map(|label| i64::from(label.is_some())).collect();
                all.insert("y".to_string(), ids(y, &[set.nodes])?);
                all.insert("mask".to_string(), ids(mask, &[set.nodes])?);
            }
        }
        for r in &self.relations {
            let both: Vec<i64> = r.source.iter().chain(&r.destination).map(|&i| i as i64).collect();
            let count = r.source.len();
            all.insert(format!("edge_index{}", r.suffix), ids(both, &[2, count])?);
            for (name, rows) in &r.rows {
                all.insert(format!("{name}{}", r.suffix), rows.tensor(dtype)?);
            }
            if let Some((types, _)) = &r.types {
                all.insert(format!("edge_type{}", r.suffix), ids(types.clone(), &[count])?);
            }
        }
        Ok(all)
    }

    /// The nodes that an output of that name has rows for.
    pub(super) fn set_of(&self, output: &str) -> Option<usize> {
        let named = |set: &NodeSet| set.suffix.strip_prefix('.').is_some_and(|kind| kind == output);
        self.sets.iter().position(named).or_else(|| self.relations.first().map(|r| r.to)).or(Some(0))
    }
}
