use candle_core::Tensor;
use candle_geometric_graph::Relations;
use candle_geometric_ops as ops;
use serde::{Deserialize, Serialize};

use crate::Result;

/// Over which in-edges of a node the weights of an [`RgatConv`](super::RgatConv) sum to 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AttentionMechanism {
    /// Those of one relation: every relation counts as much as any other.
    WithinRelation,
    /// All of them.
    #[default]
    AcrossRelation,
}

/// How an [`RgatConv`](super::RgatConv) scores an edge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AttentionMode {
    /// LeakyReLU of the sum of query, key and edge.
    #[default]
    AdditiveSelfAttention,
    /// The product of query, key and edge.
    MultiplicativeSelfAttention,
}

impl AttentionMechanism {
    /// α of the scores, both `[E, H·D]`.
    pub(super) fn weights(self, scores: &Tensor, relations: &Relations) -> Result<Tensor> {
        Ok(match self {
            Self::AcrossRelation => ops::segment_softmax(scores, relations.edges())?,
            Self::WithinRelation => ops::segment_softmax(scores, relations.to_pairs()?)?,
        })
    }
}

impl AttentionMode {
    /// s of query, key and edge, all `[E, H·D]`.
    pub(super) fn scores(
        self,
        query: Tensor,
        key: Tensor,
        edge: Option<Tensor>,
        negative_slope: f64,
    ) -> Result<Tensor> {
        match self {
            Self::AdditiveSelfAttention => {
                let sum = (query + key)?;
                let sum = edge.map_or(Ok(sum.clone()), |edge| sum + edge)?;
                Ok(ops::leaky_relu(&sum, negative_slope)?)
            }
            Self::MultiplicativeSelfAttention => {
                let product = (query * key)?;
                Ok(edge.map_or(Ok(product.clone()), |edge| product * edge)?)
            }
        }
    }
}
