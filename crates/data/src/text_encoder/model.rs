//! From token ids to hidden states.

use candle_core::{DType, Device, Tensor};
use candle_nn::{Embedding, LayerNorm, Linear, Module, VarBuilder, embedding, layer_norm, linear};
use candle_transformers::models::bert::BertEncoder;
use candle_transformers::models::modernbert::ModernBert;

use super::config::{Architecture, BertLike};
use crate::Result;

/// A model with its weights.
pub(super) enum Model {
    Bert(Box<Bert>),
    Modern(ModernBert),
}

/// A batch of texts: B texts, padded on the right to L tokens.
pub(super) struct Batch {
    /// `[B, L]` of u32.
    pub(super) ids: Tensor,
    /// `[B, L]` of f32: 1 for a token, 0 for padding.
    pub(super) mask: Tensor,
}

impl Model {
    pub(super) fn load(architecture: &Architecture, vb: VarBuilder<'_>) -> Result<Self> {
        Ok(match architecture {
            Architecture::Bert(model) => Self::Bert(Box::new(Bert::load(model, vb)?)),
            Architecture::Modern(config) => Self::Modern(ModernBert::load(vb, config)?),
        })
    }

    /// The hidden states after the last layer, `[B, L, D]`; what they are at padding is no matter.
    pub(super) fn forward(&self, batch: &Batch) -> Result<Tensor> {
        Ok(match self {
            Self::Bert(model) => model.forward(batch)?,
            Self::Modern(model) => model.forward(&batch.ids, &batch.mask)?,
        })
    }
}

/// BERT and its kin. The layers are those of `candle-transformers`. The embeddings are not, because in DistilBERT, RoBERTa and
/// MPNet they alone are other than in BERT, so that one model stands for all.
pub(super) struct Bert {
    words: Embedding,
    /// From the row of the first token on.
    positions: Tensor,
    /// The row of type 0, which is the type of all tokens.
    token_type: Option<Tensor>,
    norm: LayerNorm,
    project: Option<Linear>,
    /// Of MPNet: what is added to the scores of every head, by the bucket of the distance, `[buckets, H]`.
    relative: Option<Tensor>,
    encoder: BertEncoder,
    dtype: DType,
}

impl Bert {
    fn load(model: &BertLike, vb: VarBuilder<'_>) -> candle_core::Result<Self> {
        let BertLike { layers, embedding_size: width, first_position, .. } = model;
        let at = vb.pp("embeddings");
        let rows = layers.max_position_embeddings;
        let positions = at.pp("position_embeddings").get((rows, *width), "weight")?;
        let types = || {
            at.pp("token_type_embeddings").get((layers.type_vocab_size, *width), "weight")?.narrow(0, 0, 1)
        };
        let project = || linear(*width, layers.hidden_size, vb.pp("embeddings_project"));
        let relative = |buckets: usize| {
            vb.pp("encoder.relative_attention_bias").get((buckets, layers.num_attention_heads), "weight")
        };
        Ok(Self {
            words: embedding(layers.vocab_size, *width, at.pp("word_embeddings"))?,
            positions: positions.narrow(0, *first_position, rows - first_position)?,
            token_type: model.token_types.then(types).transpose()?,
            norm: layer_norm(*width, layers.layer_norm_eps, at.pp("LayerNorm"))?,
            project: (*width != layers.hidden_size).then(project).transpose()?,
            relative: model.relative_buckets.map(relative).transpose()?,
            encoder: BertEncoder::load(vb.pp("encoder"), layers)?,
            dtype: vb.dtype(),
        })
    }

    fn forward(&self, batch: &Batch) -> candle_core::Result<Tensor> {
        let length = batch.ids.dim(1)?;
        let mut x = self.words.forward(&batch.ids)?.broadcast_add(&self.positions.narrow(0, 0, length)?)?;
        if let Some(token_type) = &self.token_type {
            x = x.broadcast_add(token_type)?;
        }
        x = self.norm.forward(&x)?;
        if let Some(project) = &self.project {
            x = project.forward(&x)?;
        }
        // Minus infinity, not a large number: padding has a weight of exactly 0, in every type. No row is all padding.
        let padding = batch.mask.zeros_like()?;
        let padding = batch.mask.gt(0f32)?.where_cond(&padding, &(&padding + f64::NEG_INFINITY)?)?;
        let mut bias = padding.unsqueeze(1)?.unsqueeze(1)?.to_dtype(self.dtype)?;
        if let Some(relative) = &self.relative {
            let (buckets, heads) = relative.dims2()?;
            let of_pairs = relative_buckets(length, buckets, relative.device())?;
            let relative = relative.index_select(&of_pairs, 0)?.reshape((length, length, heads))?;
            bias = bias.broadcast_add(&relative.permute((2, 0, 1))?.unsqueeze(0)?)?;
        }
        self.encoder.forward(&x, &bias)
    }
}

/// The bucket of every pair of positions, row by row: of T5 (Raffel et al. 2020), for both directions. Near positions have one
/// each, those farther away share one with more and more others, up to a distance of 128.
fn relative_buckets(length: usize, buckets: usize, device: &Device) -> candle_core::Result<Tensor> {
    const FARTHEST: f32 = 128.;
    let half = buckets / 2;
    let near = half / 2;
    let bucket = |distance: usize| {
        if distance < near {
            return distance;
        }
        let far = (distance as f32 / near as f32).ln() / (FARTHEST / near as f32).ln();
        (near + (far * (half - near) as f32) as usize).min(half.saturating_sub(1))
    };
    let pair = |i: usize, j: usize| (bucket(i.abs_diff(j)) + if j > i { half } else { 0 }) as u32;
    let all: Vec<u32> = (0..length).flat_map(|i| (0..length).map(move |j| pair(i, j))).collect();
    Tensor::from_vec(all, length * length, device)
}
