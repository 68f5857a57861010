//! The gauntlet: what every layer must stand, whatever it computes. It needs no files.
//!
//! On small random graphs, in f64: gradients are those of finite differences; with the nodes in another order the
//! result is the same in that order; a graph's result does not depend on what else is in the batch; no edges, one node,
//! isolated nodes, duplicate edges, self-loops, features of ±1e4 and groups of scores −∞ give finite numbers; any number of threads gives the
//! same bits; so do parameters that were saved and loaded; f16 and bf16 give what f64 gives, rounded; a wrong shape is an error that names the argument and what
//! came. [`Trial`]s say what a layer is tried on: a layer without one cannot be registered.

mod checks;
#[cfg(test)]
mod memory;
mod sample;

use anyhow::{Context, Result};

use super::Layer;
use checks::Bench;

/// What a layer is tried on.
pub(crate) struct Trial {
    /// The constructor's arguments, a JSON object, as in a case file.
    pub(crate) kwargs: &'static str,
    /// What it is applied to.
    pub(crate) setting: Setting,
    /// What the rows of its results belong to.
    pub(crate) rows: Rows,
}

/// What a row of a result belongs to; one of the results `edges` and `alpha` always belongs to an edge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rows {
    /// A node: of the type of that name where there are types, else a destination.
    Nodes,
    /// An edge.
    Edges,
    /// A graph, whatever the order of its nodes.
    Graphs,
    /// Something that the layer chooses, such as the nodes that a pooling keeps: no order of them is wrong.
    Other,
}

/// What there is: node features `x`, `edge_index`, and more, under the names of PyTorch Geometric.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Setting {
    /// What stands behind `x`, and the number of features, for every type of nodes.
    sets: &'static [(&'static str, usize)],
    /// What stands behind `edge_index`, and the positions in `sets` of where edges begin and end.
    relations: &'static [(&'static str, usize, usize)],
    edge_attr: Option<usize>,
    edge_weight: bool,
    edge_types: Option<usize>,
    batch: bool,
    pos: Option<usize>,
    node_rows: &'static [(&'static str, usize)],
    classes: Option<usize>,
    /// The tensor that holds scores, if one does.
    scores: Option<&'static str>,
    /// Whether features of ±1e4 must give finite results.
    large: bool,
    /// Whether the layer takes any number of features.
    any_width: bool,
    /// What gets another gradient than the slope.
    other_gradients: &'static [&'static str],
}

impl Setting {
    /// Types of nodes, as `(suffix of x, features)`, and of edges, as `(suffix of edge_index, from, to)`.
    ///
    /// One type has the suffix `""`; a bipartite graph `"_src"` and `"_dst"`; the types of a heterogeneous graph
    /// `".paper"`, and its relations `".author__writes__paper"`.
    pub(crate) const fn new(
        sets: &'static [(&'static str, usize)],
        relations: &'static [(&'static str, usize, usize)],
    ) -> Self {
        Self {
            sets,
            relations,
            edge_attr: None,
            edge_weight: false,
            edge_types: None,
            batch: false,
            pos: None,
            node_rows: &[],
            classes: None,
            scores: None,
            large: true,
            any_width: false,
            other_gradients: &[],
        }
    }

    /// `x` and `edge_index`, with 5 features.
    pub(crate) const fn graph() -> Self {
        Self::new(&[("", 5)], &[("", 0, 0)])
    }

    /// `x_src`, `x_dst` and `edge_index`, with 5 and 4 features.
    pub(crate) const fn bipartite() -> Self {
        Self::new(&[("_src", 5), ("_dst", 4)], &[("", 0, 1)])
    }

    /// `x` and `batch`, with 5 features, and no edges.
    pub(crate) const fn nodes() -> Self {
        Self::new(&[("", 5)], &[]).batch()
    }

    /// And `edge_attr` with so many columns.
    pub(crate) const fn edge_attr(mut self, columns: usize) -> Self {
        self.edge_attr = Some(columns);
        self
    }

    /// And `edge_weight`, positive.
    pub(crate) const fn edge_weight(mut self) -> Self {
        self.edge_weight = true;
        self
    }

    /// And `edge_type`, of so many types.
    pub(crate) const fn edge_types(mut self, types: usize) -> Self {
        self.edge_types = Some(types);
        self
    }

    /// And `batch`.
    pub(crate) const fn batch(mut self) -> Self {
        self.batch = true;
        self
    }

    /// And `pos`, of so many dimensions.
    pub(crate) const fn pos(mut self, dimensions: usize) -> Self {
        self.pos = Some(dimensions);
        self
    }

    /// And further tensors with a row per node, by name and columns.
    pub(crate) const fn node_rows(mut self, rows: &'static [(&'static str, usize)]) -> Self {
        self.node_rows = rows;
        self
    }

    /// And labels `y` of so many classes, known where `mask` is 1.
    pub(crate) const fn labels(mut self, classes: usize) -> Self {
        self.classes = Some(classes);
        self
    }

    /// Where the tensor of this name holds scores, which may be −∞.
    pub(crate) const fn scores(mut self, name: &'static str) -> Self {
        self.scores = Some(name);
        self
    }

    /// Where numbers of this size have no finite result, whoever computes it, such as a product of many.
    pub(crate) const fn small(mut self) -> Self {
        self.large = false;
        self
    }

    /// Where the layer has no parameters and takes any number of features.
    pub(crate) const fn any_width(mut self) -> Self {
        self.any_width = true;
        self
    }

    /// Inputs and parameters whose gradient is the peer's and not the slope, on purpose: `in.x`, `param.weight`, ….
    pub(crate) const fn other_gradients(mut self, names: &'static [&'static str]) -> Self {
        self.other_gradients = names;
        self
    }
}

/// Runs everything on a layer. Gives the names of the checks and how each ended.
pub(crate) fn run(layer: Layer, trial: &Trial) -> Vec<(&'static str, Result<()>)> {
    type Check = fn(&Bench<'_>) -> Result<()>;
    let checks: [(&'static str, Check); 10] = [
        ("gradients are finite differences", |b| b.differences()),
        ("the order of nodes and edges does not matter", |b| b.permutations()),
        ("batch-mates do not matter", |b| b.batches()),
        ("degenerate graphs", |b| b.degenerate()),
        ("features of 1e4", |b| b.large()),
        ("graphs whose scores are all −∞", |b| b.masked()),
        ("any number of threads", |b| b.threads()),
        ("saved and loaded", |b| b.saved()),
        ("half precision", |b| b.halves()),
        ("wrong shapes", |b| b.shapes()),
    ];
    match Bench::new(layer, trial) {
        Err(error) => vec![("construction", Err(error))],
        Ok(bench) => checks
            .map(|(name, check)| (name, check(&bench).with_context(|| format!("kwargs {}", trial.kwargs))))
            .into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verify::layers;

    /// The gauntlet, for every layer.
    #[test]
    fn every_layer_stands_it() {
        let mut failures = Vec::new();
        for (name, layer, trials) in layers::trials("") {
            for trial in trials {
                for (check, outcome) in run(layer, trial) {
                    if let Err(error) = outcome {
                        failures.push(format!("{name}: {check}: {error:#}"));
                    }
                }
            }
        }
        assert!(failures.is_empty(), "{}", failures.join("\n"));
    }
}
