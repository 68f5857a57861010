use candle_core::Tensor;
use candle_geometric_graph::EdgeIndex;
use candle_geometric_nn::Mode;
use candle_geometric_nn::conv::Attention;
use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// What each row of a model's output belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// A node of the graph.
    Node,
    /// A graph of the batch.
    Graph,
}

/// A model that computes an output for every node of a graph, or for every graph of a batch.
pub trait GraphModel: Send + Sync {
    /// What a row of the output belongs to.
    fn level(&self) -> Level {
        Level::Node
    }

    /// The outputs of `x`, `[N, in_channels]`: `[N, out_channels]` for a model of nodes, `[B, out_channels]` for one of graphs
    /// (logits, where the task is classification).
    ///
    /// `edge_attr` is what the architecture takes with an edge: features `[E, edge_dim]` for a `Gat` that was made
    /// with `edge_dim`, a weight `[E]` for a `Gcn`, in the order of `edges`. `batch` is the graph of each node, as
    /// [`EdgeIndex::from_batch`] makes it, for models of graphs and for norms that look at graphs; without it all nodes are
    /// one graph.
    ///
    /// # Errors
    /// If shapes, types or devices do not fit, or `edge_attr` is given to a model that takes none or lacking where one is
    /// wanted.
    fn forward_batch(
        &self,
        x: &Tensor,
        edges: &EdgeIndex,
        edge_attr: Option<&Tensor>,
        batch: Option<&EdgeIndex>,
        mode: Mode<'_>,
    ) -> Result<Tensor>;

    /// [`GraphModel::forward_batch`] of one graph.
    ///
    /// # Errors
    /// As [`GraphModel::forward_batch`].
    fn forward_t(
        &self,
        x: &Tensor,
        edges: &EdgeIndex,
        edge_attr: Option<&Tensor>,
        mode: Mode<'_>,
    ) -> Result<Tensor> {
        self.forward_batch(x, edges, edge_attr, None, mode)
    }

    /// [`GraphModel::forward_batch`] in evaluation mode, with the message of every edge in every layer multiplied by its
    /// entry of `edge_mask` `[E]`; in attention after the softmax. A mask of ones changes nothing. This is what explanations
    /// learn, or take the gradient by: see `candle-geometric-explain`.
    ///
    /// # Errors
    /// As [`GraphModel::forward_batch`], if `edge_mask` is not `[E]`, or the model does not take a mask.
    fn forward_masked(
        &self,
        _x: &Tensor,
        _edges: &EdgeIndex,
        _edge_attr: Option<&Tensor>,
        _batch: Option<&EdgeIndex>,
        _edge_mask: &Tensor,
    ) -> Result<Tensor> {
        Err(Error::NoEdgeMask)
    }

    /// The attention of every layer that has any, in evaluation mode, first layer first; none for a model without attention.
    ///
    /// # Errors
    /// As [`GraphModel::forward_batch`].
    fn attention(
        &self,
        x: &Tensor,
        edges: &EdgeIndex,
        edge_attr: Option<&Tensor>,
        batch: Option<&EdgeIndex>,
    ) -> Result<Vec<Attention>>;

    /// [`GraphModel::forward_t`] in evaluation mode, without edge attributes.
    ///
    /// # Errors
    /// As [`GraphModel::forward_t`].
    fn forward(&self, x: &Tensor, edges: &EdgeIndex) -> Result<Tensor> {
        self.forward_t(x, edges, None, Mode::Eval)
    }
}
