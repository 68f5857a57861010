use candle_core::Tensor;
use candle_geometric_graph::EdgeIndex;

use super::scatter::{gather_dst, gather_src, sum};
use super::softmax::segment_softmax;
use super::{dropout, leaky_relu};
use crate::{Dropout, DynamicScoring, Result, Scoring};

/// [`crate::attend`].
///
/// # Errors
/// If Candle fails.
pub fn attend(scores: &Tensor, values: &Tensor, edges: &EdgeIndex) -> Result<Tensor> {
    weighted_sum(&segment_softmax(scores, edges)?, values, edges)
}

/// [`crate::additive_attention`].
///
/// # Errors
/// If Candle fails.
pub fn additive_attention(
    values: &Tensor,
    src_scores: &Tensor,
    dst_scores: Option<&Tensor>,
    edge_scores: Option<&Tensor>,
    edges: &EdgeIndex,
    negative_slope: f64,
    attention_dropout: Option<Dropout>,
) -> Result<Tensor> {
    let alpha = additive_attention_weights(src_scores, dst_scores, edge_scores, edges, negative_slope)?;
    weighted_sum(&dropped(alpha, attention_dropout)?, values, edges)
}

/// [`crate::layer_attention`].
///
/// # Errors
/// If Candle fails.
pub fn layer_attention(
    h: &Tensor,
    scoring: Scoring<'_>,
    bias: Option<&Tensor>,
    edges: &EdgeIndex,
    attention_dropout: Option<Dropout>,
) -> Result<Tensor> {
    let heads = scoring.att_src.dim(0)?;
    let per_head = h.reshape((h.dim(0)?, heads, h.dim(1)? / heads))?;
    let scores = |att: &Tensor| per_head.broadcast_mul(&att.unsqueeze(0)?)?.sum(2);
    let (src, dst) = (scores(scoring.att_src)?, scores(scoring.att_dst)?);
    let slope = scoring.negative_slope;
    let edge = scoring.edge_scores;
    let out = additive_attention(h, &src, Some(&dst), edge, edges, slope, attention_dropout)?;
    match bias {
        Some(bias) => super::bias_add(&out, bias),
        None => Ok(out),
    }
}

/// [`crate::additive_attention_weights`].
///
/// # Errors
/// If Candle fails.
pub fn additive_attention_weights(
    src_scores: &Tensor,
    dst_scores: Option<&Tensor>,
    edge_scores: Option<&Tensor>,
    edges: &EdgeIndex,
    negative_slope: f64,
) -> Result<Tensor> {
    let mut scores = gather_src(src_scores, edges)?;
    if let Some(s) = dst_scores {
        scores = (scores + gather_dst(s, edges)?)?;
    }
    if let Some(s) = edge_scores {
        scores = (scores + s)?;
    }
    segment_softmax(&leaky_relu(&scores, negative_slope)?, edges)
}

/// [`crate::dynamic_attention`], with dropout and nothing else of its [`Extras`](crate::Extras).
///
/// # Errors
/// If Candle fails.
pub fn dynamic_attention(
    x_src: &Tensor,
    x_dst: &Tensor,
    scoring: DynamicScoring<'_>,
    edges: &EdgeIndex,
    attention_dropout: Option<Dropout>,
) -> Result<Tensor> {
    let alpha = dynamic_attention_weights(x_src, x_dst, scoring, edges)?;
    weighted_sum(&dropped(alpha, attention_dropout)?, x_src, edges)
}

/// [`crate::dynamic_attention_weights`].
///
/// # Errors
/// If Candle fails.
pub fn dynamic_attention_weights(
    x_src: &Tensor,
    x_dst: &Tensor,
    DynamicScoring { att, edge_terms, negative_slope }: DynamicScoring<'_>,
    edges: &EdgeIndex,
) -> Result<Tensor> {
    let (heads, channels) = att.dims2()?;
    let mut terms = (gather_src(x_src, edges)? + gather_dst(x_dst, edges)?)?;
    if let Some(t) = edge_terms {
        terms = (terms + t)?;
    }
    let terms = leaky_relu(&terms, negative_slope)?.reshape((edges.num_edges(), heads, channels))?;
    segment_softmax(&terms.broadcast_mul(att)?.sum(2)?, edges)
}

/// [`crate::dot_product_attention`].
///
/// # Errors
/// If Candle fails.
pub fn dot_product_attention(
    query: &Tensor,
    key: &Tensor,
    value: &Tensor,
    edge_terms: Option<&Tensor>,
    heads: usize,
    edges: &EdgeIndex,
    attention_dropout: Option<Dropout>,
) -> Result<Tensor> {
    let alpha = dot_product_attention_weights(query, key, edge_terms, heads, edges)?;
    let messages = at_edges(value, edge_terms, edges)?;
    weighted_messages(&dropped(alpha, attention_dropout)?, &messages, edges)
}

/// [`crate::dot_product_attention_weights`].
///
/// # Errors
/// If Candle fails.
pub fn dot_product_attention_weights(
    query: &Tensor,
    key: &Tensor,
    edge_terms: Option<&Tensor>,
    heads: usize,
    edges: &EdgeIndex,
) -> Result<Tensor> {
    let channels = query.dim(1)? / heads;
    let products = (gather_dst(query, edges)? * at_edges(key, edge_terms, edges)?)?;
    let scores = products.reshape((edges.num_edges(), heads, channels))?.sum(2)?;
    segment_softmax(&(scores / (channels as f64).sqrt())?, edges)
}

/// `x[source(e)] (+ edge_terms[e])` for every edge.
fn at_edges(x: &Tensor, edge_terms: Option<&Tensor>, edges: &EdgeIndex) -> Result<Tensor> {
    let rows = gather_src(x, edges)?;
    match edge_terms {
        Some(terms) => Ok((rows + terms)?),
        None => Ok(rows),
    }
}

/// `Σ alpha[e, h] · values[source(e), h]` over the in-edges of every destination.
pub(super) fn weighted_sum(alpha: &Tensor, values: &Tensor, edges: &EdgeIndex) -> Result<Tensor> {
    weighted_messages(alpha, &gather_src(values, edges)?, edges)
}

/// `Σ alpha[e, h] · messages[e, h]` over the in-edges of every destination.
fn weighted_messages(alpha: &Tensor, messages: &Tensor, edges: &EdgeIndex) -> Result<Tensor> {
    let (num_edges, heads) = alpha.dims2()?;
    let columns = messages.dim(1)?;
    let messages = messages.reshape((num_edges, heads, columns / heads))?;
    let messages = messages.broadcast_mul(&alpha.unsqueeze(2)?)?;
    sum(&messages.reshape((num_edges, columns))?, edges)
}

fn dropped(alpha: Tensor, attention_dropout: Option<Dropout>) -> Result<Tensor> {
    match attention_dropout {
        Some(d) => dropout(&alpha, d),
        None => Ok(alpha),
    }
}
